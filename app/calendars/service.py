"""Exchanges' sessions: read by a child process, stored in the database, renewed monthly."""

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

from app.access.audit import without_audit
from app.calendars.codes import SUBSTITUTES, is_exchange
from app.calendars.tables import ExchangeCalendar
from app.db import Database, insert_or_ignore, utc_now
from app.errors import CalendarUnavailable
from models.calendars.exchange_hours import Hours
from models.errors import Problem

logger = logging.getLogger(__name__)

LIBRARY = "exchange-calendars"
# The library knows about a year ahead, so sessions read a month ago still reach 11 months ahead.
READ_AGAIN_AFTER = timedelta(days=30)
# The slowest calendar, of Korea, takes 10 s on one core.
CHILD_TIMEOUT_SECONDS = 120
CHILD_COMMAND = (sys.executable, "-m", "app.calendars.child")

# One child at a time: each takes 100 MB.
_one_child = threading.Lock()


def prepare(database: Database, calendar: str | None) -> None:
    """Read the sessions of a series' calendar into the database, if it is that of an exchange.

    It is called before the transaction of a request, so that other requests do not wait for the
    child process.

    Raises:
        CalendarUnavailable: If the sessions cannot be read, and were not read before.
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
            logger.warning("the calendar %s cannot be read again: the stored one stays", calendar)


def renew(database: Database) -> None:
    """Read the sessions of all stored exchanges again, if they are due."""
    with database.reading() as session:
        codes = session.scalars(sa.select(ExchangeCalendar.code)).all()
    for code in codes:
        prepare(database, code)


def hours_of(session: Session, calendar: str) -> Hours | None:
    """The sessions of an exchange; None for a calendar that is not that of an exchange.

    Raises:
        CalendarUnavailable: If the exchange's sessions have not been read.
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
    """The same object until the sessions are read again, so that results can be cached by it."""
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
    with without_audit(), database.transaction() as session:
        if not insert_or_ignore(session, ExchangeCalendar, code=code, **values):
            which = sa.update(ExchangeCalendar).where(ExchangeCalendar.code == code)
            session.execute(which.values(values))


def _ask_child(code: str) -> dict[str, Any]:
    if library_version() is None:
        raise _unreadable(code, "the library is not installed: pip install exchange-calendars")
    command = [*CHILD_COMMAND, SUBSTITUTES.get(code, code)]
    try:
        done = subprocess.run(  # noqa: S603 - a constant command, and a code of our list
            command, capture_output=True, timeout=CHILD_TIMEOUT_SECONDS, check=True
        )
        hours = Hours.from_json({**json.loads(done.stdout), "code": code})
    except subprocess.CalledProcessError as error:
        logger.warning(
            "the calendar %s cannot be read: %s", code, error.stderr.decode(errors="replace")[-500:]
        )
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
