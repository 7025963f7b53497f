"""Undo writes: delete a range of observations, or restore a past revision."""

from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from app.db import to_microseconds
from app.errors import Invalid, NothingToRestore
from app.series.changes import Changes, equal_rows, find_times
from app.series.storage import row_reader, row_writer
from app.series.tables import Series
from app.series.write import Written, record_revision, write_changes
from models.errors import Problem


def delete_range(session: Session, series: Series, start: datetime, end: datetime) -> Written:
    """Delete the observations from one time to another, both included, as a new revision.

    The caller holds the series' lock. Earlier revisions can still be read.

    Raises:
        Invalid: If the end is before the start.
    """
    if end < start:
        message = f"`end` must not lie before `start`. Received: {start} to {end}"
        raise Invalid(message, errors=[Problem("/query/end", message)])
    bounds = to_microseconds(start), to_microseconds(end)
    count, first, last = row_reader.extent(session, series.id, *bounds)
    if not count:
        return Written.nothing(series)
    revision = series.revision + 1
    row_writer.delete_range(session, series.id, revision, *bounds)
    changed = np.unique(np.array([first, last], np.int64))
    written = Written(0, 0, count, revision, changed, series.last_time)
    return record_revision(session, series, written, source="delete")


def restore(session: Session, series: Series, revision: int | None) -> Written:
    """Restore the observations of a past revision as a new revision.

    The caller holds the series' lock.

    Args:
        session: The caller's transaction.
        series: The series to change.
        revision: The revision to restore; None for the one before the last.

    Raises:
        NothingToRestore: If the series has no such revision.
    """
    wanted = series.revision - 1 if revision is None else revision
    if not 0 <= wanted <= series.revision:
        known = f"its revisions are 0 to {series.revision}" if series.revision else "it has none"
        asked = "" if revision is None else f" {revision}"
        message = f"The series {series.name!r} has no revision{asked} to go back to: {known}."
        raise NothingToRestore(message, errors=[Problem("/revision", message)])
    changes = _changes_back_to(session, series, wanted)
    return write_changes(session, series, [changes], source="restore")


def _changes_back_to(session: Session, series: Series, revision: int) -> Changes:
    """The differences to a past revision; only rows that were written since are read."""
    channels = len(series.channels)
    later = row_reader.read_written_after(session, series.id, channels, revision)
    target = row_reader.read_replaced_after(session, series.id, channels, revision)
    target.revisions[:] = series.revision + 1
    is_stored, position = find_times(target.times, later.times)
    old, new = later.where(position[is_stored]), target.where(is_stored)
    differs = ~equal_rows(old.values, new.values)
    return Changes(
        inserted=target.where(~is_stored),
        old=old.where(differs),
        new=new.where(differs),
        deleted=later.where(~np.isin(later.times, target.times)),
    )
