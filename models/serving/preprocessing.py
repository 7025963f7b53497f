"""Turn a series' observations into the inputs of the network and the intervals."""

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.arrays import Floats, RowIndices, Times, Values
from models.calendars.calendar import calendar_from_json
from models.calendars.exchange import Exchange
from models.calendars.exchange_hours import Hours
from models.features.features import FeaturePipeline, clean_rows
from models.features.highway import LagReader
from models.features.known_effects import KnownEffects
from models.features.known_future import FutureReader, FutureTable
from models.features.scaling import TargetScaling
from models.features.series_fit import SeriesFit
from models.grid.grid import Grid
from models.grid.resampling import GridRule


@dataclass(frozen=True, slots=True)
class PreprocessedRows:
    """New rows as the network and the intervals use them.

    Args:
        times: `(rows,)`, grid times, UTC.
        features: `(rows, features)` of float32, scaled.
        tail: `(memory, channels)`, the last filled rows, in original units.
        base: `(rows, targets)`, the last observed values, in original units.
        actual: `(rows, targets)`, the observed values; NaN is missing.
        lag_windows: `(rows, targets, lags + 1)`, the values behind the highway's lags; None
            without a highway.
        future: What is known of the steps ahead of each row; None if nothing is.
    """

    times: Times
    features: Floats
    tail: Values
    base: Values
    actual: Values
    lag_windows: Values | None
    future: FutureTable | None


class Preprocessor:
    """Puts observations on the grid and makes the network's inputs from them.

    Args:
        manifest: The bundle's manifest.
        fit: Grid and scales of the series to read; None for the first training series.
    """

    def __init__(self, manifest: dict[str, Any], fit: SeriesFit | None) -> None:
        self.columns: list[int] = manifest["targets"]["columns"]
        self.pipeline = FeaturePipeline.from_json(manifest["features"])
        self.scaling = TargetScaling.from_json(manifest["targets"]["scaling"])
        self.rule = GridRule.from_json(manifest["grid"])
        self.calendar = calendar_from_json(manifest["calendar"])
        highway, effects = manifest["highway"], manifest["known_effects"]
        self.lags = LagReader.from_json(highway) if highway else None
        self._effects = KnownEffects.from_json(effects) if effects else None
        if fit is not None:
            self._adopt(fit)
        self.future: FutureReader | None = None
        if self.pipeline.future_width:
            self.future = FutureReader(self.pipeline, self.scaling.leads, self.calendar)

    def in_hours(self, hours: Hours) -> "Preprocessor":
        """The same preprocessor with newer sessions of the series' exchange."""
        if not isinstance(self.calendar, Exchange):
            return self
        renewed = copy(self)
        renewed.calendar = self.calendar.with_hours(hours)
        if self.future is not None:
            renewed.future = replace(self.future, calendar=renewed.calendar)
        return renewed

    def _adopt(self, fit: SeriesFit) -> None:
        if self._effects is not None:
            unit = fit.scaling.scale[-1] / self.scaling.scale[-1]
            self._effects = self._effects.in_unit(unit)
        self.rule, self.calendar, self.scaling = fit.rule, fit.calendar, fit.scaling
        self.pipeline = fit.pipeline(self.pipeline)
        if self.lags is not None:
            self.lags = LagReader.of(fit.scaling, self.lags.lags)

    def grid(self, times: Times, values: Values, after: np.datetime64 | None = None) -> Grid:
        """The complete rows of observations; the arguments are those of `GridRule.grid`."""
        return self.rule.grid(times, values, after=after)

    def observed(self, grid: Grid, wanted: Times, columns: list[int]) -> Values:
        """A grid's values in some columns at some times, `(times, columns)`; NaN is missing."""
        found = np.full((len(wanted), len(columns)), np.nan)
        _, here, there = np.intersect1d(wanted, grid.times, return_indices=True)
        found[here] = self._clean(grid.values)[there][:, columns]
        return found

    def preprocess_series(self, times: Times, values: Values) -> PreprocessedRows:
        """Preprocess a series from its first row; the grid, which may be a copy, is not kept."""
        return self.preprocess(self.pipeline.empty_tail(), self.grid(times, values))

    def preprocess(self, tail: Values, grid: Grid) -> PreprocessedRows:
        """Preprocess new rows that follow a tail, `(memory, channels)` in original units."""
        rows = self._clean(grid.values)
        pipeline, lags = self.pipeline, self.lags.lags if self.lags else 0
        earlier = tail[len(tail) - lags :]
        features = np.empty((len(rows), pipeline.width), np.float32)
        base = np.empty((lags + len(rows), len(self.columns)), order="F")
        known = np.empty((lags + len(rows), pipeline.known_width), np.float32)
        base[:lags], known[:lags] = earlier[:, self.columns], pipeline.known(earlier)
        for piece, found, filled in pipeline.pieces(tail, grid.times, rows):
            here = slice(lags + piece.start, lags + piece.stop)
            tail, new = filled[-pipeline.memory_rows :], filled[pipeline.memory_rows :]
            features[piece], base[here] = found, new[:, self.columns]
            known[here] = pipeline.known(new)
        actual = rows[:, self.columns]
        lag_windows = future = None
        if self.lags is not None:
            lag_windows = self.lags.windows(self._lag_values(base, known))
        if self.future is not None:
            future = self.future.table([(grid.times, known[lags:], self.calendar)])
        return PreprocessedRows(
            times=grid.times,
            features=features,
            tail=tail,
            base=base[lags:],
            # Without gaps the values are the last observed ones.
            actual=actual if np.isnan(actual).any() else base[lags:],
            lag_windows=lag_windows,
            future=future,
        )

    def tail_after(self, tail: Values, rows: Values) -> Values:
        """The last filled rows, `(memory, channels)`, once more rows have followed a tail."""
        return self.pipeline.tail_after(tail, self._clean(rows))

    def _lag_values(self, base: Values, known: Floats) -> Values:
        """The values behind lags: targets minus the effects of known-future channels."""
        return base if self._effects is None else self._effects.removed(base, known)

    def rows(self, times: Times, values: Values) -> Grid:
        """Complete rows in original units; values that no arithmetic can use are NaN.

        The first row lacks observations that lie in its bin before the first of `times`.
        """
        grid = self.grid(times, values)
        return Grid(grid.times, self._clean(grid.values))

    def _clean(self, rows: Values) -> Values:
        return clean_rows(rows, self.columns if self.scaling.transform == "log_return" else [])

    def inputs(self, x: Floats, rows: PreprocessedRows, some: slice | RowIndices) -> list[Floats]:
        """The network's inputs at some rows except its states, without a batch axis.

        Args:
            x: `(rows, features)`, or the rows' windows `(rows, lookback, features)`.
            rows: All preprocessed rows.
            some: The rows, by slice or index.
        """
        inputs = [x]
        if rows.future is not None:
            inputs.append(rows.future.inputs(np.arange(len(rows.times))[some]))
        if self.lags is not None and rows.lag_windows is not None:
            inputs.append(self.lags.inputs(rows.lag_windows[some]))
        return inputs

    def last_lags(self, tail: Values) -> list[Floats]:
        """The highway's input at the last row, `(targets, lags)`; empty without a highway.

        Args:
            tail: `(memory, channels)`, the last filled rows, in original units.
        """
        if self.lags is None:
            return []
        last = tail[-self.lags.lags - 1 :]
        values = self._lag_values(last[:, self.columns], self.pipeline.known(last))
        return [self.lags.inputs(self.lags.windows(values))]

    def blank_inputs(self, rows: int) -> list[Floats]:
        """Zeros in place of the inputs that only the head uses: known future and lags."""
        blank = [] if self.future is None else [np.zeros((rows, self.future.width), np.float32)]
        if self.lags is not None:
            blank.append(np.zeros((rows, len(self.columns), self.lags.lags), np.float32))
        return blank
