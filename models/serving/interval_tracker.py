"""Adapt the widths of intervals to the forecast errors observed after validation.

After validation every width is multiplied by a factor that follows the errors as labels are
observed, so that coverage survives a change of the series: the quantile tracker of Angelopoulos
et al. (2023, arXiv 2307.16895) in the spirit of adaptive conformal inference (Gibbs & Candes
2021, arXiv 2106.00170), on a log scale.
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import Floats, RowIndices, Times, Values
from models.features.scaling import TargetScaling
from models.serving.intervals import LEVELS, TRACKED_LEVELS, Intervals

# What a miss adds to the logarithm of a width. Measured on weather, load and market series: half
# of it is slow to follow, three times as much makes intervals a tenth wider.
RATE = 0.02
MOST_LOG_FACTOR = 3.0
LEAST_DISTANCE = 1e-9
# Forecasts that wait for their labels are part of the stored state: above this many numbers,
# widths do not adapt.
MOST_PENDING_NUMBERS = 200_000
# Numbers in the ratios that are computed at once.
NUMBERS_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Adaptation:
    """How far a series' intervals have adapted; part of the stored state.

    Args:
        log_factors: `(tracked levels, leads, targets)`, logarithms of the factors by which
            widths are multiplied, at each of `TRACKED_LEVELS`.
        issued: `(farthest lead, tracked levels, leads, targets)` of float32, the log factors
            that held at each of the last rows, the latest last.
        predicted: `(farthest lead, leads * targets * quantiles)` of float32, the network's
            outputs at those rows, scaled; NaN before `Intervals.since`. No rows if forecasts
            are scored late.
        base: `(farthest lead, targets)`, the last observed values at those rows, in original
            units.
        actual: `(farthest lead, targets)`, the values observed in those rows if forecasts are
            scored late; else no rows.
    """

    log_factors: Values
    issued: Floats
    predicted: Floats
    base: Values
    actual: Values


class IntervalTracker:
    """Adapts the widths of intervals as labels are observed.

    A miss is counted against the width that was issued with the forecast. Counted against the
    present width, intervals look right and cover too little where errors come in runs.

    Forecasts are either made at once, and each lead is scored when its label is observed; or
    they depend on known-future values, are made when those are observed at the farthest lead,
    and then all leads are scored together ("late").

    Args:
        intervals: The fitted intervals.
        scaling: The targets' scaling.
        channels: Values stored of each row until its forecast is made late; None if forecasts
            are made at once.
    """

    def __init__(
        self, intervals: Intervals, scaling: TargetScaling, *, channels: int | None = None
    ) -> None:
        self._intervals = intervals
        self._scaling = scaling
        self._shape = (*scaling.scale.shape, len(intervals.quantiles))
        self._factors = (len(TRACKED_LEVELS), *scaling.scale.shape)
        farthest = int(scaling.leads[-1])
        stored_per_row = int(np.prod(self._shape)) if channels is None else channels
        pending = farthest * (stored_per_row + int(np.prod(self._factors)))
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
        """Rows between an origin and its late score; 0 for at once, or if widths never move."""
        return self._delay

    def start(self) -> Adaptation:
        """The adaptation before the first row: all factors are 1."""
        memory, targets = self._memory, self._shape[1]
        return Adaptation(
            np.zeros(self._factors),
            np.zeros((memory, *self._factors), np.float32),
            np.full((memory - self._delay, int(np.prod(self._shape))), np.nan, np.float32),
            np.full((memory, targets), np.nan),
            np.full((self._delay, targets), np.nan),
        )

    def advance(
        self, before: Adaptation, times: Times, predicted: Floats, base: Values, actual: Values
    ) -> tuple[Adaptation, Values]:
        """Score earlier forecasts against new rows.

        Args:
            before: The adaptation up to the row before the first new one.
            times: `(rows,)`, UTC, grid times of the rows `delay` rows before each new one.
            predicted: `(rows, outputs)`, the network's outputs at those rows, scaled; NaN where
                there are none.
            base: `(rows, targets)`, the last observed values at the new rows, in original units.
            actual: `(rows, targets)`, the observed values; NaN is missing.

        Returns:
            The new adaptation, and the log factors that hold at each new row,
            `(rows, tracked levels, leads, targets)`.
        """
        if self._since is None:
            return before, np.broadcast_to(before.log_factors, (len(predicted), *self._factors))
        found = np.empty((len(predicted), *self._factors))
        size = max(1, NUMBERS_AT_ONCE // (len(LEVELS) * int(np.prod(self._shape))))
        for first in range(0, len(predicted), size):
            piece = slice(first, first + size)
            is_scored = (times[piece] >= self._since)[:, np.newaxis]
            scored = np.where(is_scored, predicted[piece], np.nan)
            before = self._advance_piece(before, scored, base[piece], actual[piece], found[piece])
        return before, found

    def _advance_piece(
        self, before: Adaptation, predicted: Values, base: Values, actual: Values, found: Values
    ) -> Adaptation:
        """Fill `found` with the log factors at each row."""
        rows = len(predicted)
        waiting = np.concatenate([before.predicted, predicted.astype(np.float32)])
        bases, actuals = (
            np.concatenate(each) for each in ((before.base, base), (before.actual, actual))
        )
        issued = np.concatenate([before.issued, np.empty((rows, *self._factors), np.float32)])
        log_factors = before.log_factors
        if np.isnan(waiting).all():
            issued[self._memory :] = log_factors
        else:
            ratios = self._ratios(rows, waiting, bases, actuals)
            log_factors = self._follow(log_factors, ratios, issued)
        found[:] = issued[self._memory :]
        last = slice(rows, None)
        return Adaptation(log_factors, issued[last], waiting[last], bases[last], actuals[last])

    def _ratios(self, rows: int, predicted: Floats, base: Values, actual: Values) -> Values:
        """Absolute errors as multiples of the unadapted distance on the label's side.

        `(rows, tracked levels, leads, targets)`; NaN where nothing can be scored.
        """
        leads = self._scaling.leads
        origins = self._origins(np.arange(rows)[:, np.newaxis])
        forecasts = predicted.reshape(-1, *self._shape)[origins, np.arange(len(leads))]
        first_actual = self._memory - self._delay
        labels = self._scaling.encode(actual[origins + leads - first_actual], base[origins])
        middle, below, above = self._intervals.distances(forecasts.astype(np.float64))
        error = labels - middle
        picks = [LEVELS.index(level) for level in TRACKED_LEVELS]
        distance = np.where(error < 0, below[picks], above[picks])
        return np.moveaxis(np.abs(error) / np.maximum(distance, LEAST_DISTANCE), 0, 1)

    def _origins(self, rows: RowIndices) -> RowIndices:
        """Positions, in the pending rows, of the forecasts scored at new rows; one per lead."""
        origins: RowIndices = self._memory + rows - self._scored_after
        return origins

    def _follow(self, log_factors: Values, ratios: Values, issued: Floats) -> Values:
        """Move the factors row by row, and write those that hold at each row into `issued`."""
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
