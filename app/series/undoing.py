"""Taking back: a range of observations is deleted, a past revision is restored."""

from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from app.db import to_microseconds
from app.errors import Invalid, NothingToRestore
from app.series import storage, storing, writing
from app.series.tables import Series
from app.series.writing import Changes, Written
from models.errors import Problem


def delete_range(session: Session, series: Series, start: datetime, end: datetime) -> Written:
    """Delete the observations from one time to another, both included, as a new revision.

    The caller holds the series' lock. Earlier revisions still read back.

    Raises:
        Invalid: If the end lies before the start.
    """
    if end < start:
        message = f"`end` must not lie before `start`. Received: {start} to {end}"
        raise Invalid(message, errors=[Problem("/query/end", message)])
    bounds = to_microseconds(start), to_microseconds(end)
    count, first, last = storage.extent(session, series.id, *bounds)
    if not count:
        return Written.nothing(series)
    revision = series.revision + 1
    storing.delete_range(session, series.id, revision, *bounds)
    changed = np.unique(np.array([first, last], np.int64))
    written = Written(0, 0, count, revision, changed, series.last_time)
    return writing.record(session, series, written, source="delete")


def restore(session: Session, series: Series, revision: int | None) -> Written:
    """Make the observations those of a past revision, as a new revision; the caller has the lock.

    Args:
        session: The database.
        series: What to change.
        revision: The past one; None for the one before the last.

    Raises:
        NothingToRestore: If there is no such revision.
    """
    wanted = series.revision - 1 if revision is None else revision
    if not 0 <= wanted <= series.revision:
        known = f"its revisions are 0 to {series.revision}" if series.revision else "it has none"
        asked = "" if revision is None else f" {revision}"
        message = f"The series {series.name!r} has no revision{asked} to go back to: {known}."
        raise NothingToRestore(message, errors=[Problem("/revision", message)])
    changes = _back_to(session, series, wanted)
    return writing.apply(session, series, [changes], source="restore")


def _back_to(session: Session, series: Series, revision: int) -> Changes:
    """What differs from a past revision; only rows that were touched since are read."""
    channels = len(series.channels)
    later = storage.read_written_after(session, series.id, channels, revision)
    target = storage.read_replaced_after(session, series.id, channels, revision)
    target.revisions[:] = series.revision + 1
    stands, place = writing.matched(target.times, later.times)
    old, new = later.where(place[stands]), target.where(stands)
    differs = ~writing.equal_rows(old.values, new.values)
    return Changes(
        fresh=target.where(~stands),
        old=old.where(differs),
        new=new.where(differs),
        gone=later.where(~np.isin(later.times, target.times)),
    )
