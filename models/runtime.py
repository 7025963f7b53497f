"""The runtime: a trained forecaster served by NumPy and ONNX Runtime, its state kept outside.

A new observation costs one step. The same code reads a whole series in one pass, so that what
is evaluated at the end of training is what is served.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.adaptation import intervals_of, is_known, known_fit
from models.artefact import read_bundle
from models.calendars import Calendar
from models.classes import ClassCoding
from models.decoder import Decoder
from models.errors import DataError
from models.exchange_hours import Hours
from models.forecast import Forecast, Outputs, ScaledOutputs
from models.intervals import Adaptation, Intervals, Tracker, at_level
from models.reader import Reader, Reading
from models.resampling import GridRule
from models.runtime_session import open_session, run_session
from models.scaling import Floats
from models.series import Rows, SeriesData, Times, Values, iso
from models.series_fit import SeriesFit
from models.states import State
from models.together import Run, Steps, alone
from models.windows import WindowReader, window_offsets

__all__ = ["Forecaster", "State"]

# Rows per call of the network: bounds memory when a whole series is read.
ROWS_PER_RUN = 4096
WINDOWS_PER_RUN = 256
# Rows of all windows in a call: long windows come in smaller calls.
WINDOW_ROWS_PER_RUN = 32_768
# Outputs that are put into original units at once: each has bounds at every level.
OUTPUTS_AT_ONCE = 100_000
# Series that a forecaster stays laid out for; what is laid out shares its network.
FITS_KEPT = 256


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
        self._fit = fit
        self._fitted: dict[str, tuple[dict[str, Any], Self]] = {}
        self._reader = Reader(manifest, fit)
        targets, window = manifest["targets"], manifest["window"]
        self._targets = tuple(targets["names"])
        self._units = tuple(targets["units"])
        self._offsets = window_offsets(window["lookback"], window["step"]) if window else None
        self._decoder = Decoder(
            self._reader.scaling,
            tuple(targets["quantiles"]),
            ClassCoding.from_json(targets["classes"]) if targets["classes"] else None,
            intervals_of(manifest, fit.name if fit else manifest["series"]["name"]),
        )
        # What a row with a future would have said is known too late to follow its errors.
        self._tracker: Tracker | None = None
        if self._decoder.intervals is not None and self._reader.future is None:
            self._tracker = Tracker(self._decoder.intervals, self._reader.scaling)

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

    def fitted_as(self, stored: dict[str, Any]) -> Self:
        """The forecaster as it reads a series, by `SeriesFit.to_json` of its grid and scales.

        It is kept: laying it out costs as much as a few steps of the network.
        """
        name = stored["name"]
        kept = self._fitted.get(name)
        if kept is not None and kept[0] == stored:
            return kept[1]
        own = self.fitted(SeriesFit.from_json(stored))
        if len(self._fitted) >= FITS_KEPT:
            self._fitted.clear()
        self._fitted[name] = stored, own
        return own

    def in_hours(self, hours: Hours) -> Self:
        """The forecaster with the sessions of its series' exchange as they are known by now.

        It was trained with those known then; holidays announced since move its forecasts.
        """
        renewed = copy(self)
        renewed._fitted = {}  # noqa: SLF001 - a copy of its own
        renewed._reader = self._reader.in_hours(hours)  # noqa: SLF001 - a copy of its own
        return renewed

    @property
    def fit(self) -> SeriesFit | None:
        """Grid and scales of the series that it reads; None for the first one it learnt from."""
        return self._fit

    @property
    def leads(self) -> npt.NDArray[np.int64]:
        """Steps ahead, `(leads,)`, increasing."""
        return self._reader.scaling.leads

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets."""
        return self._targets

    @property
    def quantiles(self) -> tuple[float, ...]:
        """What the network predicts of each lead and target: `(0.5,)` for a point."""
        return self._decoder.quantiles

    @property
    def classes(self) -> ClassCoding | None:
        """What the classes are; None if values are predicted."""
        return self._decoder.classes

    @property
    def known_future(self) -> tuple[str, ...]:
        """The channels whose values at the target times a forecast needs."""
        channels: list[str] = self.manifest["channels"]
        return tuple(channels[column] for column in self._reader.pipeline.known_columns)

    @property
    def rule(self) -> GridRule:
        """How observations become rows."""
        return self._reader.rule

    @property
    def calendar(self) -> Calendar:
        """When rows come."""
        return self._reader.calendar

    @property
    def intervals(self) -> Intervals | None:
        """How wide its intervals are before they adapt; None if it has none."""
        return self._decoder.intervals

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
            tail=self._reader.pipeline.empty_tail(),
            recurrent=tuple(
                np.zeros((1, units), np.float32) for _, units in self.manifest["states"]
            ),
            window=np.zeros((span, self._reader.pipeline.width), np.float32),
            adaptation=self._tracker.start() if self._tracker else None,
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
        return alone(self.advancing(state, times, values))

    def advancing(self, state: State, times: Times, values: Values) -> Steps[State]:
        """Read observations side by side with others; the arguments are those of `advance`."""
        grid = self._reader.grid(times, values, state.time)
        if len(grid.times) == 0:
            return state
        reading = self._reader.read(state.tail, grid)
        return replace(
            (yield from self._run_rows(state, reading)),
            time=grid.times[-1],
            rows=state.rows + len(grid.times),
            tail=reading.tail,
        )

    def steps_ahead(self, state: State) -> Times:
        """When the steps from the next one to the farthest lead are due, `(steps,)`; UTC.

        Raises:
            DataError: If too few rows were read yet.
        """
        return self.calendar.future(self._origin(state), int(self.leads[-1]))

    def observed_future(self, state: State, times: Times, values: Values) -> Values:
        """What was observed of the known-future channels at the target times of a state.

        Args:
            state: The state to forecast from.
            times: `(rows,)`, UTC, increasing: observations after `state.time`.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.

        Returns:
            `(leads, known-future channels)` in original units; NaN where nothing was observed.
        """
        wanted = self.steps_ahead(state)[self.leads - 1]
        grid = self._reader.grid(times, values, state.time)
        return self._reader.observed(grid, wanted, list(self._reader.pipeline.known_columns))

    def observed_targets(self, times: Times, values: Values, wanted: Times) -> Values:
        """What came of the targets at some rows of the grid.

        Args:
            times: `(observations,)`, UTC, increasing: every observation from two steps before
                the first of `wanted` up to the last of `wanted`.
            values: `(observations, channels)` in the order of `manifest["channels"]`; NaN is
                missing.
            wanted: `(rows,)`, UTC, increasing: labels of rows that are complete.

        Returns:
            `(rows, targets)` in original units; NaN where nothing was observed.
        """
        if not len(times) or times[-1] < wanted[-1]:
            # What makes the last row complete was observed later: this says that it is.
            times = np.append(times, wanted[-1])
            values = np.vstack([values, np.full(values.shape[1], np.nan)])
        grid = self._reader.grid(times, values)
        return self._reader.observed(grid, wanted, self._reader.columns)

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
        return alone(self.forecasting(state, known))

    def forecasting(self, state: State, known: Values | None = None) -> Steps[Forecast]:
        """Forecast side by side with others; arguments and errors are those of `forecast`."""
        origin = self._origin(state)
        naive = state.tail[-1, self._reader.columns]
        said = (yield from self._output(state, known))[np.newaxis]
        (values,) = self._decoder.values(said, naive[np.newaxis])
        probabilities = self._decoder.probabilities(said)
        if probabilities is None:
            self._check_finite(values, naive)
        lower = upper = None
        if self.intervals is not None:
            adapted = state.adaptation
            log_factors = None if adapted is None else adapted.log_factors[np.newaxis]
            lower, upper = (
                each[:, 0] for each in self._decoder.bounds(said, naive[np.newaxis], log_factors)
            )
        return Forecast(
            origin=origin,
            times=self.steps_ahead(state)[self.leads - 1],
            leads=self.leads,
            targets=self._targets,
            units=self._units,
            values=values,
            lower=lower,
            upper=upper,
            naive=naive,
            cadence=self.rule.step.text,
            classes=self.classes.names if self.classes else (),
            probabilities=None if probabilities is None else probabilities[0],
        )

    def _origin(self, state: State) -> np.datetime64:
        """The grid time of the last row, from which a forecast can be made."""
        if state.time is None or state.rows < self.least_rows:
            raise DataError(
                f"A forecast needs at least {self.least_rows} rows of history at the cadence "
                f"{self.manifest['cadence']}. Received: {state.rows}"
            )
        return state.time

    def _output(self, state: State, known: Values | None) -> Steps[Floats]:
        """What the network says at the last row: kept, or made now that its future is known."""
        future = self._reader.future
        if future is None or state.time is None:
            assert state.output is not None, "a network without a future has spoken"  # noqa: S101
            return state.output
        x = state.window
        if self._offsets is not None:
            x = x[self._offsets - 1 + len(x)]
        inputs = [x, future.inputs(state.time, known), *self._reader.last_lags(state.tail)]
        if self._offsets is None:
            inputs = [each[np.newaxis] for each in inputs]
        else:
            inputs[0] = x[np.newaxis]
        y, *_ = yield Run(self._session, [*inputs, *state.recurrent])
        last: Floats = y.reshape(-1)
        return last

    def outputs(
        self, times: Times, values: Values, at: Rows | None = None, levels: Sequence[float] = ()
    ) -> Outputs:
        """Forecast from many rows of a series in one pass, as if each were the latest.

        Args:
            times: `(rows,)`, UTC, increasing.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.
            at: The grid rows to forecast from, increasing; None for all.
            levels: Percent, for which bounds are wanted, if there are intervals.
        """
        reading = self._reader.whole(times, values)
        origins = np.arange(len(reading.times)) if at is None else at
        bounded = tuple(levels) if self.intervals else ()
        shape = (len(origins), *self._reader.scaling.scale.shape)
        found = Outputs(
            reading.times,
            reading.actual,
            origins,
            np.full(shape, np.nan),
            np.full((len(bounded), *shape), np.nan),
            np.full((len(bounded), *shape), np.nan),
            np.full((*shape, len(self.classes.names)), np.nan) if self.classes else None,
        )
        for some, said, log_factors in self._runs_at(reading, origins, tracked=bool(bounded)):
            base = reading.base[origins[some]]
            found.values[some] = self._decoder.values(said, base)
            if found.probabilities is not None:
                found.probabilities[some] = self._decoder.probabilities(said)
            if bounded:
                bounds_of_piece = self._decoder.bounds(said, base, log_factors)
                for target, each in zip((found.lower, found.upper), bounds_of_piece, strict=True):
                    for index, level in enumerate(bounded):
                        target[index, some] = at_level(level, found.values[some], each)
        early = origins < self.least_rows - 1
        if reading.future is not None:
            early |= ~reading.future.complete(origins)
        for each in (found.said, found.values, *found.lower, *found.upper):
            each[early] = np.nan
        return found

    def scaled_outputs(self, times: Times, values: Values, at: Rows) -> ScaledOutputs:
        """The network's outputs at some rows, beside the labels they are for.

        Args:
            times: `(rows,)`, UTC, increasing.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.
            at: The grid rows, increasing; all leads of each lie inside the series.
        """
        reading = self._reader.whole(times, values)
        said = np.full((len(at), *self._reader.scaling.scale.shape, self._decoder.width), np.nan)
        for some, here, _ in self._runs_at(reading, at):
            said[some] = self._decoder.shaped(here)
        return ScaledOutputs(reading.times, said, self._labels(reading, at))

    def labels(self, times: Times, values: Values, at: Rows) -> Values:
        """What the network should say at some rows; the arguments are those of `scaled_outputs`.

        Returns:
            `(origins, leads, targets)`, scaled, or codes of classes; NaN is missing.
        """
        return self._labels(self._reader.whole(times, values), at)

    def values_of(self, data: SeriesData) -> Values:
        """A copy of a series' values, `(rows, channels)`, in the order that is read here.

        Raises:
            DataError: If the series lacks a channel.
        """
        wanted: list[str] = self.manifest["channels"]
        if missing := [name for name in wanted if name not in data.channel_names]:
            raise DataError(f"The series {data.name!r} lacks channels of the forecaster: {missing}")
        return data.values[:, [data.channel_names.index(name) for name in wanted]]

    def _labels(self, reading: Reading, at: Rows) -> Values:
        actual = reading.actual[at[:, np.newaxis] + self.leads]
        return self._decoder.labels(actual, reading.base[at])

    def _run_rows(self, state: State, reading: Reading) -> Steps[State]:
        """Run the network over new rows; only the last output is kept."""
        if self._reader.future is not None:
            return (yield from self._wait(state, reading.features))
        if self._offsets is not None:
            return (yield from self._run_windows(state, reading))
        for rows in _pieces(len(reading.features)):
            inputs = self._reader.inputs(reading.features[rows], reading, rows)
            said, *recurrent = yield self._run(inputs, state.recurrent)
            adaptation, _ = self._track(state.adaptation, reading, rows, said[0])
            state = replace(
                state, recurrent=tuple(recurrent), output=said[0, -1], adaptation=adaptation
            )
        return state

    def _wait(self, state: State, features: Floats) -> Steps[State]:
        """Step over all rows but the last, which waits until its future is known.

        The states depend on no future, so the rows before it are told of none.
        """
        waiting = np.concatenate([state.window, features])
        if self._offsets is not None:
            return replace(state, window=waiting[-len(state.window) :])
        recurrent = state.recurrent
        for rows in _pieces(len(waiting) - 1):
            x = waiting[rows]
            _, *after = yield self._run([x, *self._reader.blank_inputs(len(x))], recurrent)
            recurrent = tuple(after)
        return replace(state, recurrent=recurrent, window=waiting[-1:])

    def _run_windows(self, state: State, reading: Reading) -> Steps[State]:
        """Run the window of the last row, and of each row whose errors move the intervals."""
        features = np.concatenate([state.window, reading.features])
        windows = self._windows(features, len(state.window))
        adaptation, output, last = state.adaptation, state.output, len(reading.times) - 1
        for rows in _pieces(len(reading.times)):
            here = np.arange(rows.start, rows.stop)
            followed = self._followed(reading.times[rows], state.rows + here)
            said = yield from self._say_windows(reading, rows, followed | (here == last), windows)
            adaptation, _ = self._track(adaptation, reading, rows, _only(said, followed))
            output = said[-1]
        window = features[-len(state.window) :]
        return replace(state, window=window, output=output, adaptation=adaptation)

    def _say_windows(
        self,
        reading: Reading,
        rows: slice,
        wanted: npt.NDArray[np.bool_],
        windows: WindowReader,
    ) -> Steps[Floats]:
        """What the network says at some of the rows, `(rows, outputs)`; NaN at the others."""
        outputs = self._decoder.width * self._reader.scaling.scale.size
        said = np.full((len(wanted), outputs), np.nan, np.float32)
        places = np.flatnonzero(wanted)
        count = min(WINDOWS_PER_RUN, max(1, WINDOW_ROWS_PER_RUN // len(windows.offsets)))
        for first in range(0, len(places), count):
            some = places[first : first + count]
            inputs = self._reader.inputs(windows.at(rows.start + some), reading, rows.start + some)
            (said[some],) = yield Run(self._session, inputs)
        return said

    def _windows(self, features: Floats, before: int) -> WindowReader:
        assert self._offsets is not None, "the forecaster reads windows"  # noqa: S101
        return WindowReader(self._offsets, features, before)

    def _followed(self, times: Times, rows: Rows) -> npt.NDArray[np.bool_]:
        """Rows from which forecasts can be made, and whose errors move the intervals."""
        if self._tracker is None or self._tracker.since is None:
            return np.zeros(len(times), bool)
        followed: npt.NDArray[np.bool_] = (times >= self._tracker.since) & (
            rows >= self.least_rows - 1
        )
        return followed

    def _run(self, inputs: list[Floats], recurrent: tuple[Floats, ...]) -> Run:
        """A run over rows of one series: a batch of one sequence."""
        return Run(self._session, [*(each[np.newaxis] for each in inputs), *recurrent])

    def _runs_at(
        self, reading: Reading, origins: Rows, *, tracked: bool = False
    ) -> Iterator[tuple[Rows, Floats, Values | None]]:
        """Positions in `origins`, what the network says there, and the intervals' factors.

        Following the intervals takes longer than the network: only if they are wanted.
        """
        adaptation = self.initial_state().adaptation if tracked else None
        windowed = self._offsets is not None
        runs = (
            self._window_runs(reading, origins, tracked=tracked)
            if windowed
            else (self._reading_runs(reading))
        )
        first_origin = self.least_rows - 1 if windowed else 0
        for rows, said, counted in runs:
            adaptation, log_factors = self._track(adaptation, reading, rows, counted)
            is_inside = (origins >= max(rows.start, first_origin)) & (origins < rows.stop)
            inside = np.flatnonzero(is_inside)
            size = max(1, OUTPUTS_AT_ONCE // said.shape[1])
            for first in range(0, len(inside), size):
                some = inside[first : first + size]
                here = origins[some] - rows.start
                yield some, said[here], None if log_factors is None else log_factors[here]

    def _window_runs(
        self, reading: Reading, origins: Rows, *, tracked: bool
    ) -> Iterator[tuple[slice, Floats, Floats]]:
        """As `_reading_runs`, up to the last origin; NaN where nothing is needed."""
        windows = self._windows(reading.features, 0)
        is_origin = np.zeros(len(reading.times), bool)
        is_origin[origins[origins >= self.least_rows - 1]] = True
        for rows in _pieces(int(origins.max(initial=-1)) + 1):
            followed = self._followed(reading.times[rows], np.arange(rows.start, rows.stop))
            wanted = is_origin[rows] | (followed & tracked)
            if tracked or wanted.any():
                said = alone(self._say_windows(reading, rows, wanted, windows))
                _require_finite(said[wanted], reading.times[rows][wanted])
                yield rows, said, _only(said, followed)

    def _reading_runs(self, reading: Reading) -> Iterator[tuple[slice, Floats, Floats]]:
        """Rows, outputs `(rows, outputs)` and those that move the intervals, piece by piece."""
        recurrent = self.initial_state().recurrent
        for rows in _pieces(len(reading.features)):
            inputs = self._reader.inputs(reading.features[rows], reading, rows)
            run = self._run(inputs, recurrent)
            said, *after = run_session(run.session, run.inputs)
            _require_finite(said[0], reading.times[rows])
            recurrent = tuple(after)
            yield rows, said[0], said[0]

    def _track(
        self, adaptation: Adaptation | None, reading: Reading, rows: slice, said: Floats
    ) -> tuple[Adaptation | None, Values | None]:
        """Let the intervals see new rows; their factors at each of them."""
        if self._tracker is None or adaptation is None:
            return None, None
        return self._tracker.advance(
            adaptation, reading.times[rows], said, reading.base[rows], reading.actual[rows]
        )

    def _check_finite(self, values: Values, naive: Values) -> None:
        broken = ~np.isfinite(values).all(axis=0)
        if not broken.any():
            return
        names = ", ".join(np.array(self._targets)[broken])
        if np.isnan(naive[broken]).any() and self._reader.scaling.transform != "none":
            raise DataError(
                f"A forecast needs at least one earlier value of every target. Missing: {names}"
            )
        raise DataError(f"The network's forecast is not a finite number. Target: {names}")


def _only(said: Floats, rows: npt.NDArray[np.bool_]) -> Floats:
    """The outputs of some rows; NaN at the others."""
    return np.where(rows[:, np.newaxis], said, np.float32(np.nan))


def _pieces(rows: int) -> Iterator[slice]:
    """Rows by the piece, in order."""
    for first in range(0, rows, ROWS_PER_RUN):
        yield slice(first, min(first + ROWS_PER_RUN, rows))


def _require_finite(said: Floats, times: Times) -> None:
    """Refuse what is no number: the inputs always are, so the states have grown without bound."""
    finite = np.isfinite(said).all(axis=-1)
    if not finite.all():
        raise DataError(
            f"The network's outputs are no finite numbers from {iso(times[~finite][0])} on: its "
            "states grow without bound. Take bounded activations (tanh, and sigmoid for gates), or "
            "a `recurrent_constraint`."
        )
