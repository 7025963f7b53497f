"""Exchanges' sessions: read by a child process, kept in the database, renewed in time."""

import json
import logging
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import metadata
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.calendars.codes import SUBSTITUTES, is_exchange
from app.calendars.tables import ExchangeCalendar
from app.db import Database, insert_or_ignore, utc_now
from app.errors import CalendarUnavailable
from models.calendars.exchange_hours import Hours
from models.errors import Problem

logger = logging.getLogger(__name__)

LIBRARY = "exchange-calendars"
# The library knows about a year ahead, so what was read a month ago still does nearly that.
READ_AGAIN_AFTER = timedelta(days=30)
# The slowest calendar, of Korea, takes 10 s on one core.
CHILD_TIMEOUT_SECONDS = 120
CHILD_COMMAND = (sys.executable, "-m", "app.calendars.child")

# One child at a time: each takes 100 MB.
_one_child = threading.Lock()


def prepare(database: Database, calendar: str | None) -> None:
    """Have the sessions of a series' calendar in the database, if it is an exchange's.

    It is called before the transaction of a request, so that only its sender waits for the
    child.

    Raises:
        CalendarUnavailable: If they cannot be read, and are not there from before.
    """
    if calendar is None or not is_exchange(calendar) or _is_fresh(database, calendar):
        return
    with _one_child:
        if _is_fresh(database, calendar):
            return
        try:
            _read_again(database, calendar)
        except CalendarUnavailable:
            if not _is_known(database, calendar):
                raise
            logger.warning("the calendar %s stays as it was last read", calendar)


def renew(database: Database) -> None:
    """Read the sessions of all stored exchanges again where that is due."""
    with database.reading() as session:
        codes = session.scalars(sa.select(ExchangeCalendar.code)).all()
    for code in codes:
        prepare(database, code)


def hours_of(session: Session, calendar: str) -> Hours | None:
    """The sessions of an exchange; None for a calendar that is not an exchange's.

    Raises:
        CalendarUnavailable: If the exchange's sessions were never read.
    """
    if not is_exchange(calendar):
        return None
    read_at = session.scalar(
        sa.select(ExchangeCalendar.read_at).where(ExchangeCalendar.code == calendar)
    )
    if read_at is None:
        raise CalendarUnavailable(
            f"The sessions of {calendar} were never read. Set the series' `calendar` again."
        )
    return _parsed(session, calendar, read_at)


_ready: dict[str, tuple[datetime, Hours]] = {}


def _parsed(session: Session, code: str, read_at: datetime) -> Hours:
    """One object for one reading, so that what is made of it can be kept."""
    ready = _ready.get(code)
    if ready is None or ready[0] != read_at:
        hours = Hours.from_json(session.get_one(ExchangeCalendar, code).hours)
        ready = _ready[code] = (read_at, hours)
    return ready[1]


def _is_fresh(database: Database, code: str) -> bool:
    with database.reading() as session:
        row = session.get(ExchangeCalendar, code)
    version = library_version()
    return (
        row is not None
        and (version is None or row.library_version == version)
        and utc_now() - row.read_at < READ_AGAIN_AFTER
    )


def _is_known(database: Database, code: str) -> bool:
    with database.reading() as session:
        return session.get(ExchangeCalendar, code) is not None


@lru_cache(maxsize=1)
def library_version() -> str | None:
    """The version of the calendar library; None if it is not installed."""
    try:
        return metadata.version(LIBRARY)
    except metadata.PackageNotFoundError:
        return None


def _read_again(database: Database, code: str) -> None:
    values = {
        "library_version": library_version() or "",
        "read_at": utc_now(),
        "hours": _ask_child(code),
    }
    with database.transaction() as session:
        if not insert_or_ignore(session, ExchangeCalendar, code=code, **values):
            which = sa.update(ExchangeCalendar).where(ExchangeCalendar.code == code)
            session.execute(which.values(values))


def _ask_child(code: str) -> dict[str, Any]:
    if library_version() is None:
        raise _unreadable(code, "the library is not installed: pip install exchange-calendars")
    command = [*CHILD_COMMAND, SUBSTITUTES.get(code, code)]
    try:
        done = subprocess.run(  # noqa: S603 - our own command, and a code of our own list
            command, capture_output=True, timeout=CHILD_TIMEOUT_SECONDS, check=True
        )
        hours = Hours.from_json({**json.loads(done.stdout), "code": code})
    except subprocess.CalledProcessError as error:
        logger.warning("no calendar %s: %s", code, error.stderr.decode(errors="replace")[-500:])
        raise _unreadable(code, f"{LIBRARY} {library_version()} cannot build it") from error
    except subprocess.TimeoutExpired as error:
        raise _unreadable(code, f"that took over {CHILD_TIMEOUT_SECONDS} seconds") from error
    return hours.to_json()


def _unreadable(code: str, why: str) -> CalendarUnavailable:
    message = (
        f"The sessions of {code} cannot be read: {why}. "
        '`calendar: "sessions"` learns them from the rows instead.'
    )
    return CalendarUnavailable(message, errors=[Problem("/calendar", message)])
