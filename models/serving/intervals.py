"""Prediction intervals: conformal distances around the median, fitted on validation rows.

The width at each level is set on validation rows so that it covers its nominal share of them:
split conformal for a point forecast (Lei et al. 2018, doi:10.1080/01621459.2017.1307116),
conformalised quantile regression for quantiles (Romano et al. 2019, arXiv 1905.03222).
`interval_tracker.py` adapts the widths to the errors observed after validation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.arrays import Values
from models.features.scaling import TargetScaling

# Percent; bounds at other levels are interpolated between those of their neighbours.
LEVELS = (20.0, 40.0, 60.0, 80.0, 90.0, 95.0, 99.0)
# Percent; each has its own width factor. Levels between them interpolate, others take the nearer.
TRACKED_LEVELS = (80.0, 95.0)
# Intervals are not fitted on fewer validation origins.
LEAST_ORIGINS = 20


@dataclass(frozen=True, slots=True)
class Intervals:
    """Fitted intervals; arrays are float64 in the scaled units of the network's outputs.

    Args:
        quantiles: `(quantiles,)` that the network predicts, from 0 to 1; `(0.5,)` for a point.
        lower: `(levels, leads, targets)`, added to the distance from median to lower quantile.
        upper: `(levels, leads, targets)`, added to the distance from median to upper quantile.
        since: Errors of forecasts made at or after this time move the widths; None for never.

    Example:
        Point forecasts of 0 for one lead and one target; their errors are -20, -19, ..., 20.

        >>> import numpy as np
        >>> predicted = np.zeros((41, 1, 1, 1))
        >>> labels = np.arange(-20.0, 21.0).reshape(41, 1, 1)
        >>> intervals = Intervals.fit((0.5,), predicted, labels, since=None)
        >>> intervals.upper.shape, len(LEVELS)
        ((7, 1, 1), 7)

        The 80 % interval leaves a tail of 10 %: the 38th of 41 sorted errors is 17.

        >>> LEVELS[3], float(intervals.lower[3, 0, 0]), float(intervals.upper[3, 0, 0])
        (80.0, 17.0, 17.0)
        >>> Intervals.from_json(intervals.to_json()).quantiles
        (0.5,)
    """

    quantiles: tuple[float, ...]
    lower: Values
    upper: Values
    since: np.datetime64 | None

    @classmethod
    def fit(
        cls,
        quantiles: Sequence[float],
        predicted: Values,
        labels: Values,
        since: np.datetime64 | None,
    ) -> Self | None:
        """Set the widths from forecasts of validation rows.

        Args:
            quantiles: The quantiles along the last axis of `predicted`.
            predicted: `(origins, leads, targets, quantiles)`, scaled.
            labels: `(origins, leads, targets)`, the observed values, scaled; NaN is missing.
            since: When errors begin to move the widths.

        Returns:
            The intervals, or None if there are fewer than `LEAST_ORIGINS` origins.
        """
        if len(predicted) < LEAST_ORIGINS:
            return None
        levels, leads, targets = len(LEVELS), *labels.shape[1:]
        blank = cls(
            tuple(quantiles),
            np.zeros((levels, leads, targets)),
            np.zeros((levels, leads, targets)),
            since,
        )
        middle, below, above = blank.quantile_distances(predicted)
        error = labels - middle
        tails = [(1 - level / 100) / 2 for level in LEVELS]
        lower = [_upper_quantile(-error - below[k], tail) for k, tail in enumerate(tails)]
        upper = [_upper_quantile(error - above[k], tail) for k, tail in enumerate(tails)]
        return cls(tuple(quantiles), np.stack(lower), np.stack(upper), since)

    @classmethod
    def mean(cls, several: Sequence[Self]) -> Self:
        """Intervals for a series whose errors are unknown: the mean widths of other series.

        Widths move starting at the latest `since` of the others: before it, the network may
        have learnt from series that move together with this one.
        """
        moments = [each.since for each in several if each.since is not None]
        return cls(
            several[0].quantiles,
            np.mean([each.lower for each in several], axis=0),
            np.mean([each.upper for each in several], axis=0),
            max(moments, default=None),
        )

    def quantile_distances(self, predicted: Values) -> tuple[Values, Values, Values]:
        """The median, and the distances from it to the quantiles that the network predicts.

        Args:
            predicted: `(..., leads, targets, quantiles)`, scaled.

        Returns:
            The median `(..., leads, targets)` and the distances below and above it,
            `(levels, ..., leads, targets)` each, all at least 0.
        """
        ordered = np.sort(predicted, axis=-1)
        middle = median(predicted, self.quantiles)
        tails = [(1 - level / 100) / 2 for level in LEVELS]
        below = [middle - _between(ordered, self.quantiles, tail) for tail in tails]
        above = [_between(ordered, self.quantiles, 1 - tail) - middle for tail in tails]
        return middle, np.stack(below), np.stack(above)

    def distances(self, predicted: Values) -> tuple[Values, Values, Values]:
        """The median and the conformal distances from it, not yet adapted; levels never cross.

        Args:
            predicted: `(..., leads, targets, quantiles)`, scaled.

        Returns:
            As `quantile_distances`, or distances that broadcast to those shapes.
        """
        extra = (slice(None), *(np.newaxis,) * (predicted.ndim - 3))
        if len(self.quantiles) == 1:
            # Around a point forecast the distances are the same at every origin: they broadcast.
            return predicted[..., 0], _nested(self.lower[extra]), _nested(self.upper[extra])
        middle, below, above = self.quantile_distances(predicted)
        return middle, _nested(below + self.lower[extra]), _nested(above + self.upper[extra])

    def to_json(self) -> dict[str, Any]:
        """The intervals as JSON values."""
        return {
            "quantiles": list(self.quantiles),
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
            "since": None if self.since is None else str(self.since),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The intervals that `to_json` stored."""
        since = stored["since"]
        return cls(
            tuple(stored["quantiles"]),
            np.array(stored["lower"], float),
            np.array(stored["upper"], float),
            None if since is None else np.datetime64(since, "us"),
        )


def median(predicted: Values, quantiles: Sequence[float]) -> Values:
    """The median of forecast quantiles: `(..., quantiles)` to `(...)`."""
    return _between(np.sort(predicted, axis=-1), quantiles, 0.5)


def bounds(
    intervals: Intervals,
    scaling: TargetScaling,
    predicted: Values,
    base: Values,
    log_factors: Values,
) -> tuple[Values, Values]:
    """Lower and upper bounds in original units, nested from level to level.

    Args:
        intervals: The fitted intervals.
        scaling: The targets' scaling.
        predicted: `(origins, leads, targets, quantiles)`, scaled.
        base: `(origins, targets)`, the last observed values, in original units.
        log_factors: `(origins, tracked levels, leads, targets)`.

    Returns:
        `(levels, origins, leads, targets)` each.
    """
    middle, below, above = intervals.distances(predicted)
    factors = np.exp(_at_every_level(log_factors))
    lower = scaling.decode(middle - _nested(below * factors), base)
    upper = scaling.decode(middle + _nested(above * factors), base)
    return lower, upper


def at_level(level: float, median: Values, bounds_by_level: Values) -> Values:
    """A bound at any level, interpolated linearly between those of `LEVELS`.

    Args:
        level: Percent, above 0 and at most the largest of `LEVELS`.
        median: `(...)`, where both bounds meet at level 0.
        bounds_by_level: `(levels, ...)`, lower or upper ones.

    Returns:
        `(...)`.
    """
    levels = (0.0, *LEVELS)
    after = int(np.searchsorted(levels, level))
    share = (level - levels[after - 1]) / (levels[after] - levels[after - 1])
    nearer = median if after == 1 else bounds_by_level[after - 2]
    between: Values = nearer + share * (bounds_by_level[after - 1] - nearer)
    return between


def _at_every_level(log_factors: Values) -> Values:
    """Log factors of the tracked levels, `(origins, ...)`, at all: `(levels, origins, ...)`."""
    first, last = TRACKED_LEVELS
    shares = np.clip((np.array(LEVELS) - first) / (last - first), 0, 1)
    low, high = log_factors[:, 0], log_factors[:, 1]
    return np.stack([low + share * (high - low) for share in shares])


def _nested(distances: Values) -> Values:
    """Distances that are at least 0 and do not shrink from level to level."""
    return np.maximum.accumulate(np.maximum(distances, 0.0), axis=0)


def _between(ordered: Values, quantiles: Sequence[float], wanted: float) -> Values:
    """A quantile interpolated between two known ones; beyond the outermost, the outermost."""
    after = int(np.searchsorted(quantiles, wanted))
    if after == 0:
        return ordered[..., 0]
    if after == len(quantiles):
        return ordered[..., -1]
    share = (wanted - quantiles[after - 1]) / (quantiles[after] - quantiles[after - 1])
    return (1 - share) * ordered[..., after - 1] + share * ordered[..., after]


def _upper_quantile(scores: Values, tail: float) -> Values:
    """The score that a new one exceeds with a probability of at most `tail`, per lead and target.

    That is the ceil((n + 1)(1 - tail))-th smallest of n scores (Romano et al. 2019, eq. 8); the
    largest if there are too few. NaN is not counted; 0 where every score is NaN.
    """
    ordered = np.sort(scores, axis=0)
    counts = (~np.isnan(scores)).sum(axis=0)
    ranks = np.ceil((counts + 1) * (1 - tail)).astype(np.int64)
    picks = np.clip(np.minimum(ranks, counts) - 1, 0, None)
    found: Values = np.take_along_axis(ordered, picks[np.newaxis], axis=0)[0]
    return np.where(np.isnan(found), 0.0, found)
