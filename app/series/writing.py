"""One write to a series: what is new, what changed, and the revision that says so."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import EPOCH, MICROSECOND, to_microseconds
from app.series import storage, storing
from app.series.binary_copy import Microseconds
from app.series.storage import Rows
from app.series.tables import Series, SeriesRevision
from models.arrays import Values
from models.calendars.cadence import infer_cadence

# What can cause a revision.
Source = Literal["upload", "put", "settings", "delete", "restore"]

# Enough for the usual step; the whole past need not be read again for every new row.
CADENCE_ROWS = 20_000

# The step is looked at again when a write brings a tenth of the rows: a feed of single
# rows pays for it ever more rarely.
INFERENCE_SHARE = 10


PIECE_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to store: times strictly increasing, one column of values per named channel.

    A channel that is not named keeps its stored value, or is missing in a new row.
    """

    times: Microseconds
    values: Values
    channels: tuple[str, ...]

    def where(self, chosen: slice) -> Self:
        """A range of the rows."""
        return replace(self, times=self.times[chosen], values=self.values[chosen])


@dataclass(frozen=True, slots=True)
class Changes:
    """What a write does to the rows of a series; every time stands in one of the parts only.

    Args:
        fresh: Rows at times that hold nothing.
        old: Rows that are replaced.
        new: What takes their place, at the same times.
        gone: Rows that are taken away.
    """

    fresh: Rows
    old: Rows
    new: Rows
    gone: Rows


@dataclass(frozen=True, slots=True)
class Written:
    """What a write changed; without a change the revision stays.

    Args:
        rows_stored: New rows.
        rows_updated: Rows whose values were replaced.
        rows_deleted: Rows that were taken away.
        revision: The series' revision after it.
        changed: The times of these rows, increasing; of a deleted range its first and last. Where
            rows were deleted at the end it begins right behind the last row that is left: steps
            that were complete because of later rows are so no more.
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


def write(
    session: Session,
    series: Series,
    batch: Batch,
    *,
    source: Source,
    upload_id: int | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> Written:
    """Store a batch in the caller's transaction; the caller holds the series' lock.

    Last write wins, equal values change nothing, and replaced values are kept as
    corrections, so that every revision can be read back. The rows are taken piece by piece: at
    no time is all that is stored between the first and the last of them in memory.

    Args:
        session: The caller's transaction.
        series: Where to.
        batch: The rows.
        source: What caused the write.
        upload_id: The upload that it is of.
        tell: Called with the number of rows that are done.
    """

    def pieces() -> Iterator[Changes]:
        for start in range(0, len(batch.times), PIECE_ROWS):
            piece = batch.where(slice(start, start + PIECE_ROWS))
            yield _changes(session, series, piece)
            tell(start + len(piece.times))

    return apply(session, series, pieces(), source=source, upload_id=upload_id)


def _changes(session: Session, series: Series, batch: Batch) -> Changes:
    stored = _stored_between(session, series, batch.times)
    is_old, position = matched(batch.times, stored.times)
    old = stored.where(position[is_old])
    merged = _on_all_channels(series, batch, old, is_old)
    new = Rows(batch.times, np.full(len(batch.times), series.revision + 1), merged)
    if not len(old):
        return Changes(fresh=new, old=old, new=old, gone=old)
    differs = ~equal_rows(merged[is_old], old.values)
    return Changes(
        fresh=new.where(~is_old),
        old=old.where(differs),
        new=new.where(is_old).where(differs),
        gone=old.where(slice(0)),
    )


def apply(
    session: Session,
    series: Series,
    pieces: Iterable[Changes],
    *,
    source: Source,
    upload_id: int | None = None,
) -> Written:
    """Carry changes out as the series' next revision; the caller holds the series' lock.

    The pieces come in the order of time, and each is carried out before the next is asked for.
    """
    stored, updated, deleted, changed = 0, 0, 0, []
    for changes in pieces:
        changed.append(_carry_out(session, series, changes))
        stored += len(changes.fresh)
        updated += len(changes.new)
        deleted += len(changes.gone)
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
    return record(session, series, written, source=source, upload_id=upload_id)


def _carry_out(session: Session, series: Series, changes: Changes) -> Microseconds:
    """Carry changes out; the times of the rows that they concern."""
    storing.delete_observations(session, series.id, changes.gone, series.revision + 1)
    storing.replace_observations(session, series.id, changes.old, changes.new)
    storing.insert_observations(session, series.id, changes.fresh)
    touched = [part.times for part in (changes.fresh, changes.new, changes.gone)]
    return np.sort(np.concatenate(touched))


def record(
    session: Session,
    series: Series,
    written: Written,
    *,
    source: Source,
    upload_id: int | None = None,
) -> Written:
    """Note what was carried out: the revision, and the series' count, span and step."""
    was_empty = series.rows == 0
    if written.rows_deleted:
        _measure(session, series)
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
            min_time=_moment(written.changed[0]),
        )
    )
    series.revision = written.revision
    moved = written.rows_stored + written.rows_deleted
    if series.cadence is None or moved * INFERENCE_SHARE >= series.rows:
        # All rows of a new series are at hand.
        infer_step(session, series, written.changed[:CADENCE_ROWS] if was_empty else None)
    return written


def infer_step(session: Session, series: Series, first: Microseconds | None = None) -> None:
    """Learn cadence and calendar from the first rows, unless the user gave them.

    Args:
        session: The caller's transaction.
        series: The series.
        first: The times of its first rows, where they are at hand.
    """
    if series.cadence_is_given and series.calendar_is_given:
        return
    if first is None:
        first = storage.first_times(session, series.id, CADENCE_ROWS)
    cadence = infer_cadence(first.view("datetime64[us]"), series.timezone).cadence
    if not series.cadence_is_given:
        series.cadence = cadence.text if cadence else None
    if not series.calendar_is_given:
        has_sessions = series.kind == "ohlc" or (cadence is not None and cadence.unit == "B")
        series.calendar = "sessions" if has_sessions else "continuous"


def _stored_between(session: Session, series: Series, times: Microseconds) -> Rows:
    """What is stored there before the write; nothing is asked where nothing can be."""
    first, last = series.first_time, series.last_time
    if first is None or last is None or last < _moment(times[0]) or first > _moment(times[-1]):
        return Rows.none(len(series.channels))
    return storage.read_rows(
        session, series.id, len(series.channels), start=int(times[0]), end=int(times[-1])
    )


def matched(
    times: Microseconds, stored: Microseconds
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """For each time: whether it is stored, and where."""
    if not len(stored):
        return np.zeros(len(times), dtype=bool), np.zeros(len(times), dtype=np.int64)
    position = np.minimum(np.searchsorted(stored, times), len(stored) - 1)
    return stored[position] == times, position


def _on_all_channels(
    series: Series, batch: Batch, old: Rows, is_old: npt.NDArray[np.bool_]
) -> Values:
    """The batch's values in the series' columns, over what is stored."""
    names = [channel["name"] for channel in series.channels]
    if tuple(names) == batch.channels:
        return batch.values
    merged = np.full((len(batch.times), len(names)), np.nan)
    merged[is_old] = old.values
    merged[:, [names.index(name) for name in batch.channels]] = batch.values
    return merged


def equal_rows(one: Values, other: Values) -> npt.NDArray[np.bool_]:
    """Which rows hold the same values; two missing ones are the same."""
    equal = (one == other) | (np.isnan(one) & np.isnan(other))
    return np.asarray(equal.all(axis=1))


def _extend(series: Series, written: Written) -> None:
    """Keep count and span beside the series, so that reading them costs no scan."""
    first, last = _moment(written.changed[0]), _moment(written.changed[-1])
    series.rows += written.rows_stored
    series.first_time = first if series.first_time is None else min(series.first_time, first)
    series.last_time = last if series.last_time is None else max(series.last_time, last)


def _measure(session: Session, series: Series) -> None:
    """Read count and span again: what was deleted may have been at an end."""
    series.rows, first, last = storage.extent(session, series.id)
    series.first_time = None if first is None else _moment(first)
    series.last_time = None if last is None else _moment(last)


def _with_end(series: Series, written: Written) -> Microseconds:
    if series.last_time is None or series.last_time == written.last_before:
        return written.changed
    behind_last = to_microseconds(series.last_time) + 1
    return np.unique(np.concatenate([[behind_last], written.changed]))


def _moment(microseconds: int | np.int64) -> datetime:
    return EPOCH + int(microseconds) * MICROSECOND


def lock(session: Session, name: str) -> Series | None:
    """The series, held against other writers until the transaction ends.

    SQLite has one writer at a time anyway: its transactions take the lock when they begin.
    """
    statement = sa.select(Series).where(Series.name == name).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
