"""Run the network over a series' rows: carrying its state from row to row, or over windows."""

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
from models.serving.batching import Computation, NetworkRun, run_one
from models.serving.interval_tracker import Adaptation, IntervalTracker
from models.serving.preprocessing import PreprocessedRows, Preprocessor
from models.serving.session import run_session
from models.serving.states import State, Waiting

# Rows per network run: bounds memory when a whole series is read.
ROWS_PER_RUN = 4096
WINDOWS_PER_RUN = 256
# Rows in all windows of one run: longer windows run in smaller batches.
WINDOW_ROWS_PER_RUN = 32_768
# Outputs converted to original units at once: each one has bounds at every level.
OUTPUTS_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Inference:
    """A network and the inputs it gets at each row.

    `outputs` below is the network's number of outputs per row: leads * targets * quantiles, or
    leads * targets * class scores.

    Args:
        session: The network.
        preprocessor: Makes the network's inputs from observations.
        outputs: Numbers that the network predicts at each row.
        least_rows: Rows of history that a forecast needs.
        states: Units of each recurrent state that is carried; empty for a windowed network.
        offsets: `(lookback,)`, a window's rows relative to its last row; None for a network
            that carries a state instead.
        tracker: Follows the forecast errors for the intervals; None without intervals.
    """

    session: onnxruntime.InferenceSession
    preprocessor: Preprocessor
    outputs: int
    least_rows: int
    states: tuple[int, ...]
    offsets: RowIndices | None
    tracker: IntervalTracker | None

    def initial_state(self) -> State:
        """The state before the first observation."""
        pipeline = self.preprocessor.pipeline
        tail = pipeline.empty_tail()
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
        """Rows between a forecast's origin and the row at which its errors are scored.

        0 if each lead is scored as soon as its label is observed, or if widths never change.
        """
        return self.tracker.delay if self.tracker else 0

    def predict_last(self, state: State, known: Values | None) -> Computation[Floats]:
        """The network's outputs at the state's last row, `(outputs,)`.

        They are stored in the state unless the network needs known-future values; then it runs
        here, with `known`.
        """
        future = self.preprocessor.future
        if future is None or state.time is None:
            assert state.output is not None, "advancing stores the last outputs"  # noqa: S101
            return state.output
        x = state.window
        if self.offsets is not None:
            x = x[self.offsets - 1 + len(x)]
        inputs = [x, future.inputs(state.time, known), *self.preprocessor.last_lags(state.tail)]
        if self.offsets is None:
            inputs = [each[np.newaxis] for each in inputs]
        else:
            inputs[0] = x[np.newaxis]
        y, *_ = yield NetworkRun(self.session, [*inputs, *state.recurrent])
        last: Floats = y.reshape(-1)
        return last

    def advance(self, state: State, grid: Grid) -> Computation[State]:
        """Run the network over the rows that follow a state; only the last outputs are kept."""
        if state.waiting is None:
            advanced = yield from self._advance_at_once(state, grid)
        else:
            advanced = yield from self._advance_late(state, state.waiting, grid)
        return replace(advanced, time=grid.times[-1], rows=state.rows + len(grid.times))

    def predict_rows(
        self, rows: PreprocessedRows, origins: RowIndices, *, tracked: bool = False
    ) -> Iterator[tuple[RowIndices, Floats, Values | None]]:
        """Run the network over a whole series and yield its outputs at some rows, in pieces.

        Args:
            rows: The whole series.
            origins: Rows whose outputs are wanted, increasing.
            tracked: Whether the intervals' factors are wanted: following the errors takes
                longer than the network.

        Yields:
            Positions in `origins`, the outputs `(positions, outputs)` and the log factors
            `(positions, tracked levels, leads, targets)`, or None if they are not wanted.
        """
        adaptation = self.initial_state().adaptation if tracked else None
        pending = self._blank_outputs(self.delay)
        windowed = self.offsets is not None
        pieces = (
            self._predict_all_windows(rows, origins, tracked=tracked)
            if windowed
            else self._predict_all_rows(rows)
        )
        first_origin = self.least_rows - 1 if windowed else 0
        for piece, predicted, tracked_outputs in pieces:
            scored = np.concatenate([pending, tracked_outputs]) if self.delay else tracked_outputs
            scored, pending = scored[: len(tracked_outputs)], scored[len(tracked_outputs) :]
            adaptation, log_factors = self._track(adaptation, rows, piece, scored)
            is_inside = (origins >= max(piece.start, first_origin)) & (origins < piece.stop)
            inside = np.flatnonzero(is_inside)
            size = max(1, OUTPUTS_AT_ONCE // predicted.shape[1])
            for first in range(0, len(inside), size):
                some = inside[first : first + size]
                here = origins[some] - piece.start
                yield some, predicted[here], None if log_factors is None else log_factors[here]

    def _advance_at_once(self, state: State, grid: Grid) -> Computation[State]:
        """Advance over new rows whose outputs can be predicted at once."""
        rows = self.preprocessor.preprocess(state.tail, grid)
        state = replace(state, tail=rows.tail)
        if self.preprocessor.future is not None:
            return (yield from self._hold_last_row(state, rows.features))
        if self.offsets is not None:
            return (yield from self._advance_windows(state, rows))
        for piece in _pieces(len(rows.features)):
            predicted, recurrent = yield from self._predict_next(rows, piece, state.recurrent)
            adaptation, _ = self._track(state.adaptation, rows, piece, predicted)
            state = replace(state, recurrent=recurrent, output=predicted[-1], adaptation=adaptation)
        return state

    def _advance_late(self, state: State, late: Waiting, grid: Grid) -> Computation[State]:
        """Advance over new rows, and predict at the rows whose future they complete."""
        pending = late.followed_by(grid)
        rows, new = self.preprocessor.preprocess(late.tail, pending), len(grid.times)
        adaptation, waiting = yield from self._predict_completed(state, late, pending, rows)
        unread = rows.features[-new:]
        if new > len(waiting.times):
            # The network has already run over most of the new rows: continue from its states.
            state = replace(state, recurrent=waiting.recurrent, window=waiting.window)
            unread = rows.features[-len(waiting.times) :]
        state = yield from self._hold_last_row(state, unread)
        return replace(state, adaptation=adaptation, waiting=waiting, tail=rows.tail)

    def _predict_completed(
        self, state: State, late: Waiting, pending: Grid, rows: PreprocessedRows
    ) -> Computation[tuple[Adaptation | None, Waiting]]:
        """Predict at rows whose known future is now observed, and score these forecasts.

        Args:
            state: The stored state.
            late: Its waiting rows.
            pending: The waiting rows and the new ones.
            rows: The same, preprocessed.

        Returns:
            The adapted intervals, and the rows that still wait.
        """
        features = np.concatenate([late.window, rows.features])
        adaptation, recurrent, before = state.adaptation, late.recurrent, len(late.times)
        for new in _pieces(len(pending.times), before):
            here = slice(max(0, new.start - self.delay), max(0, new.stop - self.delay))
            if self.offsets is None:
                predicted, recurrent = yield from self._predict_next(rows, here, recurrent)
            else:
                tracked = self._is_tracked(rows.times[here], state.rows - before + _indices(here))
                windows = self._windows(features, len(late.window))
                predicted = yield from self._predict_windows(rows, here, tracked, windows)
            none = self._blank_outputs(new.stop - new.start - len(predicted))
            adaptation, _ = self._track(adaptation, rows, new, np.concatenate([none, predicted]))
        completed = max(0, len(pending.times) - self.delay)
        return adaptation, Waiting(
            # Copies: a view would keep all of the rows in memory as long as the state.
            times=pending.times[completed:].copy(),
            values=pending.values[completed:].copy(),
            tail=self.preprocessor.tail_after(late.tail, pending.values[:completed]),
            recurrent=recurrent,
            window=features[completed : completed + len(late.window)].copy(),
        )

    def _predict_next(
        self, rows: PreprocessedRows, piece: slice, recurrent: tuple[Floats, ...]
    ) -> Computation[tuple[Floats, tuple[Floats, ...]]]:
        """The network's outputs at the next rows, `(rows, outputs)`, and its states after them."""
        if piece.start == piece.stop:
            return self._blank_outputs(0), recurrent
        inputs = self.preprocessor.inputs(rows.features[piece], rows, piece)
        predicted, *after = yield self._run(inputs, recurrent)
        return predicted[0], tuple(after)

    def _hold_last_row(self, state: State, features: Floats) -> Computation[State]:
        """Run over all rows but the last, which waits until its known future is given.

        The recurrent states do not depend on the known future, so blank values stand in for it.
        """
        waiting = np.concatenate([state.window, features])
        if self.offsets is not None:
            return replace(state, window=waiting[-len(state.window) :])
        recurrent = state.recurrent
        for piece in _pieces(len(waiting) - 1):
            x = waiting[piece]
            _, *after = yield self._run([x, *self.preprocessor.blank_inputs(len(x))], recurrent)
            recurrent = tuple(after)
        return replace(state, recurrent=recurrent, window=waiting[-1:])

    def _advance_windows(self, state: State, rows: PreprocessedRows) -> Computation[State]:
        """Run the last row's window, and the window of each row whose errors are tracked."""
        features = np.concatenate([state.window, rows.features])
        windows = self._windows(features, len(state.window))
        adaptation, output, last = state.adaptation, state.output, len(rows.times) - 1
        for piece in _pieces(len(rows.times)):
            here = _indices(piece)
            tracked = self._is_tracked(rows.times[piece], state.rows + here)
            wanted = tracked | (here == last)
            predicted = yield from self._predict_windows(rows, piece, wanted, windows)
            adaptation, _ = self._track(adaptation, rows, piece, _only(predicted, tracked))
            output = predicted[-1]
        window = features[-len(state.window) :]
        return replace(state, window=window, output=output, adaptation=adaptation)

    def _predict_windows(
        self,
        rows: PreprocessedRows,
        piece: slice,
        wanted: npt.NDArray[np.bool_],
        windows: WindowReader,
    ) -> Computation[Floats]:
        """The network's outputs at the wanted rows, `(rows, outputs)`; NaN at the others."""
        predicted = self._blank_outputs(len(wanted))
        indices = np.flatnonzero(wanted)
        count = min(WINDOWS_PER_RUN, max(1, WINDOW_ROWS_PER_RUN // len(windows.offsets)))
        for first in range(0, len(indices), count):
            some = indices[first : first + count]
            at = piece.start + some
            inputs = self.preprocessor.inputs(windows.at(at), rows, at)
            (predicted[some],) = yield NetworkRun(self.session, inputs)
        return predicted

    def _windows(self, features: Floats, before: int) -> WindowReader:
        assert self.offsets is not None, "the network is windowed"  # noqa: S101
        return WindowReader(self.offsets, features, before)

    def _is_tracked(self, times: Times, rows: RowIndices) -> npt.NDArray[np.bool_]:
        """Whether forecasts can be made from rows and their errors move the intervals."""
        if self.tracker is None or self.tracker.since is None:
            return np.zeros(len(times), bool)
        tracked: npt.NDArray[np.bool_] = (times >= self.tracker.since) & (
            rows >= self.least_rows - 1
        )
        return tracked

    def _run(self, inputs: list[Floats], recurrent: tuple[Floats, ...]) -> NetworkRun:
        """A run over one series' rows: a batch of one sequence."""
        return NetworkRun(self.session, [*(each[np.newaxis] for each in inputs), *recurrent])

    def _predict_all_windows(
        self, rows: PreprocessedRows, origins: RowIndices, *, tracked: bool
    ) -> Iterator[tuple[slice, Floats, Floats]]:
        """As `_predict_all_rows`, up to the last origin; NaN at rows that are not needed."""
        windows = self._windows(rows.features, 0)
        is_origin = np.zeros(len(rows.times), bool)
        is_origin[origins[origins >= self.least_rows - 1]] = True
        for piece in _pieces(int(origins.max(initial=-1)) + 1):
            is_tracked = self._is_tracked(rows.times[piece], _indices(piece))
            wanted = is_origin[piece] | (is_tracked & tracked)
            if tracked or wanted.any():
                predicted = run_one(self._predict_windows(rows, piece, wanted, windows))
                _require_finite(predicted[wanted], rows.times[piece][wanted])
                yield piece, predicted, _only(predicted, is_tracked)

    def _predict_all_rows(self, rows: PreprocessedRows) -> Iterator[tuple[slice, Floats, Floats]]:
        """Rows, outputs `(rows, outputs)`, and the outputs that move the intervals, in pieces."""
        recurrent = self.initial_state().recurrent
        for piece in _pieces(len(rows.features)):
            inputs = self.preprocessor.inputs(rows.features[piece], rows, piece)
            run = self._run(inputs, recurrent)
            predicted, *after = run_session(run.session, run.inputs)
            _require_finite(predicted[0], rows.times[piece])
            recurrent = tuple(after)
            yield piece, predicted[0], predicted[0]

    def _track(
        self, adaptation: Adaptation | None, rows: PreprocessedRows, piece: slice, scored: Floats
    ) -> tuple[Adaptation | None, Values | None]:
        """Score forecasts at new rows; the adapted intervals and their log factors at each row.

        Args:
            adaptation: The intervals' stored adaptation; None if it is not followed.
            rows: Hold the new rows, and the `delay` rows before them.
            piece: The new rows.
            scored: `(rows, outputs)`, outputs at the row `delay` before each new one; NaN where
                there are none.
        """
        if self.tracker is None or adaptation is None:
            return None, None
        scored_rows = np.maximum(_indices(piece) - self.delay, 0)
        return self.tracker.advance(
            adaptation, rows.times[scored_rows], scored, rows.base[piece], rows.actual[piece]
        )

    def _blank_outputs(self, rows: int) -> Floats:
        """Outputs of rows at which nothing is predicted: `(rows, outputs)` of NaN."""
        return np.full((rows, self.outputs), np.nan, np.float32)


def _only(predicted: Floats, rows: npt.NDArray[np.bool_]) -> Floats:
    """The outputs at some rows; NaN at the others."""
    return np.where(rows[:, np.newaxis], predicted, np.float32(np.nan))


def _indices(rows: slice) -> RowIndices:
    """The rows' indices."""
    return np.arange(rows.start, rows.stop)


def _pieces(stop: int, first: int = 0) -> Iterator[slice]:
    """Consecutive slices of at most `ROWS_PER_RUN` rows."""
    for start in range(first, stop, ROWS_PER_RUN):
        yield slice(start, min(start + ROWS_PER_RUN, stop))


def _require_finite(predicted: Floats, times: Times) -> None:
    """Refuse NaN and infinite outputs: inputs are always finite, so the states have diverged."""
    finite = np.isfinite(predicted).all(axis=-1)
    if not finite.all():
        raise DataError(
            "The network's outputs are not finite numbers from "
            f"{iso(times[~finite][0])} on: its states grow without bound. Use bounded "
            "activations (tanh, and sigmoid for gates), or a `recurrent_constraint`."
        )
