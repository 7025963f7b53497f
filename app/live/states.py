"""States kept per version and series: a new observation costs one step, not a whole history."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.series.service as series_service
from app.calendars.service import hours_of
from app.db import insert_or_ignore, to_microseconds
from app.errors import SeriesIncompatible
from app.live import checkpoints
from app.live.checkpoints import NotFinite
from app.live.tables import KeptState
from app.series.tables import Observation, Series, SeriesRevision
from app.times import to_datetime
from models.arrays import Times, Values
from models.calendars.exchange import Exchange
from models.calendars.exchange_hours import Hours
from models.errors import Problem
from models.features.series_fit import SeriesFit
from models.grid.panel import SeriesSignature
from models.series import SeriesData
from models.serving.adaptation import fit_unseen, is_known, observations_to_fit, signature_of
from models.serving.batching import Computation, run_one
from models.serving.forecaster import Forecaster, State

BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CurrentState:
    """A state that has seen everything the series held at a revision.

    Args:
        forecaster: On the grid and the scales of the series.
        fit: These, if the forecaster did not learn from the series.
        state: What it remembers.
        revision: The series' revision.
        kept: Whether just this is stored.
        moved: Whether it has seen a later step than what is stored.
        stale_from: Stored checkpoints from this moment on have seen what changed since.
        checkpoints: States on the way, to be stored with it.
        checkpoint_rows: The rows that the newest checkpoint had read.
    """

    forecaster: Forecaster
    fit: SeriesFit | None
    state: State
    revision: int
    kept: bool
    moved: bool
    stale_from: datetime | None
    checkpoints: tuple[State, ...]
    checkpoint_rows: int


@dataclass(frozen=True, slots=True)
class _Start:
    """A past state to go on from."""

    forecaster: Forecaster
    fit: SeriesFit | None
    state: State
    stale_from: datetime | None
    checkpoint_rows: int


def current_state(
    session: Session,
    forecaster: Forecaster,
    kept: KeptState | None,
    series: Series,
    *,
    changed_last: datetime | None = None,
) -> Computation[CurrentState]:
    """The state after the series' last complete step.

    The kept state is advanced by the observations that came since. When a later write changed
    what it had already seen, it is replayed from the newest checkpoint before that; from the
    start if there is none, if the stored state is damaged, or if the series has grown enough
    for its scales to be learnt anew.

    Args:
        session: The database.
        forecaster: As it was loaded.
        kept: What is stored.
        series: What to read.
        changed_last: The earliest moment that the series' last revision changed, if it is known.

    Raises:
        SeriesIncompatible: If the forecaster cannot read a series like this.
        DataError: If the forecaster did not learn from the series and it is too short to be
            scaled, or if its values make the state infinite.
    """
    if kept is not None and kept.failed_time is not None:
        _require_change(session, forecaster, kept, series, changed_last)
    start = None if kept is None else _start(session, forecaster, kept, series, changed_last)
    if kept is None or start is None:
        return replay(session, forecaster, series)
    own, revision = start.forecaster, series.revision
    if kept.revision == revision:
        return CurrentState(
            own, start.fit, start.state, revision, True, False, None, (), start.checkpoint_rows
        )
    times, values = observed_after(session, own, series, start.state)
    read = yield from checkpoints.advance(own, start.state, times, values, start.checkpoint_rows)
    return CurrentState(
        forecaster=own,
        fit=start.fit,
        state=read.state,
        revision=revision,
        kept=False,
        moved=_is_later(read.state, kept.time),
        stale_from=start.stale_from,
        checkpoints=read.checkpoints,
        checkpoint_rows=_last_rows(read.checkpoints, start.checkpoint_rows),
    )


def observed_after(
    session: Session, forecaster: Forecaster, series: Series, state: State
) -> tuple[Times, Values]:
    """What the series holds after a state's last row, in the forecaster's channels."""
    times, values = series_service.load_after(session, series.id, state.time)
    return times, values[:, columns_of(forecaster, series)]


def replay(
    session: Session,
    forecaster: Forecaster,
    series: Series,
    until: np.datetime64 | None = None,
    *,
    at_revision: int | None = None,
) -> CurrentState:
    """The state after reading the series from its start, up to and with a moment.

    Args:
        session: The database.
        forecaster: As it was loaded.
        series: What to read.
        until: The last moment to read; None for all.
        at_revision: Read the series as it was then; None for as it is.

    Raises:
        SeriesIncompatible: If the forecaster cannot read a series like this.
        DataError: If the forecaster did not learn from the series and it is too short to be
            scaled, or if its values make the state infinite.
    """
    data = series_service.load_series(session, series.id, until_revision=at_revision)
    if until is not None:
        seen = data.times <= until
        data = replace(data, times=data.times[seen], values=data.values[seen])
    fit = None if is_known(forecaster.manifest, series.name) else _fit(forecaster, data)
    fitted = forecaster.fitted(fit) if fit else forecaster.for_series(series.name)
    own = _as_open_now(session, fitted)
    known = data.values[:, columns_of(forecaster, series)]
    try:
        read = run_one(checkpoints.advance(own, own.initial_state(), data.times, known, 0))
    except NotFinite as error:
        raise NotFinite(error.time, from_start=True, fit=fit) from error
    return CurrentState(
        forecaster=own,
        fit=fit,
        state=read.state,
        revision=series.revision if at_revision is None else at_revision,
        kept=False,
        moved=False,
        stale_from=BEGINNING,
        checkpoints=read.checkpoints,
        checkpoint_rows=_last_rows(read.checkpoints, 0),
    )


def keep_state(session: Session, version_id: int, series_id: int, current: CurrentState) -> None:
    """Store a state unless one of the same or a later revision is there."""
    values = {
        "revision": current.revision,
        "time": None if current.state.time is None else to_datetime(current.state.time),
        "content": current.state.to_bytes(),
        "fit": current.fit and current.fit.to_json(),
        "checkpoint_rows": current.checkpoint_rows,
        "failed_revision": None,
        "failed_time": None,
    }
    keys = {"version_id": version_id, "series_id": series_id}
    # One made anew from the start also takes the place of a damaged one of the same revision.
    last_replaced = current.revision - (current.stale_from != BEGINNING)
    which = {"of_version": version_id, "of_series": series_id, "last_replaced": last_replaced}
    updated = session.connection().execute(_REPLACE, {**which, **values}).first()
    if updated is None and not insert_or_ignore(session, KeptState, **keys, **values):
        return
    if current.stale_from is not None:
        checkpoints.forget_from(session, version_id, series_id, current.stale_from)
    checkpoints.store(session, version_id, series_id, current.checkpoints)


def _replace_older() -> sa.UpdateBase:
    columns = (
        *("revision", "time", "content", "fit", "checkpoint_rows"),
        *("failed_revision", "failed_time"),
    )
    types = {name: KeptState.__table__.c[name].type for name in columns}
    return (
        sa.update(KeptState)
        .where(
            KeptState.version_id == sa.bindparam("of_version"),
            KeptState.series_id == sa.bindparam("of_series"),
            KeptState.revision <= sa.bindparam("last_replaced"),
        )
        .values({name: sa.bindparam(name, type_=types[name]) for name in columns})
        .returning(KeptState.version_id)
    )


# Made once, because every append runs it.
_REPLACE = _replace_older()


def keep_failure(session: Session, version_id: int, series: Series, failure: NotFinite) -> None:
    """Note that no finite state can be made, so that it is not tried again on every append.

    A state that was read from the start has no other to go on from: what was kept is of no use.
    The caller holds the series' lock.
    """
    keys = {"version_id": version_id, "series_id": series.id}
    note = {"failed_revision": series.revision, "failed_time": failure.time}
    empty = {
        "revision": 0,
        "time": None,
        "content": b"",
        "fit": failure.fit and failure.fit.to_json(),
        "checkpoint_rows": 0,
    }
    if not insert_or_ignore(session, KeptState, **keys, **empty, **note):
        changes = {**empty, **note} if failure.from_start else note
        session.execute(sa.update(KeptState).filter_by(**keys).values(**changes))


def columns_of(forecaster: Forecaster, series: Series) -> list[int]:
    """Where the forecaster's channels are today: a series may have got more since."""
    names = [channel["name"] for channel in series.channels]
    return [names.index(name) for name in forecaster.manifest["channels"]]


def _start(
    session: Session,
    forecaster: Forecaster,
    kept: KeptState,
    series: Series,
    changed_last: datetime | None,
) -> _Start | None:
    """Where to go on reading; None for the start of the series."""
    if kept.time is None or _outgrown(forecaster, kept, series):
        return None
    fitted = (
        forecaster.for_series(series.name) if kept.fit is None else forecaster.fitted_as(kept.fit)
    )
    fit = None if kept.fit is None else fitted.fit
    own = _as_open_now(session, fitted)
    changed = _earliest_change(session, kept.revision, series, changed_last)
    if changed is None or changed > kept.time:
        state = checkpoints.readable(kept.content)
        return None if state is None else _Start(own, fit, state, None, kept.checkpoint_rows)
    if not _scales_hold(session, kept, series, changed):
        return None
    state = checkpoints.latest_before(session, kept, changed)
    return None if state is None else _Start(own, fit, state, changed, state.rows)


def _as_open_now(session: Session, own: Forecaster) -> Forecaster:
    """The forecaster with the exchange's sessions as they are known now."""
    if not isinstance(own.calendar, Exchange):
        return own
    hours = hours_of(session, own.calendar.hours.code)
    return own if hours is None else _in_hours(own, hours)


@lru_cache(maxsize=16)
def _in_hours(forecaster: Forecaster, hours: Hours) -> Forecaster:
    """Kept, because laying out years of sessions costs more than a step of the network."""
    return forecaster.in_hours(hours)


def _fit(forecaster: Forecaster, data: SeriesData) -> SeriesFit:
    """Grid and scales of a series that the forecaster did not learn from."""
    objections = signature_of(forecaster.manifest).objections(SeriesSignature.of(data))
    problems = [
        Problem("/series", f"The model cannot read the series {data.name!r}: {objection}")
        for objection in objections
    ]
    if problems:
        message = " ".join(problem.message for problem in problems)
        raise SeriesIncompatible(message, errors=problems)
    return fit_unseen(forecaster.manifest, data)


def _outgrown(forecaster: Forecaster, kept: KeptState, series: Series) -> bool:
    """Whether the scales of a series that came later are to be learnt from more of it by now."""
    if kept.fit is None:
        return False
    due = observations_to_fit(forecaster.manifest, series.rows)
    return bool(kept.fit["observations"] != due)


def _scales_hold(session: Session, kept: KeptState, series: Series, changed: datetime) -> bool:
    """Whether a change lies after the observations that the series' scales were learnt from."""
    if kept.fit is None:
        return True
    moment = to_microseconds(changed)
    later = sa.select(sa.func.count()).where(
        Observation.series_id == series.id, Observation.time >= moment
    )
    untouched = series.rows - (session.scalar(later) or 0)
    return bool(untouched >= kept.fit["observations"])


def _require_change(
    session: Session,
    forecaster: Forecaster,
    kept: KeptState,
    series: Series,
    changed_last: datetime | None,
) -> None:
    """Refuse to read again what led to no finite state, unless some of it was changed since.

    Raises:
        NotFinite: If nothing was.
    """
    if kept.failed_time is None or kept.failed_revision is None:
        return
    if _outgrown(forecaster, kept, series):
        return
    changed = _earliest_change(session, kept.failed_revision, series, changed_last)
    if changed is None or changed > kept.failed_time:
        raise NotFinite(kept.failed_time)


def _earliest_change(
    session: Session, revision: int, series: Series, changed_last: datetime | None
) -> datetime | None:
    """The earliest moment that was written after a revision; None if nothing was.

    Args:
        session: The database.
        revision: What was seen.
        series: What was written to.
        changed_last: The earliest moment that its last revision changed, if it is known.
    """
    if revision == series.revision:
        return None
    if revision == series.revision - 1 and changed_last is not None:
        return changed_last
    statement = sa.select(sa.func.min(SeriesRevision.min_time)).where(
        SeriesRevision.series_id == series.id, SeriesRevision.revision > revision
    )
    return session.scalar(statement)


def _is_later(state: State, moment: datetime | None) -> bool:
    return moment is not None and state.time is not None and to_datetime(state.time) > moment


def _last_rows(made: tuple[State, ...], before: int) -> int:
    return made[-1].rows if made else before
