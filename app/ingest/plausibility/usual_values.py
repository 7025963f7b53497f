"""The usual values and steps of a series' channels, from its recent rows, robust to outliers."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from models.arrays import Values

Mask = npt.NDArray[np.bool_]
PerChannel = npt.NDArray[np.float64]

# A value is compared with the median of this many rows before it, which one outlier cannot move.
LEVEL_ROWS = 5
# Fewer values than this prove nothing about the next one.
LEAST_VALUES = 20
# One row in 200, and at least one, may be an outlier without widening what is usual.
_OUTLIER_SHARE = 200
# How far beyond the usual range a value must be: this many times the range's half width. The
# 0.5 % quantile of normal values is 2.6 standard deviations from the median, so a value is far
# from 13 standard deviations on.
FAR = 4.0
# Values of channels that mostly stay at one value, such as rain, have longer tails.
_FAR_WHEN_ACTIVE = 10.0
_MOSTLY = 0.5
# Of channels whose values are all positive, smaller ones than this share of the median may be far.
_SMALL = 0.2


@dataclass(frozen=True, slots=True)
class UsualValues:
    """What is usual in each channel; infinite where the rows do not show it.

    Args:
        low: Few values are below.
        high: Few values are above.
        middle: The median.
        below: How far below `middle` a value is far away.
        above: How far above `middle` a value is far away.
        share: Of channels whose values are all positive, the share of `middle` below which positive
            values are far away: a wrong unit makes them small, not negative. 0 for others.
        step: Few distances from the median of the rows before are larger.
        far_step: Distances from here on are far.
    """

    low: PerChannel
    high: PerChannel
    middle: PerChannel
    below: PerChannel
    above: PerChannel
    share: PerChannel
    step: PerChannel
    far_step: PerChannel

    @classmethod
    def of(cls, values: Values, angular: Mask) -> Self:
        """What is usual in rows in the order of time.

        Args:
            values: `(rows, channels)`, NaN where missing.
            angular: Which channels are directions: they have no usual step.
        """
        ordered, counts = _ordered(values)
        low, middle, high = (_at(ordered, rank) for rank in _ranks(counts))
        enough = counts >= LEAST_VALUES
        mostly_one = enough & ((values == middle).sum(axis=0) > _MOSTLY * counts)
        below, above = _far_from_middle(low, middle, high)
        active = _far_when_active(values, middle)
        below, above = (np.where(mostly_one, active, each) for each in (below, above))
        step = _usual_step(values)
        no_step = angular | mostly_one | ~enough | (step == 0)
        return cls(
            low=np.where(enough, low, -np.inf),
            high=np.where(enough, high, np.inf),
            middle=middle,
            below=np.where(enough & (below > 0), below, np.inf),
            above=np.where(enough & (above > 0), above, np.inf),
            share=np.where(enough & ~mostly_one & (ordered[0] > 0), _small(low, middle), 0),
            step=np.where(no_step, np.inf, step),
            far_step=np.where(no_step, np.inf, (1 + FAR) * step),
        )


def levels(values: Values) -> Values:
    """For each row after the first `LEVEL_ROWS`, the median of the rows before it."""
    windows = np.lib.stride_tricks.sliding_window_view(values[:-1], LEVEL_ROWS, axis=0)
    # NaN is sorted to the end: the middle of the values that are there is taken.
    ordered = np.sort(windows, axis=-1)
    present = (~np.isnan(ordered)).sum(axis=-1)
    middle = np.maximum(present - 1, 0) // 2
    found: Values = np.take_along_axis(ordered, middle[..., np.newaxis], axis=-1)[..., 0]
    return found


def _ordered(values: Values) -> tuple[Values, npt.NDArray[np.int64]]:
    """The values of each channel in order, NaN last, and how many there are."""
    return np.sort(values, axis=0), (~np.isnan(values)).sum(axis=0)


def _ranks(counts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
    """The places of the lowest usual value, the median and the highest usual value."""
    spared = np.maximum(1, counts // _OUTLIER_SHARE)
    last = np.maximum(counts - 1, 0)
    return np.minimum(spared, last), last // 2, np.maximum(last - spared, 0)


def _at(ordered: Values, rank: npt.NDArray[np.int64]) -> PerChannel:
    found: PerChannel = np.take_along_axis(ordered, rank[np.newaxis], axis=0)[0]
    return found


def _far_from_middle(
    low: PerChannel, middle: PerChannel, high: PerChannel
) -> tuple[PerChannel, PerChannel]:
    """How far below and above the median values are far away."""
    down, up = middle - low, high - middle
    # Where one side is short, as below the median of wind speeds, the other side tells the scale.
    return (1 + FAR) * np.maximum(down, up / 4), (1 + FAR) * np.maximum(up, down / 4)


def _small(low: PerChannel, middle: PerChannel) -> PerChannel:
    """The share of the median that is as far below it, in logarithms, as `FAR` says."""
    # Of two values the lower one is the middle.
    is_positive = (low > 0) & (middle > 0)
    usual = np.divide(low, middle, out=np.zeros_like(low), where=is_positive)
    return np.minimum(usual ** (1 + FAR), _SMALL)


def _far_when_active(values: Values, middle: PerChannel) -> PerChannel:
    """The same for channels that mostly stay at one value, from the values that differ from it."""
    distances = np.abs(values - middle)
    ordered, counts = _ordered(np.where(distances > 0, distances, np.nan))
    usual = _at(ordered, _ranks(counts)[2])
    return np.where(counts >= LEAST_VALUES, (1 + _FAR_WHEN_ACTIVE) * usual, np.inf)


def _usual_step(values: Values) -> PerChannel:
    """The distance from the rows before that few rows exceed."""
    if len(values) <= LEVEL_ROWS:
        return np.full(values.shape[1], np.inf)
    ordered, counts = _ordered(np.abs(values[LEVEL_ROWS:] - levels(values)))
    step = _at(ordered, _ranks(counts)[2])
    return np.where(counts >= LEAST_VALUES, step, np.inf)
