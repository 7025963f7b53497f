"""Store states with their checkpoints, and note failures to compute a finite state."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import insert_or_ignore
from app.live import checkpoints
from app.live.checkpoints import NotFinite
from app.live.states import BEGINNING, CurrentState
from app.live.tables import KeptState
from app.series.tables import Series
from app.times import to_datetime


def keep_state(session: Session, version_id: int, series_id: int, current: CurrentState) -> None:
    """Store a state unless one of the same or a later revision is stored."""
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
    # A state replayed from the start also replaces a damaged one of the same revision.
    last_replaced = current.revision - (current.stale_from != BEGINNING)
    filters = {"of_version": version_id, "of_series": series_id, "last_replaced": last_replaced}
    updated = session.connection().execute(_REPLACE, {**filters, **values}).first()
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
    """Note that the state is infinite, so that not every append tries again.

    If the series was read from its start, the stored state is cleared, because it cannot be
    continued. The caller holds the series' lock.
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
