"""The runtime: a trained forecaster served by NumPy and ONNX Runtime, its state kept outside.

A new observation costs one step. The same code reads a whole series in one pass, so that what
is evaluated at the end of training is what is served.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.artefact import read_bundle
from models.calendars import calendar_from_json
from models.errors import DataError
from models.features import FeaturePipeline, clean_rows
from models.future import FutureReader, FutureTable
from models.grid import Grid
from models.highway import LagReader
from models.known_effects import KnownEffects
from models.resampling import GridRule
from models.runtime_session import open_session, run_session
from models.scaling import Floats, TargetScaling
from models.series import Rows, Times, Values
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
    """A trained network with all that turns observations into forecasts."""

    def __init__(self, manifest: dict[str, Any], session: onnxruntime.InferenceSession) -> None:
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
        effects = manifest["known_effects"]
        self._effects = KnownEffects.from_json(effects) if effects else None
        self._future: FutureReader | None = None
        if self._pipeline.future_width:
            self._future = FutureReader(self._pipeline, self._scaling.leads, self._calendar)
        window = manifest["window"]
        self._offsets = window_offsets(window["lookback"], window["step"]) if window else None

    @classmethod
    def from_bundle(cls, bundle: bytes) -> Self:
        """Load what `train` returned as `Trained.bundle`.

        Raises:
            ArtefactError: If the bundle is damaged or of an unknown format.
        """
        artefact = read_bundle(bundle)
        return cls(artefact.manifest, open_session(artefact.onnx))

    @property
    def leads(self) -> npt.NDArray[np.int64]:
        """Steps ahead, `(leads,)`, increasing."""
        return self._scaling.leads

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets."""
        return self._targets

    @property
    def known_future(self) -> tuple[str, ...]:
        """The channels whose values at the target times a forecast needs."""
        channels: list[str] = self.manifest["channels"]
        return tuple(channels[column] for column in self._pipeline.known_columns)

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
        if self._future is not None:
            return self._wait(state, features, self._future.width)
        return self._run_rows(state, features, self._lag_windows(filled))

    def steps_ahead(self, state: State) -> Times:
        """When the steps from the next one to the farthest lead are due, `(steps,)`; UTC.

        Raises:
            DataError: If too few rows were read yet.
        """
        return self._calendar.future(self._origin(state), int(self._scaling.leads[-1]))

    def observed_future(self, state: State, times: Times, values: Values) -> Values:
        """What was observed of the known-future channels at the target times of a state.

        Args:
            state: The state to forecast from.
            times: `(rows,)`, UTC, increasing: observations after `state.time`.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.

        Returns:
            `(leads, known-future channels)` in original units; NaN where nothing was observed.
        """
        wanted = self.steps_ahead(state)[self._scaling.leads - 1]
        grid = self._grid(times, values, state.time)
        found = np.full((len(wanted), len(self.known_future)), np.nan)
        _, here, there = np.intersect1d(wanted, grid.times, return_indices=True)
        found[here] = self._clean(grid.values)[there][:, self._pipeline.known_columns]
        return found

    def forecast(self, state: State, known: Values | None = None) -> Forecast:
        """Say what comes after the last row that was read.

        Args:
            state: What was kept of the series.
            known: `(leads, known-future channels)` in original units, the values of the
                channels `known_future` at the target times; None if there are no such channels.

        Raises:
            DataError: If too few rows, or no value of a target, were read yet, or if a known
                value is missing.
        """
        origin = self._origin(state)
        naive = state.tail[-1, self._columns]
        values = self._decode(self._output(state, known), naive)
        self._check_finite(values, naive)
        return Forecast(
            origin=origin,
            times=self.steps_ahead(state)[self._scaling.leads - 1],
            leads=self._scaling.leads,
            targets=self._targets,
            units=self._units,
            values=values,
            naive=naive,
            cadence=self._rule.step.text,
        )

    def _origin(self, state: State) -> np.datetime64:
        """The grid time of the last row, from which a forecast can be made."""
        if state.time is None or state.rows < self.least_rows:
            raise DataError(
                f"A forecast needs at least {self.least_rows} rows of history at the cadence "
                f"{self.manifest['cadence']}. Received: {state.rows}"
            )
        return state.time

    def _output(self, state: State, known: Values | None) -> Floats:
        """What the network says at the last row: kept, or made now that its future is known."""
        if self._future is None or state.time is None:
            assert state.output is not None, "a network without a future has spoken"  # noqa: S101
            return state.output
        future = self._future.inputs(state.time, known)
        lag_windows = None
        if self._lags is not None:
            lag_rows = state.tail[-self._lags.lags - 1 :]
            lag_windows = self._lags.windows(self._lag_values(lag_rows))
        if self._offsets is not None:
            window = state.window[self._offsets - 1 + len(state.window)][np.newaxis]
            inputs = self._inputs(window, lag_windows, slice(-1, None), future)
            (y,) = run_session(self._session, inputs)
        else:
            step = self._inputs(state.window, lag_windows, slice(-1, None), future)
            inputs = [each[np.newaxis] for each in step]
            y, *_ = run_session(self._session, [*inputs, *state.recurrent])
        last: Floats = y.reshape(-1)
        return last

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
        own = filled[self._pipeline.memory_rows :]
        laid = [(grid.times, own, self._calendar)]
        table = None if self._future is None else self._future.table(laid)
        raw = self._run_at(features, self._lag_windows(filled), origins, table)
        decoded = self._decode(raw, own[origins][:, self._columns])
        decoded[origins < self.least_rows - 1] = np.nan
        if table is not None:
            decoded[~table.complete(origins)] = np.nan
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
        return self._lags.windows(self._lag_values(filled[before:]))

    def _lag_values(self, filled: Values) -> Values:
        """The values that lags are made of: without what known-future channels did to them."""
        values = filled[:, self._columns]
        if self._effects is None:
            return values
        return self._effects.removed(values, self._pipeline.known(filled))

    def _inputs(
        self,
        x: Floats,
        lag_windows: Values | None,
        rows: slice | Rows,
        future: Floats | None = None,
    ) -> list[Floats]:
        """The network's inputs but the states, without the batch axis of a sequence."""
        inputs = [x] if future is None else [x, future]
        if self._lags is None or lag_windows is None:
            return inputs
        return [*inputs, self._lags.inputs(lag_windows[rows])]

    def _wait(self, state: State, features: Floats, future_width: int) -> State:
        """Step over all rows but the last, which waits until its future is known.

        The states depend on no future, so the rows before it are told of none.
        """
        waiting = np.concatenate([state.window, features])
        if self._offsets is not None:
            return replace(state, window=waiting[-len(state.window) :])

        def inputs(rows: slice) -> list[Floats]:
            x = waiting[:-1][rows]
            blank = [np.zeros((len(x), future_width), np.float32)]
            if self._lags is not None:
                shape = (len(x), len(self._columns), self._lags.lags)
                blank.append(np.zeros(shape, np.float32))
            return [x, *blank]

        runs = self._sequence_runs(len(waiting) - 1, inputs, state.recurrent)
        *_, recurrent = state.recurrent, *(after for _, after in runs)
        return replace(state, recurrent=recurrent, window=waiting[-1:])

    def _run_rows(self, state: State, features: Floats, lag_windows: Values | None) -> State:
        """Run the network over new rows; only the last output is kept."""
        if self._offsets is None:

            def inputs(rows: slice) -> list[Floats]:
                return self._inputs(features[rows], lag_windows, rows)

            *_, (y, recurrent) = self._sequence_runs(len(features), inputs, state.recurrent)
            return replace(state, recurrent=recurrent, output=y[-1])
        window = np.concatenate([state.window, features])[-len(state.window) :]
        samples = window[self._offsets - 1 + len(window)][np.newaxis]
        (y,) = run_session(self._session, self._inputs(samples, lag_windows, slice(-1, None)))
        return replace(state, window=window, output=y[0])

    def _run_at(
        self,
        features: Floats,
        lag_windows: Values | None,
        origins: Rows,
        table: FutureTable | None,
    ) -> Floats:
        """The network's outputs at some rows, `(origins, leads * targets)`."""

        def future(rows: Rows) -> Floats | None:
            return None if table is None else table.inputs(rows)

        def inputs(rows: slice) -> list[Floats]:
            return self._inputs(
                features[rows], lag_windows, rows, future(np.arange(len(features))[rows])
            )

        raw = np.full((len(origins), self._scaling.scale.size), np.nan, np.float32)
        if self._offsets is None:
            first = 0
            start = self.initial_state().recurrent
            for y, _ in self._sequence_runs(len(features), inputs, start):
                here = (origins >= first) & (origins < first + len(y))
                raw[here] = y[origins[here] - first]
                first += len(y)
            return raw
        whole = np.flatnonzero(origins >= -self._offsets[0])
        for first in range(0, len(whole), WINDOWS_PER_RUN):
            some = whole[first : first + WINDOWS_PER_RUN]
            windows = features[origins[some, np.newaxis] + self._offsets]
            given = self._inputs(windows, lag_windows, origins[some], future(origins[some]))
            (raw[some],) = run_session(self._session, given)
        return raw

    def _sequence_runs(
        self,
        count: int,
        inputs: Callable[[slice], list[Floats]],
        recurrent: tuple[Floats, ...],
    ) -> Iterator[tuple[Floats, tuple[Floats, ...]]]:
        """Outputs `(rows, outputs)` of so many rows and states after them, piece by piece."""
        for first in range(0, count, ROWS_PER_RUN):
            piece = [each[np.newaxis] for each in inputs(slice(first, first + ROWS_PER_RUN))]
            y, *after = run_session(self._session, [*piece, *recurrent])
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
