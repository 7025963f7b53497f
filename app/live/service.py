"""States kept per version and series: a new observation costs one step, not a whole history."""

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.series.service as series_service
from app.db import insert_or_ignore
from app.live.tables import KeptState
from app.registry.tables import ModelVersion
from app.series.tables import Series, SeriesRevision
from app.times import to_datetime
from models.runtime import Forecaster, State
from models.series import Times, Values


@dataclass(frozen=True, slots=True)
class CurrentState:
    """A state that has seen everything the series held at a revision."""

    state: State
    revision: int
    kept: bool


def current_state(
    session: Session, forecaster: Forecaster, version: ModelVersion, series: Series
) -> CurrentState:
    """The state after the series' last complete step.

    The kept state is advanced by the observations that came since. It is replayed from
    the start when a later write changed what it had already seen.
    """
    kept = session.get(KeptState, (version.id, series.id))
    if kept is None or _history_changed(session, kept):
        state = replay(session, forecaster, series)
        return CurrentState(state, series.revision, kept=False)
    state = State.from_bytes(kept.content)
    if kept.revision == series.revision:
        return CurrentState(state, series.revision, kept=True)
    times, values = observed_after(session, forecaster, series, state)
    return CurrentState(forecaster.advance(state, times, values), series.revision, kept=False)


def observed_after(
    session: Session, forecaster: Forecaster, series: Series, state: State
) -> tuple[Times, Values]:
    """What the series holds after a state's last row, in the forecaster's channels."""
    times, values = series_service.load_after(session, series.id, state.time)
    return times, values[:, _columns(forecaster, series)]


def replay(
    session: Session,
    forecaster: Forecaster,
    series: Series,
    until: np.datetime64 | None = None,
) -> State:
    """The state after reading the series from its start, up to and with a moment."""
    data = series_service.load_series(session, series.id)
    seen = slice(None) if until is None else data.times <= until
    known = data.values[seen][:, _columns(forecaster, series)]
    return forecaster.advance(forecaster.initial_state(), data.times[seen], known)


def keep_state(session: Session, version_id: int, series_id: int, current: CurrentState) -> None:
    """Store a state unless one of the same or a later revision is there."""
    values = {
        "revision": current.revision,
        "time": None if current.state.time is None else to_datetime(current.state.time),
        "content": current.state.to_bytes(),
    }
    keys = {"version_id": version_id, "series_id": series_id}
    if insert_or_ignore(session, KeptState, **keys, **values):
        return
    older = sa.and_(
        KeptState.version_id == version_id,
        KeptState.series_id == series_id,
        KeptState.revision < current.revision,
    )
    session.execute(sa.update(KeptState).where(older).values(**values))


def _columns(forecaster: Forecaster, series: Series) -> list[int]:
    """Where the forecaster's channels are today: a series may have got more since."""
    names = [channel["name"] for channel in series.channels]
    return [names.index(name) for name in forecaster.manifest["channels"]]


def _history_changed(session: Session, kept: KeptState) -> bool:
    """Whether a later write touched a moment that the state has already seen."""
    if kept.time is None:
        return True
    touched = sa.exists().where(
        SeriesRevision.series_id == kept.series_id,
        SeriesRevision.revision > kept.revision,
        SeriesRevision.min_time <= kept.time,
    )
    return bool(session.scalar(sa.select(touched)))
