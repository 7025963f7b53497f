"""The runtime: a trained forecaster served by NumPy and ONNX Runtime, its state kept outside.

A new observation costs one step. The same code reads a whole series in one pass, so that what
is evaluated at the end of training is what is served.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.adaptation import is_known, known_fit
from models.artefact import read_bundle
from models.calendars import calendar_from_json
from models.errors import DataError
from models.features import FeaturePipeline, clean_rows
from models.grid import Grid
from models.highway import LagReader
from models.resampling import GridRule
from models.runtime_session import open_session, run_session
from models.scaling import Floats, TargetScaling
from models.series import Rows, Times, Values
from models.series_fit import SeriesFit
from models.states import State
from models.windows import window_offsets

__all__ = ["Forecast", "Forecaster", "Outputs", "State"]

# Rows per call of the network: bounds memory when a whole series is read.
ROWS_PER_RUN = 4096
WINDOWS_PER_RUN = 256


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a forecaster says after its last row.

    Args:
        origin: The grid time of the last row consumed.
        times: `(leads,)`, when each value is due.
        leads: `(leads,)`, steps ahead.
        targets: Names of the targets.
        units: Their units.
        values: `(leads, targets)` in original units, finite.
        naive: `(targets,)`, the last observed values: what the naive forecast says.
        cadence: The length of a step.
    """

    origin: np.datetime64
    times: Times
    leads: npt.NDArray[np.int64]
    targets: tuple[str, ...]
    units: tuple[str | None, ...]
    values: Values
    naive: Values
    cadence: str


@dataclass(frozen=True, slots=True)
class Outputs:
    """Forecasts from many rows of a series.

    Args:
        times: `(rows,)`, grid times.
        actual: `(rows, targets)` in original units; NaN is missing.
        origins: `(origins,)`, the rows that were forecast from.
        values: `(origins, leads, targets)` in original units; NaN where no forecast can be
            made yet.
    """

    times: Times
    actual: Values
    origins: Rows
    values: Values


class Forecaster:
    """A trained network with all that turns observations into forecasts.

    As it is loaded it reads the first series it learnt from; `for_series` and `fitted` give
    the same network on the grid and the scales of another.
    """

    def __init__(
        self,
        manifest: dict[str, Any],
        session: onnxruntime.InferenceSession,
        fit: SeriesFit | None = None,
    ) -> None:
        self.manifest = manifest
        self._session = session
        self._pipeline = FeaturePipeline.from_json(manifest["features"])
        self._scaling = TargetScaling.from_json(manifest["targets"]["scaling"])
        self._columns: list[int] = manifest["targets"]["columns"]
        self._targets = tuple(manifest["targets"]["names"])
        self._units = tuple(manifest["targets"]["units"])
        self._rule = GridRule.from_json(manifest["grid"])
        self._calendar = calendar_from_json(manifest["calendar"])
        highway = manifest["highway"]
        self._lags = LagReader.from_json(highway) if highway else None
        window = manifest["window"]
        self._offsets = window_offsets(window["lookback"], window["step"]) if window else None
        if fit is not None:
            self._adopt(fit)

    @classmethod
    def from_bundle(cls, bundle: bytes) -> Self:
        """Load what `train` returned as `Trained.bundle`.

        Raises:
            ArtefactError: If the bundle is damaged or of an unknown format.
        """
        artefact = read_bundle(bundle)
        return cls(artefact.manifest, open_session(artefact.onnx))

    def for_series(self, name: str) -> Self:
        """The forecaster as it reads one of the series that it learnt from.

        Raises:
            DataError: If it learnt from no series of this name.
        """
        fit = known_fit(self.manifest, name)
        if fit is not None:
            return self.fitted(fit)
        if not is_known(self.manifest, name):
            raise DataError(f"The forecaster did not learn from a series named {name!r}.")
        return self

    def fitted(self, fit: SeriesFit) -> Self:
        """The forecaster as it reads a series of this grid and these scales."""
        return type(self)(self.manifest, self._session, fit)

    def _adopt(self, fit: SeriesFit) -> None:
        self._rule, self._calendar, self._scaling = fit.rule, fit.calendar, fit.scaling
        self._pipeline = fit.pipeline(self._pipeline)
        if self._lags is not None:
            self._lags = LagReader.of(fit.scaling, self._lags.lags)

    @property
    def leads(self) -> npt.NDArray[np.int64]:
        """Steps ahead, `(leads,)`, increasing."""
        return self._scaling.leads

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets."""
        return self._targets

    @property
    def windowed(self) -> bool:
        """Whether every forecast reads a whole window, instead of a kept state."""
        return self._offsets is not None

    @property
    def least_rows(self) -> int:
        """Grid rows that must have been read before the first forecast."""
        return int(self.manifest["least_rows"])

    def initial_state(self) -> State:
        """The state before the first observation."""
        span = 0 if self._offsets is None else 1 - int(self._offsets[0])
        return State(
            time=None,
            rows=0,
            tail=self._pipeline.empty_tail(),
            recurrent=tuple(
                np.zeros((1, units), np.float32) for _, units in self.manifest["states"]
            ),
            window=np.zeros((span, self._pipeline.width), np.float32),
            output=None,
        )

    def advance(self, state: State, times: Times, values: Values) -> State:
        """Read observations.

        Args:
            state: What was kept of the series up to `state.time`.
            times: `(rows,)`, UTC, increasing: every observation after `state.time`, also those
                that an earlier call saw and that lie in a bin which was not complete then.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.

        Returns:
            The state after the last complete grid row; `state` itself if there is none.
        """
        grid = self._grid(times, values, state.time)
        if len(grid.times) == 0:
            return state
        features, filled = self._pipeline.transform(
            state.tail, grid.times, self._clean(grid.values)
        )
        state = replace(
            state,
            time=grid.times[-1],
            rows=state.rows + len(grid.times),
            tail=filled[-self._pipeline.memory_rows :],
        )
        return self._run_rows(state, features, self._lag_windows(filled))

    def forecast(self, state: State) -> Forecast:
        """Say what comes after the last row that was read.

        Raises:
            DataError: If too few rows, or no value of a target, were read yet.
        """
        if state.output is None or state.time is None or state.rows < self.least_rows:
            raise DataError(
                f"A forecast needs at least {self.least_rows} rows of history at the cadence "
                f"{self.manifest['cadence']}. Received: {state.rows}"
            )
        naive = state.tail[-1, self._columns]
        values = self._decode(state.output, naive)
        self._check_finite(values, naive)
        future = self._calendar.future(state.time, int(self._scaling.leads[-1]))
        return Forecast(
            origin=state.time,
            times=future[self._scaling.leads - 1],
            leads=self._scaling.leads,
            targets=self._targets,
            units=self._units,
            values=values,
            naive=naive,
            cadence=self._rule.step.text,
        )

    def outputs(self, times: Times, values: Values, at: Rows | None = None) -> Outputs:
        """Forecast from many rows of a series in one pass.

        Args:
            times: `(rows,)`, UTC, increasing.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.
            at: The grid rows to forecast from, increasing; None for all.
        """
        grid = self._grid(times, values, None)
        rows = self._clean(grid.values)
        state = self.initial_state()
        features, filled = self._pipeline.transform(state.tail, grid.times, rows)
        origins = np.arange(len(features)) if at is None else at
        base = filled[self._pipeline.memory_rows :, self._columns]
        raw = self._run_at(features, self._lag_windows(filled), origins)
        decoded = self._decode(raw, base[origins])
        decoded[origins < self.least_rows - 1] = np.nan
        return Outputs(grid.times, rows[:, self._columns], origins, decoded)

    def _grid(self, times: Times, values: Values, after: np.datetime64 | None) -> Grid:
        return self._rule.grid(times, values, after=after)

    def _clean(self, rows: Values) -> Values:
        return clean_rows(rows, self._columns if self._scaling.transform == "log_return" else [])

    def _lag_windows(self, filled: Values) -> Values | None:
        """The values behind the lags of the new rows of `filled`, if there is a highway."""
        if self._lags is None:
            return None
        before = self._pipeline.memory_rows - self._lags.lags
        return self._lags.windows(filled[before:, self._columns])

    def _inputs(self, x: Floats, lag_windows: Values | None, rows: slice | Rows) -> list[Floats]:
        """The network's inputs but the states, without the batch axis of a sequence."""
        if self._lags is None or lag_windows is None:
            return [x]
        return [x, self._lags.inputs(lag_windows[rows])]

    def _run_rows(self, state: State, features: Floats, lag_windows: Values | None) -> State:
        """Run the network over new rows; only the last output is kept."""
        if self._offsets is None:
            *_, (y, recurrent) = self._sequence_runs(features, lag_windows, state.recurrent)
            return replace(state, recurrent=recurrent, output=y[-1])
        window = np.concatenate([state.window, features])[-len(state.window) :]
        samples = window[self._offsets - 1 + len(window)][np.newaxis]
        (y,) = run_session(self._session, self._inputs(samples, lag_windows, slice(-1, None)))
        return replace(state, window=window, output=y[0])

    def _run_at(self, features: Floats, lag_windows: Values | None, origins: Rows) -> Floats:
        """The network's outputs at some rows, `(origins, leads * targets)`."""
        raw = np.full((len(origins), self._scaling.scale.size), np.nan, np.float32)
        if self._offsets is None:
            first = 0
            start = self.initial_state().recurrent
            for y, _ in self._sequence_runs(features, lag_windows, start):
                here = (origins >= first) & (origins < first + len(y))
                raw[here] = y[origins[here] - first]
                first += len(y)
            return raw
        whole = np.flatnonzero(origins >= -self._offsets[0])
        for first in range(0, len(whole), WINDOWS_PER_RUN):
            some = whole[first : first + WINDOWS_PER_RUN]
            windows = features[origins[some, np.newaxis] + self._offsets]
            inputs = self._inputs(windows, lag_windows, origins[some])
            (raw[some],) = run_session(self._session, inputs)
        return raw

    def _sequence_runs(
        self, features: Floats, lag_windows: Values | None, recurrent: tuple[Floats, ...]
    ) -> Iterator[tuple[Floats, tuple[Floats, ...]]]:
        """Outputs `(rows, outputs)` and states after them, piece by piece."""
        for first in range(0, len(features), ROWS_PER_RUN):
            rows = slice(first, first + ROWS_PER_RUN)
            inputs = [each[np.newaxis] for each in self._inputs(features[rows], lag_windows, rows)]
            y, *after = run_session(self._session, [*inputs, *recurrent])
            recurrent = tuple(after)
            yield y[0], recurrent

    def _decode(self, outputs: Floats, base: Values) -> Values:
        shape = (*outputs.shape[:-1], *self._scaling.scale.shape)
        return self._scaling.decode(outputs.astype(np.float64).reshape(shape), base)

    def _check_finite(self, values: Values, naive: Values) -> None:
        broken = ~np.isfinite(values).all(axis=0)
        if not broken.any():
            return
        names = ", ".join(np.array(self._targets)[broken])
        if np.isnan(naive[broken]).any() and self._scaling.transform != "none":
            raise DataError(
                f"A forecast needs at least one earlier value of every target. Missing: {names}"
            )
        raise DataError(f"The network's forecast is not a finite number. Target: {names}")
