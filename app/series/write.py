"""One write to a series: carry out its changes and record them as a revision."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import numpy as np
from sqlalchemy.orm import Session

from app.db import from_microseconds, to_microseconds
from app.series.changes import Batch, Changes, changes_of_batch
from app.series.storage import row_reader, row_writer
from app.series.storage.binary_copy import Microseconds
from app.series.tables import RevisionSource, Series, SeriesRevision
from models.calendars.cadence import DAY_MICROSECONDS, Cadence, infer_cadence
from models.calendars.timezones import to_local
from models.calendars.weekdays import open_weekdays

# Rows from which the cadence is inferred: reading all of them for every new row would be slow.
CADENCE_ROWS = 20_000

# The cadence is inferred again when a write adds or deletes at least a tenth of the rows, and when
# the series has grown by a tenth. A feed of single rows pays for it less often as it grows.
INFERENCE_SHARE = 10

PIECE_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Written:
    """What a write changed; a write without a change keeps the revision.

    Args:
        rows_stored: New rows.
        rows_updated: Rows whose values were replaced.
        rows_deleted: Rows that were deleted.
        revision: The series' revision after the write.
        changed: The times of these rows, increasing; of a deleted range its first and last. Where
            rows were deleted at the end, it begins right after the last remaining row: steps that
            were complete because of later rows no longer are.
        last_before: The time of the last row before the write.
    """

    rows_stored: int
    rows_updated: int
    rows_deleted: int
    revision: int
    changed: Microseconds
    last_before: datetime | None

    @classmethod
    def nothing(cls, series: Series) -> Self:
        """A write that changed nothing."""
        return cls(0, 0, 0, series.revision, np.empty(0, np.int64), series.last_time)


def write_batch(
    session: Session,
    series: Series,
    batch: Batch,
    *,
    source: RevisionSource,
    upload_id: int | None = None,
    report_progress: Callable[[int], None] = lambda _: None,
) -> Written:
    """Store a batch in the caller's transaction; the caller holds the series' lock.

    Last write wins and equal values change nothing. Replaced values are stored as corrections, so
    that every revision can be read back. The rows are written in pieces: the stored rows between
    the first and the last are never in memory all at once.

    Args:
        session: The caller's transaction.
        series: The series to write to.
        batch: The rows.
        source: What caused the write.
        upload_id: The upload that brought the rows, if one did.
        report_progress: Called with the number of rows that are done.
    """

    def pieces() -> Iterator[Changes]:
        for start in range(0, len(batch.times), PIECE_ROWS):
            piece = batch.where(slice(start, start + PIECE_ROWS))
            yield changes_of_batch(session, series, piece)
            report_progress(start + len(piece.times))

    return write_changes(session, series, pieces(), source=source, upload_id=upload_id)


def write_changes(
    session: Session,
    series: Series,
    pieces: Iterable[Changes],
    *,
    source: RevisionSource,
    upload_id: int | None = None,
) -> Written:
    """Carry changes out as the series' next revision; the caller holds the series' lock.

    The pieces come in the order of time, and each is carried out before the next is requested.
    """
    stored, updated, deleted, changed = 0, 0, 0, []
    for changes in pieces:
        changed.append(_carry_out(session, series, changes))
        stored += len(changes.inserted)
        updated += len(changes.new)
        deleted += len(changes.deleted)
    if not stored + updated + deleted:
        return Written.nothing(series)
    written = Written(
        rows_stored=stored,
        rows_updated=updated,
        rows_deleted=deleted,
        revision=series.revision + 1,
        changed=np.concatenate(changed),
        last_before=series.last_time,
    )
    return record_revision(session, series, written, source=source, upload_id=upload_id)


def _carry_out(session: Session, series: Series, changes: Changes) -> Microseconds:
    """Carry changes out; the times of the changed rows."""
    row_writer.delete_observations(session, series.id, changes.deleted, series.revision + 1)
    row_writer.replace_observations(session, series.id, changes.old, changes.new)
    row_writer.insert_observations(session, series.id, changes.inserted)
    touched = [part.times for part in (changes.inserted, changes.new, changes.deleted)]
    return np.sort(np.concatenate(touched))


def record_revision(
    session: Session,
    series: Series,
    written: Written,
    *,
    source: RevisionSource,
    upload_id: int | None = None,
) -> Written:
    """Record a finished write: the revision, and the series' row count, span and cadence."""
    was_empty = series.rows == 0
    if written.rows_deleted:
        _read_extent(session, series)
        written = replace(written, changed=_with_end(series, written))
    else:
        _extend(series, written)
    session.add(
        SeriesRevision(
            series_id=series.id,
            revision=written.revision,
            source=source,
            upload_id=upload_id,
            rows_stored=written.rows_stored,
            rows_updated=written.rows_updated,
            rows_deleted=written.rows_deleted,
            min_time=from_microseconds(written.changed[0]),
        )
    )
    series.revision = written.revision
    moved = written.rows_stored + written.rows_deleted
    is_large = moved * INFERENCE_SHARE >= series.rows
    if (
        series.cadence is None
        or is_large
        or _has_grown(series.rows - written.rows_stored, series.rows)
    ):
        # The times of a new series are in memory already.
        infer_step(session, series, written.changed[:CADENCE_ROWS] if was_empty else None)
    return written


def _has_grown(before: int, after: int) -> bool:
    """Whether a number of rows passes the next tenth: the weeks of a feed are learnt on the way."""
    growth = np.log1p(1 / INFERENCE_SHARE)
    stages = np.floor(np.log([max(before, 1), max(after, 1)]) / growth)
    return bool(stages[1] > stages[0])


def infer_step(session: Session, series: Series, first: Microseconds | None = None) -> None:
    """Infer cadence and calendar from the first rows, unless the user gave them.

    Args:
        session: The caller's transaction.
        series: The series.
        first: The times of its first rows, where they are in memory.
    """
    if series.cadence_is_given and series.calendar_is_given:
        return
    if first is None:
        first = row_reader.first_times(session, series.id, CADENCE_ROWS)
    cadence = infer_cadence(first.view("datetime64[us]"), series.timezone).cadence
    if not series.cadence_is_given:
        series.cadence = cadence.text if cadence else None
    if not series.calendar_is_given:
        has_sessions = series.kind == "ohlc" or _has_closed_days(first, cadence, series.timezone)
        series.calendar = "sessions" if has_sessions else "continuous"


def _has_closed_days(times: Microseconds, cadence: Cadence | None, timezone: str) -> bool:
    """Whether rows are days, and some weekdays have none."""
    if cadence is None or cadence.unit == "B":
        return cadence is not None
    if cadence != Cadence("us", DAY_MICROSECONDS):
        return False
    return len(open_weekdays(to_local(times.view("datetime64[us]"), timezone))) < 7


def _extend(series: Series, written: Written) -> None:
    """Keep row count and span in the series' row, so that reading them needs no scan."""
    first, last = (from_microseconds(written.changed[row]) for row in (0, -1))
    series.rows += written.rows_stored
    series.first_time = first if series.first_time is None else min(series.first_time, first)
    series.last_time = last if series.last_time is None else max(series.last_time, last)


def _read_extent(session: Session, series: Series) -> None:
    """Read row count and span from the rows: the deleted ones may have been at an end."""
    series.rows, first, last = row_reader.extent(session, series.id)
    series.first_time = None if first is None else from_microseconds(first)
    series.last_time = None if last is None else from_microseconds(last)


def _with_end(series: Series, written: Written) -> Microseconds:
    """The changed times, from right after the last row if the write deleted rows at the end."""
    if series.last_time is None or series.last_time == written.last_before:
        return written.changed
    after_last = to_microseconds(series.last_time) + 1
    return np.unique(np.concatenate([[after_last], written.changed]))
