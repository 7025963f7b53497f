"""Intervals: how far around a forecast the truth lies, conformal on validation, adapting later.

The width at each level is set on validation rows so that it covers as promised: split conformal
for a point forecast (Lei et al. 2018, doi:10.1080/01621459.2017.1307116), conformalised quantile
regression for quantiles (Romano et al. 2019, arXiv 1905.03222). After validation every width is
multiplied by a factor that follows the errors as they come in, so that coverage survives a
change of the series: the quantile tracker of Angelopoulos et al. (2023, arXiv 2307.16895) in the
spirit of adaptive conformal inference (Gibbs & Candes 2021, arXiv 2106.00170), on a log scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.arrays import Floats, RowIndices, Times, Values
from models.features.scaling import TargetScaling

# Percent; intervals at other levels lie between those of their neighbours.
LEVELS = (20.0, 40.0, 60.0, 80.0, 90.0, 95.0, 99.0)
# Each has a factor of its own; other levels take that of the nearest one or lie between.
TRACKED_LEVELS = (80.0, 95.0)
# What a miss adds to the logarithm of a width. Measured on weather, load and market series: half
# of it is slow to follow, three times as much makes intervals a tenth wider.
RATE = 0.02
MOST_LOG_FACTOR = 3.0
LEAST_DISTANCE = 1e-9
# Forecasts that wait for their truth are part of the kept state: more numbers are too many.
MOST_PENDING_NUMBERS = 200_000
# Ratios of this many numbers are computed at once.
NUMBERS_AT_ONCE = 1_000_000
# Fewer validation origins than this make no interval.
LEAST_ORIGINS = 20


@dataclass(frozen=True, slots=True)
class Intervals:
    """Fitted intervals; arrays are in scaled units of the network's outputs.

    Args:
        quantiles: `(quantiles,)` that the network predicts, from 0 to 1; `(0.5,)` for a point.
        lower: `(levels, leads, targets)`, added to the distance from median to lower quantile.
        upper: `(levels, leads, targets)`, added to the distance from median to upper quantile.
        since: Errors of forecasts from this moment on move the widths; None for never.
    """

    quantiles: tuple[float, ...]
    lower: Values
    upper: Values
    since: np.datetime64 | None

    @classmethod
    def fit(
        cls,
        quantiles: Sequence[float],
        said: Values,
        labels: Values,
        since: np.datetime64 | None,
    ) -> Self | None:
        """Set the widths.

        Args:
            quantiles: What the last axis of `said` holds.
            said: `(origins, leads, targets, quantiles)`, forecasts of validation rows, scaled.
            labels: `(origins, leads, targets)`, what came; NaN is missing.
            since: When errors begin to move the widths.

        Returns:
            The intervals, or None if there are too few origins.
        """
        if len(said) < LEAST_ORIGINS:
            return None
        levels, leads, targets = len(LEVELS), *labels.shape[1:]
        blank = cls(
            tuple(quantiles),
            np.zeros((levels, leads, targets)),
            np.zeros((levels, leads, targets)),
            since,
        )
        middle, below, above = blank.quantile_distances(said)
        error = labels - middle
        tails = [(1 - level / 100) / 2 for level in LEVELS]
        lower = [_upper_quantile(-error - below[k], tail) for k, tail in enumerate(tails)]
        upper = [_upper_quantile(error - above[k], tail) for k, tail in enumerate(tails)]
        return cls(tuple(quantiles), np.stack(lower), np.stack(upper), since)

    @classmethod
    def mean(cls, several: Sequence[Self]) -> Self:
        """Intervals of a series whose errors are not known: the mean widths of others.

        Widths move from the latest moment on at which those of the others begin to: before it,
        the network may have learnt from series that move together with this one.
        """
        moments = [each.since for each in several if each.since is not None]
        return cls(
            several[0].quantiles,
            np.mean([each.lower for each in several], axis=0),
            np.mean([each.upper for each in several], axis=0),
            max(moments, default=None),
        )

    def quantile_distances(self, said: Values) -> tuple[Values, Values, Values]:
        """The median, and how far the network's own quantiles lie from it.

        Args:
            said: `(..., leads, targets, quantiles)`, scaled.

        Returns:
            The median `(..., leads, targets)` and the distances below and above it,
            `(levels, ..., leads, targets)` each, all at least 0.
        """
        ordered = np.sort(said, axis=-1)
        middle = median(said, self.quantiles)
        tails = [(1 - level / 100) / 2 for level in LEVELS]
        below = [middle - _between(ordered, self.quantiles, tail) for tail in tails]
        above = [_between(ordered, self.quantiles, 1 - tail) - middle for tail in tails]
        return middle, np.stack(below), np.stack(above)

    def distances(self, said: Values) -> tuple[Values, Values, Values]:
        """The median and the conformal distances from it before they adapt; never crossing.

        Args:
            said: `(..., leads, targets, quantiles)`, scaled.

        Returns:
            As `quantile_distances`, or distances that broadcast to those shapes.
        """
        extra = (slice(None), *(np.newaxis,) * (said.ndim - 3))
        if len(self.quantiles) == 1:
            # Around a point the distances are the same everywhere: they are left to broadcast.
            return said[..., 0], _nested(self.lower[extra]), _nested(self.upper[extra])
        middle, below, above = self.quantile_distances(said)
        return middle, _nested(below + self.lower[extra]), _nested(above + self.upper[extra])

    def to_json(self) -> dict[str, Any]:
        """The intervals as plain values."""
        return {
            "quantiles": list(self.quantiles),
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
            "since": None if self.since is None else str(self.since),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The intervals that `to_json` described."""
        since = stored["since"]
        return cls(
            tuple(stored["quantiles"]),
            np.array(stored["lower"], float),
            np.array(stored["upper"], float),
            None if since is None else np.datetime64(since, "us"),
        )


@dataclass(frozen=True, slots=True)
class Adaptation:
    """How intervals have adapted so far; part of what is kept of a series.

    Args:
        log_factors: `(tracked levels, leads, targets)`, logarithms of what widths are
            multiplied by at each of `TRACKED_LEVELS`.
        issued: `(farthest lead, tracked levels, leads, targets)` of float32, those of the
            last rows, the latest last.
        said: `(farthest lead, leads * targets * quantiles)`, the last outputs of the network;
            NaN before `Intervals.since`. No rows where rows speak late.
        base: `(farthest lead, targets)`, the last observed values at those rows.
        actual: `(farthest lead, targets)`, the values that came in those rows where rows speak
            late; else no rows.
    """

    log_factors: Values
    issued: Floats
    said: Floats
    base: Values
    actual: Values


class Tracker:
    """Moves the widths of intervals as the truth comes in.

    A miss is counted against the width that was issued with the forecast. Counted against the
    present width, intervals look right and cover too little where errors come in runs.

    A row either speaks at once, and each of its leads is scored when its truth comes; or it
    speaks late, after its farthest lead, and then all of its leads are scored together.

    Args:
        intervals: The fitted intervals.
        scaling: The targets' scaling.
        channels: How many values are kept of a row that speaks late, until it does; None if
            rows speak at once.
    """

    def __init__(
        self, intervals: Intervals, scaling: TargetScaling, *, channels: int | None = None
    ) -> None:
        self._intervals = intervals
        self._scaling = scaling
        self._shape = (*scaling.scale.shape, len(intervals.quantiles))
        self._factors = (len(TRACKED_LEVELS), *scaling.scale.shape)
        farthest = int(scaling.leads[-1])
        kept_of_row = int(np.prod(self._shape)) if channels is None else channels
        pending = farthest * (kept_of_row + int(np.prod(self._factors)))
        self._since = intervals.since if pending <= MOST_PENDING_NUMBERS else None
        self._memory = 0 if self._since is None else farthest
        self._delay = 0 if channels is None else self._memory
        self._scored_after = (
            scaling.leads if channels is None else np.full_like(scaling.leads, farthest)
        )

    @property
    def since(self) -> np.datetime64 | None:
        """Forecasts from this moment on move the widths; None for never."""
        return self._since

    @property
    def delay(self) -> int:
        """How many rows later a row speaks; 0 for at once, or if widths never move."""
        return self._delay

    def start(self) -> Adaptation:
        """Nothing seen yet: factors of 1."""
        memory, targets = self._memory, self._shape[1]
        return Adaptation(
            np.zeros(self._factors),
            np.zeros((memory, *self._factors), np.float32),
            np.full((memory - self._delay, int(np.prod(self._shape))), np.nan, np.float32),
            np.full((memory, targets), np.nan),
            np.full((self._delay, targets), np.nan),
        )

    def advance(
        self, before: Adaptation, times: Times, said: Floats, base: Values, actual: Values
    ) -> tuple[Adaptation, Values]:
        """Score what earlier rows said about new ones.

        Args:
            before: What was kept up to the row before the first new one.
            times: `(rows,)`, UTC: of the rows that speak, `delay` rows before each of the new
                ones.
            said: `(rows, outputs)`, what the network says at those rows; NaN for nothing.
            base: `(rows, targets)`, the last observed values at the new rows.
            actual: `(rows, targets)`, the observed values; NaN is missing.

        Returns:
            What to keep, and the log factors that hold at each new row,
            `(rows, tracked levels, leads, targets)`.
        """
        if self._since is None:
            return before, np.broadcast_to(before.log_factors, (len(said), *self._factors))
        found = np.empty((len(said), *self._factors))
        size = max(1, NUMBERS_AT_ONCE // (len(LEVELS) * int(np.prod(self._shape))))
        for first in range(0, len(said), size):
            piece = slice(first, first + size)
            counted = np.where((times[piece] >= self._since)[:, np.newaxis], said[piece], np.nan)
            before = self._advance_piece(before, counted, base[piece], actual[piece], found[piece])
        return before, found

    def _advance_piece(
        self, before: Adaptation, said: Values, base: Values, actual: Values, found: Values
    ) -> Adaptation:
        """Fill `found` with the log factors at each row."""
        waiting = np.concatenate([before.said, said.astype(np.float32)])
        bases, actuals = (
            np.concatenate(each) for each in ((before.base, base), (before.actual, actual))
        )
        issued = np.concatenate([before.issued, np.empty((len(said), *self._factors), np.float32)])
        log_factors = before.log_factors
        if np.isnan(waiting).all():
            issued[self._memory :] = log_factors
        else:
            ratios = self._ratios(len(said), waiting, bases, actuals)
            log_factors = self._follow(log_factors, ratios, issued)
        found[:] = issued[self._memory :]
        kept = slice(len(said), None)
        return Adaptation(log_factors, issued[kept], waiting[kept], bases[kept], actuals[kept])

    def _ratios(self, rows: int, said: Floats, base: Values, actual: Values) -> Values:
        """How far the truth lay out, as a multiple of the unadapted distance on its side.

        `(rows, tracked levels, leads, targets)`; NaN where nothing can be scored.
        """
        leads = self._scaling.leads
        origins = self._origins(np.arange(rows)[:, np.newaxis])
        forecasts = said.reshape(-1, *self._shape)[origins, np.arange(len(leads))]
        first_actual = self._memory - self._delay
        labels = self._scaling.encode(actual[origins + leads - first_actual], base[origins])
        middle, below, above = self._intervals.distances(forecasts.astype(np.float64))
        error = labels - middle
        picks = [LEVELS.index(level) for level in TRACKED_LEVELS]
        distance = np.where(error < 0, below[picks], above[picks])
        return np.moveaxis(np.abs(error) / np.maximum(distance, LEAST_DISTANCE), 0, 1)

    def _origins(self, rows: RowIndices) -> RowIndices:
        """Where in the pending rows the forecasts scored at new rows lie, one per lead."""
        origins: RowIndices = self._memory + rows - self._scored_after
        return origins

    def _follow(self, log_factors: Values, ratios: Values, issued: Floats) -> Values:
        """Move the factors row by row, writing those that are issued at each."""
        misses = 1 - np.array(TRACKED_LEVELS)[:, np.newaxis, np.newaxis] / 100
        columns = np.arange(len(self._scaling.leads))
        known = ~np.isnan(ratios)
        moves = np.any(known, axis=(1, 2, 3))
        for row in range(len(ratios)):
            if moves[row]:
                at_origin = issued[self._origins(np.array(row)), :, columns].swapaxes(0, 1)
                missed = ratios[row] > np.exp(at_origin)
                step = np.where(known[row], RATE * (missed - misses), 0.0)
                log_factors = np.clip(log_factors + step, -MOST_LOG_FACTOR, MOST_LOG_FACTOR)
            issued[self._memory + row] = log_factors
        return log_factors


def median(said: Values, quantiles: Sequence[float]) -> Values:
    """The middle of a forecast: `(..., quantiles)` to `(...)`."""
    return _between(np.sort(said, axis=-1), quantiles, 0.5)


def bounds(
    intervals: Intervals, scaling: TargetScaling, said: Values, base: Values, log_factors: Values
) -> tuple[Values, Values]:
    """Lower and upper bounds in original units, nested from level to level.

    Args:
        intervals: The fitted intervals.
        scaling: The targets' scaling.
        said: `(origins, leads, targets, quantiles)`, scaled.
        base: `(origins, targets)`, the last observed values.
        log_factors: `(origins, tracked levels, leads, targets)`.

    Returns:
        `(levels, origins, leads, targets)` each.
    """
    middle, below, above = intervals.distances(said)
    factors = np.exp(_at_every_level(log_factors))
    lower = scaling.decode(middle - _nested(below * factors), base)
    upper = scaling.decode(middle + _nested(above * factors), base)
    return lower, upper


def at_level(level: float, median: Values, bounds_by_level: Values) -> Values:
    """A bound at any level, between those of `LEVELS`.

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
    """Distances that are positive and do not shrink from level to level."""
    return np.maximum.accumulate(np.maximum(distances, 0.0), axis=0)


def _between(ordered: Values, quantiles: Sequence[float], wanted: float) -> Values:
    """A quantile between two that are known; beyond the outermost one, that one."""
    after = int(np.searchsorted(quantiles, wanted))
    if after == 0:
        return ordered[..., 0]
    if after == len(quantiles):
        return ordered[..., -1]
    share = (wanted - quantiles[after - 1]) / (quantiles[after] - quantiles[after - 1])
    return (1 - share) * ordered[..., after - 1] + share * ordered[..., after]


def _upper_quantile(scores: Values, tail: float) -> Values:
    """The score that a new one exceeds with at most the probability `tail`, per lead and target.

    That is the ceil((n + 1)(1 - tail))-th smallest of n scores (Romano et al. 2019, eq. 8); the
    largest if there are too few. NaN is not counted; 0 where nothing is known.
    """
    ordered = np.sort(scores, axis=0)
    counts = (~np.isnan(scores)).sum(axis=0)
    ranks = np.ceil((counts + 1) * (1 - tail)).astype(np.int64)
    picks = np.clip(np.minimum(ranks, counts) - 1, 0, None)
    found: Values = np.take_along_axis(ordered, picks[np.newaxis], axis=0)[0]
    return np.where(np.isnan(found), 0.0, found)
