"""Checkpoints of states, dense near the present, so that a late change costs a short replay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.live.tables import KeptState, StateCheckpoint
from app.times import to_datetime
from models.arrays import Times, Values
from models.errors import ArtefactError, DataError
from models.features.series_fit import SeriesFit
from models.serving.batching import Computation, run_one
from models.serving.forecaster import Forecaster, State

# Rows between the newest checkpoints: reading 256 rows again costs about as much as the append's
# transaction, and the write of a checkpoint is shared by 256 appends.
CHECKPOINT_ROWS = 256


@dataclass(frozen=True, slots=True)
class Advanced:
    """An advanced state, and the states on the way that become checkpoints."""

    state: State
    checkpoints: tuple[State, ...]


class NotFinite(DataError):
    """A state that is not finite after reading; later observations cannot make it finite again.

    Args:
        time: The last step that it has read.
        from_start: Whether it read the series from its start.
        fit: Grid and scales of the series, if the forecaster did not learn from it.
    """

    def __init__(
        self, time: datetime, *, from_start: bool = False, fit: SeriesFit | None = None
    ) -> None:
        super().__init__(
            "The network's state is not finite after the last observations and is not stored. "
            "Values far outside the range of the training rows cause this; correct them."
        )
        self.time = time
        self.from_start = from_start
        self.fit = fit


def advance(
    forecaster: Forecaster, state: State, times: Times, values: Values, checkpoint_rows: int
) -> Computation[Advanced]:
    """Read observations, as `Forecaster.advance` does, and stop at checkpoints.

    Long reads are not batched: the inputs of all series would be in memory at once.

    Args:
        forecaster: On the grid and scales of the series.
        state: The state after reading the series up to `state.time`.
        times: Every observation after `state.time`.
        values: One column for each channel of the forecaster.
        checkpoint_rows: The rows that the latest checkpoint had read.

    Raises:
        NotFinite: If the state is not finite any more.
    """
    made = []
    ends = _planned_ends(len(times), _observations_per_row(forecaster))
    for end in ends:
        before = state.rows
        state = run_one(_quietly(forecaster.advance(state, times[:end], values[:end])))
        if state.rows > before and state.finite:
            made.append(state)
    last = _quietly(forecaster.advance(state, times, values))
    state = run_one(last) if ends else (yield from last)
    if state.time is not None and not state.finite:
        raise NotFinite(to_datetime(state.time))
    if not ends and state.rows - checkpoint_rows >= CHECKPOINT_ROWS:
        made.append(state)
    return Advanced(state, tuple(made))


def _quietly(computation: Computation[State]) -> Computation[State]:
    """The same computation without overflow warnings: the caller checks the state instead."""
    answer = None
    while True:
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                run = next(computation) if answer is None else computation.send(answer)
        except StopIteration as ended:
            state: State = ended.value
            return state
        answer = yield run


def latest_before(session: Session, kept: KeptState, moment: datetime) -> State | None:
    """The newest readable checkpoint that has read only steps before a moment."""
    statement = (
        sa.select(StateCheckpoint.content)
        .where(*_of(kept.version_id, kept.series_id), StateCheckpoint.time < moment)
        .order_by(StateCheckpoint.time.desc())
        .limit(1)
    )
    content = session.scalar(statement)
    return None if content is None else readable(content)


def readable(content: bytes) -> State | None:
    """A stored state; None if it is damaged, of an earlier format or not finite.

    In these cases it has to be computed again.
    """
    try:
        state = State.from_bytes(content)
    except ArtefactError:
        return None
    return state if state.finite else None


def forget_from(session: Session, version_id: int, series_id: int, moment: datetime) -> None:
    """Delete the checkpoints that have read a step at or after a moment."""
    session.execute(
        sa.delete(StateCheckpoint)
        .where(*_of(version_id, series_id), StateCheckpoint.time >= moment)
        .execution_options(synchronize_session=False)
    )


def store(session: Session, version_id: int, series_id: int, states: Sequence[State]) -> None:
    """Add checkpoints, and delete surplus older ones."""
    if not states:
        return
    keys = {"version_id": version_id, "series_id": series_id}
    new = [
        {**keys, "time": to_datetime(state.time), "rows": state.rows, "content": state.to_bytes()}
        for state in states
        if state.time is not None
    ]
    session.execute(sa.insert(StateCheckpoint), new)
    statement = sa.select(StateCheckpoint.time, StateCheckpoint.rows)
    found = session.execute(
        statement.where(*_of(version_id, series_id)).order_by(StateCheckpoint.time)
    ).all()
    dropped = [found[place].time for place in surplus([row.rows for row in found])]
    if dropped:
        session.execute(
            sa.delete(StateCheckpoint)
            .where(*_of(version_id, series_id), StateCheckpoint.time.in_(dropped))
            .execution_options(synchronize_session=False)
        )


def surplus(rows: Sequence[int]) -> list[int]:
    """Positions of checkpoints that can be deleted.

    A checkpoint can be deleted if the gap without it is at most half of the rows after the gap. So
    a change `d` rows ago is replayed from at most `1.5 d` rows ago (or from one of the smallest
    gaps), and the number of checkpoints grows with the logarithm of the series' length.

    Args:
        rows: The number of rows that each checkpoint had read, increasing.
    """
    dropped: list[int] = []
    older = 0
    for place in range(1, len(rows) - 1):
        newer = rows[place + 1]
        if newer - rows[older] <= (rows[-1] - newer) / 2:
            dropped.append(place)
        else:
            older = place
    return dropped


def _planned_ends(observations: int, per_row: float) -> list[int]:
    """Where to stop while reading: at growing distances back from the last observation."""
    ends: list[int] = []
    for distance in _distances():
        end = int(observations - distance * per_row)
        if end <= 0:
            return ends[::-1]
        ends.append(end)
    raise AssertionError


def _distances() -> Iterator[float]:
    """Rows before the end: 1, 1.5, 2, 3, 4, 6, 8, ... times `CHECKPOINT_ROWS`."""
    distance = float(CHECKPOINT_ROWS)
    while True:
        yield distance
        yield 1.5 * distance
        distance *= 2


def _observations_per_row(forecaster: Forecaster) -> float:
    rule = forecaster.rule
    return max(1.0, rule.step.approximate_seconds / rule.cadence.approximate_seconds)


def _of(version_id: int, series_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (StateCheckpoint.version_id == version_id, StateCheckpoint.series_id == series_id)
