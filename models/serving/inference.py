"""Runs of the network over the rows of a series: with a state that is carried, or by windows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.arrays import Floats, RowIndices, Times, Values
from models.errors import DataError
from models.features.windows import WindowReader
from models.grid.grid import Grid
from models.series import iso
from models.serving.batching import Computation, Run, run_one
from models.serving.intervals import Adaptation, Tracker
from models.serving.preprocessing import Preprocessor, Reading
from models.serving.session import run_session
from models.serving.states import State, Waiting

# Rows per call of the network: bounds memory when a whole series is read.
ROWS_PER_RUN = 4096
WINDOWS_PER_RUN = 256
# Rows of all windows in a call: long windows come in smaller calls.
WINDOW_ROWS_PER_RUN = 32_768
# Outputs that are put into original units at once: each has bounds at every level.
OUTPUTS_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Inference:
    """A network, and what it is given at each row.

    Args:
        session: The network.
        reader: Makes inputs of observations.
        outputs: How many numbers the network says at a row.
        least_rows: Rows of history that a forecast needs.
        states: Units of each recurrent state that is carried.
        offsets: Rows of a window, `(lookback,)`, relative to its last one; None if a state is
            carried instead.
        tracker: Follows the errors for the intervals; None if they are fixed.
    """

    session: onnxruntime.InferenceSession
    reader: Preprocessor
    outputs: int
    least_rows: int
    states: tuple[int, ...]
    offsets: RowIndices | None
    tracker: Tracker | None

    def initial_state(self) -> State:
        """The state before the first observation."""
        pipeline, tail = self.reader.pipeline, self.reader.pipeline.empty_tail()
        span = 0 if self.offsets is None else 1 - int(self.offsets[0])
        recurrent = tuple(np.zeros((1, units), np.float32) for units in self.states)
        window = np.zeros((span, pipeline.width), np.float32)
        none = Grid(np.empty(0, "datetime64[us]"), np.empty((0, pipeline.columns)))
        return State(
            time=None,
            rows=0,
            tail=tail,
            recurrent=recurrent,
            window=window,
            adaptation=self.tracker.start() if self.tracker else None,
            output=None,
            waiting=Waiting(none.times, none.values, tail, recurrent, window)
            if self.delay
            else None,
        )

    @property
    def delay(self) -> int:
        """How many rows later the intervals learn what a row says; 0 for at once, or never."""
        return self.tracker.delay if self.tracker else 0

    def last_output(self, state: State, known: Values | None) -> Computation[Floats]:
        """What the network says at the last row: kept, or made now that its future is known."""
        future = self.reader.future
        if future is None or state.time is None:
            assert state.output is not None, "a network without a future has spoken"  # noqa: S101
            return state.output
        x = state.window
        if self.offsets is not None:
            x = x[self.offsets - 1 + len(x)]
        inputs = [x, future.inputs(state.time, known), *self.reader.last_lags(state.tail)]
        if self.offsets is None:
            inputs = [each[np.newaxis] for each in inputs]
        else:
            inputs[0] = x[np.newaxis]
        y, *_ = yield Run(self.session, [*inputs, *state.recurrent])
        last: Floats = y.reshape(-1)
        return last

    def over(self, state: State, grid: Grid) -> Computation[State]:
        """Run the network over the rows that follow a state; only the last output is kept."""
        if state.waiting is None:
            read = yield from self._run_at_once(state, grid)
        else:
            read = yield from self._run_late(state, state.waiting, grid)
        return replace(read, time=grid.times[-1], rows=state.rows + len(grid.times))

    def _run_at_once(self, state: State, grid: Grid) -> Computation[State]:
        """Read new rows, which say what moves the intervals as they come, or never do."""
        reading = self.reader.read(state.tail, grid)
        state = replace(state, tail=reading.tail)
        if self.reader.future is not None:
            return (yield from self._wait(state, reading.features))
        if self.offsets is not None:
            return (yield from self._run_windows(state, reading))
        for rows in _pieces(len(reading.features)):
            said, recurrent = yield from self._say_next(reading, rows, state.recurrent)
            adaptation, _ = self._track(state.adaptation, reading, rows, said)
            state = replace(state, recurrent=recurrent, output=said[-1], adaptation=adaptation)
        return state

    def at(
        self, reading: Reading, origins: RowIndices, *, tracked: bool = False
    ) -> Iterator[tuple[RowIndices, Floats, Values | None]]:
        """Run the network over a whole series; what it says at some of its rows, by the piece.

        Yields positions in `origins`, outputs `(positions, outputs)` and the intervals' factors.

        Following the intervals takes longer than the network: only if they are wanted.
        """
        adaptation = self.initial_state().adaptation if tracked else None
        unheard = self._silence(self.delay)
        windowed = self.offsets is not None
        runs = (
            self._window_runs(reading, origins, tracked=tracked)
            if windowed
            else (self._reading_runs(reading))
        )
        first_origin = self.least_rows - 1 if windowed else 0
        for rows, said, counted in runs:
            heard = np.concatenate([unheard, counted]) if self.delay else counted
            heard, unheard = heard[: len(counted)], heard[len(counted) :]
            adaptation, log_factors = self._track(adaptation, reading, rows, heard)
            is_inside = (origins >= max(rows.start, first_origin)) & (origins < rows.stop)
            inside = np.flatnonzero(is_inside)
            size = max(1, OUTPUTS_AT_ONCE // said.shape[1])
            for first in range(0, len(inside), size):
                some = inside[first : first + size]
                here = origins[some] - rows.start
                yield some, said[here], None if log_factors is None else log_factors[here]

    def _run_late(self, state: State, late: Waiting, grid: Grid) -> Computation[State]:
        """Read new rows, and let those speak whose future has come with them."""
        rows = late.followed_by(grid)
        reading, new = self.reader.read(late.tail, rows), len(grid.times)
        adaptation, waiting = yield from self._speak(state, late, rows, reading)
        unread = reading.features[-new:]
        if new > len(waiting.times):
            # Most new rows have spoken: the states after them need not be made twice.
            state = replace(state, recurrent=waiting.recurrent, window=waiting.window)
            unread = reading.features[-len(waiting.times) :]
        state = yield from self._wait(state, unread)
        return replace(state, adaptation=adaptation, waiting=waiting, tail=reading.tail)

    def _speak(
        self, state: State, late: Waiting, rows: Grid, reading: Reading
    ) -> Computation[tuple[Adaptation | None, Waiting]]:
        """Ask the rows whose future has come what they say of it, and let the intervals see.

        Args:
            state: What was kept.
            late: Its rows that wait.
            rows: These and the new ones.
            reading: The same as the network sees them.

        Returns:
            How the intervals have adapted, and the rows that go on waiting.
        """
        features = np.concatenate([late.window, reading.features])
        adaptation, recurrent, before = state.adaptation, late.recurrent, len(late.times)
        for new in _pieces(len(rows.times), before):
            here = slice(max(0, new.start - self.delay), max(0, new.stop - self.delay))
            if self.offsets is None:
                said, recurrent = yield from self._say_next(reading, here, recurrent)
            else:
                followed = self._followed(reading.times[here], state.rows - before + _places(here))
                windows = self._windows(features, len(late.window))
                said = yield from self._say_windows(reading, here, followed, windows)
            none = self._silence(new.stop - new.start - len(said))
            adaptation, _ = self._track(adaptation, reading, new, np.concatenate([none, said]))
        spoken = max(0, len(rows.times) - self.delay)
        return adaptation, Waiting(
            # Copies, for the state would hold all of the rows.
            times=rows.times[spoken:].copy(),
            values=rows.values[spoken:].copy(),
            tail=self.reader.tail_after(late.tail, rows.values[:spoken]),
            recurrent=recurrent,
            window=features[spoken : spoken + len(late.window)].copy(),
        )

    def _say_next(
        self, reading: Reading, rows: slice, recurrent: tuple[Floats, ...]
    ) -> Computation[tuple[Floats, tuple[Floats, ...]]]:
        """What the network says at the next rows, `(rows, outputs)`, and its states after them."""
        if rows.start == rows.stop:
            return self._silence(0), recurrent
        inputs = self.reader.inputs(reading.features[rows], reading, rows)
        said, *after = yield self._run(inputs, recurrent)
        return said[0], tuple(after)

    def _wait(self, state: State, features: Floats) -> Computation[State]:
        """Step over all rows but the last, which waits until its future is known.

        The states depend on no future, so the rows before it are told of none.
        """
        waiting = np.concatenate([state.window, features])
        if self.offsets is not None:
            return replace(state, window=waiting[-len(state.window) :])
        recurrent = state.recurrent
        for rows in _pieces(len(waiting) - 1):
            x = waiting[rows]
            _, *after = yield self._run([x, *self.reader.blank_inputs(len(x))], recurrent)
            recurrent = tuple(after)
        return replace(state, recurrent=recurrent, window=waiting[-1:])

    def _run_windows(self, state: State, reading: Reading) -> Computation[State]:
        """Run the window of the last row, and of each row whose errors move the intervals."""
        features = np.concatenate([state.window, reading.features])
        windows = self._windows(features, len(state.window))
        adaptation, output, last = state.adaptation, state.output, len(reading.times) - 1
        for rows in _pieces(len(reading.times)):
            here = _places(rows)
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
    ) -> Computation[Floats]:
        """What the network says at some of the rows, `(rows, outputs)`; NaN at the others."""
        said = self._silence(len(wanted))
        places = np.flatnonzero(wanted)
        count = min(WINDOWS_PER_RUN, max(1, WINDOW_ROWS_PER_RUN // len(windows.offsets)))
        for first in range(0, len(places), count):
            some = places[first : first + count]
            inputs = self.reader.inputs(windows.at(rows.start + some), reading, rows.start + some)
            (said[some],) = yield Run(self.session, inputs)
        return said

    def _windows(self, features: Floats, before: int) -> WindowReader:
        assert self.offsets is not None, "the forecaster reads windows"  # noqa: S101
        return WindowReader(self.offsets, features, before)

    def _followed(self, times: Times, rows: RowIndices) -> npt.NDArray[np.bool_]:
        """Rows from which forecasts can be made, and whose errors move the intervals."""
        if self.tracker is None or self.tracker.since is None:
            return np.zeros(len(times), bool)
        followed: npt.NDArray[np.bool_] = (times >= self.tracker.since) & (
            rows >= self.least_rows - 1
        )
        return followed

    def _run(self, inputs: list[Floats], recurrent: tuple[Floats, ...]) -> Run:
        """A run over rows of one series: a batch of one sequence."""
        return Run(self.session, [*(each[np.newaxis] for each in inputs), *recurrent])

    def _window_runs(
        self, reading: Reading, origins: RowIndices, *, tracked: bool
    ) -> Iterator[tuple[slice, Floats, Floats]]:
        """As `_reading_runs`, up to the last origin; NaN where nothing is needed."""
        windows = self._windows(reading.features, 0)
        is_origin = np.zeros(len(reading.times), bool)
        is_origin[origins[origins >= self.least_rows - 1]] = True
        for rows in _pieces(int(origins.max(initial=-1)) + 1):
            followed = self._followed(reading.times[rows], _places(rows))
            wanted = is_origin[rows] | (followed & tracked)
            if tracked or wanted.any():
                said = run_one(self._say_windows(reading, rows, wanted, windows))
                _require_finite(said[wanted], reading.times[rows][wanted])
                yield rows, said, _only(said, followed)

    def _reading_runs(self, reading: Reading) -> Iterator[tuple[slice, Floats, Floats]]:
        """Rows, outputs `(rows, outputs)` and those that move the intervals, piece by piece."""
        recurrent = self.initial_state().recurrent
        for rows in _pieces(len(reading.features)):
            inputs = self.reader.inputs(reading.features[rows], reading, rows)
            run = self._run(inputs, recurrent)
            said, *after = run_session(run.session, run.inputs)
            _require_finite(said[0], reading.times[rows])
            recurrent = tuple(after)
            yield rows, said[0], said[0]

    def _track(
        self, adaptation: Adaptation | None, reading: Reading, rows: slice, said: Floats
    ) -> tuple[Adaptation | None, Values | None]:
        """Let the intervals see new rows; their factors at each of them.

        Args:
            adaptation: What was kept; None if nothing is to be followed.
            reading: Holds the rows, and those before that speak late.
            rows: The new ones.
            said: `(rows, outputs)`, by the rows that speak as each of them comes; NaN for none.
        """
        if self.tracker is None or adaptation is None:
            return None, None
        speakers = np.maximum(_places(rows) - self.delay, 0)
        return self.tracker.advance(
            adaptation, reading.times[speakers], said, reading.base[rows], reading.actual[rows]
        )

    def _silence(self, rows: int) -> Floats:
        """What rows say that say nothing: `(rows, outputs)` of NaN."""
        return np.full((rows, self.outputs), np.nan, np.float32)


def _only(said: Floats, rows: npt.NDArray[np.bool_]) -> Floats:
    """The outputs of some rows; NaN at the others."""
    return np.where(rows[:, np.newaxis], said, np.float32(np.nan))


def _places(rows: slice) -> RowIndices:
    """The numbers of rows."""
    return np.arange(rows.start, rows.stop)


def _pieces(stop: int, first: int = 0) -> Iterator[slice]:
    """Rows by the piece, in order."""
    for start in range(first, stop, ROWS_PER_RUN):
        yield slice(start, min(start + ROWS_PER_RUN, stop))


def _require_finite(said: Floats, times: Times) -> None:
    """Refuse what is no number: the inputs always are, so the states have grown without bound."""
    finite = np.isfinite(said).all(axis=-1)
    if not finite.all():
        raise DataError(
            f"The network's outputs are no finite numbers from {iso(times[~finite][0])} on: its "
            "states grow without bound. Take bounded activations (tanh, and sigmoid for gates), or "
            "a `recurrent_constraint`."
        )
