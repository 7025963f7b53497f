"""Create, find, lock and change series, and load them for training and forecasting."""

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access.acting import PROJECT_IS_NAMED, acting_project
from app.calendars import service as calendars
from app.db import insert_new, insert_or_ignore
from app.errors import (
    CalendarUnavailable,
    NoCadence,
    SeriesExists,
    SeriesNotFound,
)
from app.series.channels import checked_channels, merged_channels
from app.series.fields.attributes import set_attributes
from app.series.missing_value_update import MissingValueUpdate, update_missing_values
from app.series.schemas import SeriesCreate, SeriesUpdate
from app.series.storage import row_reader
from app.series.tables import Series
from app.series.write import infer_step
from models.arrays import Times, Values
from models.series import Channel, SeriesData, SeriesKind

# What `load_series` raises.
LOADING_ERRORS = (SeriesNotFound, CalendarUnavailable, NoCadence)


def get_series(session: Session, name: str) -> Series:
    """The series of a name.

    Raises:
        SeriesNotFound: If there is none.
    """
    series = session.scalars(sa.select(Series).where(Series.name == name)).one_or_none()
    if series is None:
        raise SeriesNotFound(f"There is no series {name!r}.")
    return series


def require_same(session: Session, name: str, series_id: int) -> None:
    """Check that a series was not replaced since it was read, by another one of its name.

    Raises:
        SeriesNotFound: If it was deleted.
    """
    if get_series(session, name).id != series_id:
        raise SeriesNotFound(f"The series {name!r} was deleted in the meantime.")


def lock_series(session: Session, name: str) -> Series:
    """The series of a name, locked against other writers until the transaction ends.

    Raises:
        SeriesNotFound: If there is none.
    """
    series = _find_locked(session, name)
    if series is None:
        raise SeriesNotFound(f"There is no series {name!r}.")
    return series


def create_series(session: Session, request: SeriesCreate) -> Series:
    """Add an empty series.

    Raises:
        SeriesExists: If the name is taken.
        Invalid: If two channels have one name.
    """
    if not _insert(session, request):
        raise SeriesExists(f"The name {request.name!r} is taken by another series.")
    return lock_series(session, request.name)


def ensure_series(session: Session, request: SeriesCreate) -> Series:
    """The series of a name, created if there is none, and locked against other writers."""
    series = _find_locked(session, request.name)
    if series is None:
        _insert(session, request)
        return lock_series(session, request.name)
    return series


def ensure_all(session: Session, requests: Iterable[SeriesCreate]) -> dict[str, Series]:
    """The series of many names, created where there are none, and locked in the order of names.

    All new ones are inserted before the first of the others is locked: two such calls at once wait
    for each other and do not deadlock.
    """
    asked = {request.name: request for request in requests}
    known = set(session.scalars(sa.select(Series.name).where(Series.name.in_(asked))))
    new = [_fields(asked[name]) for name in sorted(asked) if name not in known]
    insert_new(session, Series, new)
    statement = sa.select(Series).where(Series.name.in_(asked)).order_by(Series.name)
    locked = session.scalars(
        statement.with_for_update().execution_options(populate_existing=True)
    ).all()
    return {series.name: series for series in locked}


def _find_locked(session: Session, name: str) -> Series | None:
    """The series of a name, locked until the transaction ends.

    SQLite has one writer at a time: its transactions take the lock when they begin.
    """
    parameters = {"project": acting_project(), "name": name}
    return session.scalars(_LOCKED, parameters).one_or_none()


# Built once, because every append runs it.
_LOCKED = (
    sa.select(Series)
    .where(Series.project == sa.bindparam("project"), Series.name == sa.bindparam("name"))
    .with_for_update()
    .execution_options(populate_existing=True, **PROJECT_IS_NAMED)
)


def _insert(session: Session, request: SeriesCreate) -> bool:
    return insert_or_ignore(session, Series, **_fields(request))


def _fields(request: SeriesCreate) -> dict[str, Any]:
    return {
        "name": request.name,
        "kind": request.kind,
        "description": request.description,
        "timezone": request.timezone,
        "cadence": request.cadence,
        "cadence_is_given": request.cadence is not None,
        "calendar": request.calendar or ("sessions" if request.kind == "ohlc" else "continuous"),
        "calendar_is_given": request.calendar is not None,
        "channels": checked_channels(request.channels),
        "attributes": request.attributes,
        "implausible": request.implausible,
    }


def update_series(
    session: Session, name: str, request: SeriesUpdate
) -> tuple[Series, MissingValueUpdate | None]:
    """Change settings; changed missing-value numbers apply to stored rows as well.

    Returns:
        The series, locked, and the update of its observations if channels were changed.

    Raises:
        SeriesNotFound: If there is no such series.
        UnknownChannel: If a channel does not exist.
        Invalid: If the series would have too many attributes.
    """
    series = lock_series(session, name)
    if request.description is not None:
        series.description = request.description
    _change_step(session, series, request)
    if request.attributes is not None:
        set_attributes(series, request.attributes)
    if request.implausible is not None:
        series.implausible = request.implausible
    update = None
    if request.channels is not None:
        before = series.channels
        series.channels = merged_channels(
            series.channels, request.channels, has_rows=series.revision > 0
        )
        named = {channel.name for channel in request.channels}
        update = update_missing_values(session, series, before, named)
    session.flush()
    return series, update


def load_series(
    session: Session,
    series_or_id: str | int,
    *,
    until_revision: int | None = None,
    last: int | None = None,
) -> SeriesData:
    """A whole series in memory, or only its last rows; at the present or at an earlier revision.

    Raises:
        SeriesNotFound: If there is no such series.
        NoCadence: If it has too few rows to have a cadence.
        CalendarUnavailable: If the sessions of its exchange have not been read.
    """
    series = _find(session, series_or_id)
    if series.cadence is None:
        raise NoCadence(_no_cadence(series))
    channels = series.channels
    start = row_reader.FIRST_TIME
    if last is not None and last < series.rows:
        start = row_reader.time_from_end(session, series.id, last)
    rows = row_reader.read_rows(
        session, series.id, len(channels), start=start, until_revision=until_revision
    )
    return SeriesData(
        name=series.name,
        kind=cast(SeriesKind, series.kind),
        channels=tuple(Channel(c["name"], c["unit"], c["angular"]) for c in channels),
        times=rows.times.view("datetime64[us]"),
        values=rows.values,
        cadence=series.cadence,
        calendar=series.calendar,
        timezone=series.timezone,
        hours=calendars.hours_of(session, series.calendar),
    )


def load_after(
    session: Session, series_id: int, time: np.datetime64 | None
) -> tuple[Times, Values]:
    """The observations after a time, or all of them; one column per channel."""
    series = session.get_one(Series, series_id)
    start = row_reader.FIRST_TIME if time is None else _microseconds(time) + 1
    rows = row_reader.read_rows(session, series_id, len(series.channels), start=start)
    return rows.times.view("datetime64[us]"), rows.values


def _microseconds(time: np.datetime64) -> int:
    return int(time.astype("datetime64[us]").astype(np.int64))


def _find(session: Session, series_or_id: str | int) -> Series:
    if isinstance(series_or_id, str):
        return get_series(session, series_or_id)
    series = session.get(Series, series_or_id)
    if series is None:
        raise SeriesNotFound(f"There is no series with the id {series_or_id}.")
    return series


def _no_cadence(series: Series) -> str:
    if series.rows < 2:
        return f"The series {series.name!r} has {series.rows} rows: too few to see their cadence."
    return (
        f"The rows of {series.name!r} have no step that most of them agree on. "
        f'Set it with PATCH /v1/series/{series.name}, as in `cadence: "1h"`.'
    )


def _change_step(session: Session, series: Series, request: SeriesUpdate) -> None:
    is_moved = request.timezone is not None and request.timezone != series.timezone
    series.timezone = request.timezone or series.timezone
    if "cadence" in request.model_fields_set:
        series.cadence = request.cadence
        series.cadence_is_given = request.cadence is not None
    if "calendar" in request.model_fields_set:
        series.calendar = request.calendar or series.calendar
        series.calendar_is_given = request.calendar is not None
    # Instants stay; days begin at another hour, so that their step is learnt again.
    if is_moved or request.model_fields_set & {"cadence", "calendar"}:
        infer_step(session, series)
