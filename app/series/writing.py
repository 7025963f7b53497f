"""One write to a series: what is new, what changed, and the revision that says so."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import EPOCH, MICROSECOND
from app.series import storage
from app.series.binary_copy import Microseconds
from app.series.storage import Rows
from app.series.tables import Series, SeriesRevision
from models.cadence import infer_cadence
from models.series import Values

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

    def where(self, chosen: slice) -> "Batch":
        """A range of the rows."""
        return Batch(self.times[chosen], self.values[chosen], self.channels)


@dataclass(frozen=True, slots=True)
class Origin:
    """What caused a write, and the upload that it is of."""

    source: str
    upload_id: int | None


@dataclass(frozen=True, slots=True)
class Written:
    """What a write changed; without a change the revision stays.

    Args:
        rows_stored: New rows.
        rows_updated: Rows whose values were replaced.
        revision: The series' revision after it.
        changed: The times of these rows, increasing.
        last_before: The time of the last row before the write.
    """

    rows_stored: int
    rows_updated: int
    revision: int
    changed: Microseconds
    last_before: datetime | None


def write(
    session: Session,
    series: Series,
    batch: Batch,
    *,
    source: str,
    upload_id: int | None = None,
    tell: Callable[[int], None] | None = None,
) -> Written:
    """Store a batch in the caller's transaction; the caller holds the series' lock.

    Last write wins, equal values change nothing, and replaced values are kept as
    corrections, so that every revision can be read back. The rows are taken piece by piece: at
    no time is all that is stored between the first and the last of them in memory.

    Args:
        session: The caller's transaction.
        series: Where to.
        batch: The rows.
        source: What caused the write: `put`, `settings` or `upload`.
        upload_id: The upload that it is of.
        tell: Called with the number of rows that are done.
    """
    revision = series.revision + 1
    fresh, replaced = [], []
    for start in range(0, len(batch.times), PIECE_ROWS):
        piece = batch.where(slice(start, start + PIECE_ROWS))
        new, other = _write_piece(session, series, piece, revision)
        fresh.append(new)
        replaced.append(other)
        if tell is not None:
            tell(min(start + PIECE_ROWS, len(batch.times)))
    return _written(
        session, series, np.concatenate(fresh), np.concatenate(replaced), Origin(source, upload_id)
    )


def _write_piece(
    session: Session, series: Series, batch: Batch, revision: int
) -> tuple[Microseconds, Microseconds]:
    """Write rows; the times of those that are new, and of those that replaced others."""
    stored = _stored_between(session, series, batch.times)
    is_old, position = _matched(batch.times, stored.times)
    old = stored.where(position[is_old])
    merged = _on_all_channels(series, batch, old, is_old)
    new = Rows(batch.times, np.full(len(batch.times), revision), merged)
    if not len(old):
        storage.insert_observations(session, series.id, new)
        return new.times, old.times
    differs = ~_equal_rows(merged[is_old], old.values)
    fresh, replacing = new.where(~is_old), new.where(is_old).where(differs)
    storage.insert_observations(session, series.id, fresh)
    storage.replace_observations(session, series.id, old.where(differs), replacing)
    return fresh.times, replacing.times


def _written(
    session: Session, series: Series, fresh: Microseconds, replaced: Microseconds, origin: Origin
) -> Written:
    """Say on the series what was written, if anything was."""
    if not len(fresh) and not len(replaced):
        return Written(0, 0, series.revision, fresh, series.last_time)
    changed = np.sort(np.concatenate([fresh, replaced])) if len(replaced) else fresh
    written = Written(len(fresh), len(replaced), series.revision + 1, changed, series.last_time)
    _record(session, series, written, origin)
    was_empty = series.rows == 0
    _extend(series, fresh)
    if series.cadence is None or len(fresh) * INFERENCE_SHARE >= series.rows:
        infer_step(session, series, fresh[:CADENCE_ROWS] if was_empty else None)
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
    if _is_outside(series, times):
        return Rows.none(len(series.channels))
    return storage.read_rows(
        session, series.id, len(series.channels), start=int(times[0]), end=int(times[-1])
    )


def _is_outside(series: Series, times: Microseconds) -> bool:
    first, last = series.first_time, series.last_time
    return first is None or last is None or last < _moment(times[0]) or first > _moment(times[-1])


def _moment(microseconds: np.int64) -> datetime:
    return EPOCH + int(microseconds) * MICROSECOND


def _matched(
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


def _equal_rows(one: Values, other: Values) -> npt.NDArray[np.bool_]:
    equal = (one == other) | (np.isnan(one) & np.isnan(other))
    return np.asarray(equal.all(axis=1))


def _record(session: Session, series: Series, written: Written, origin: Origin) -> None:
    session.add(
        SeriesRevision(
            series_id=series.id,
            revision=written.revision,
            source=origin.source,
            upload_id=origin.upload_id,
            rows_stored=written.rows_stored,
            rows_updated=written.rows_updated,
            min_time=_moment(written.changed[0]),
        )
    )
    series.revision = written.revision


def _extend(series: Series, fresh: Microseconds) -> None:
    """Keep count and span beside the series, so that reading them costs no scan."""
    if not len(fresh):
        return
    first, last = _moment(fresh[0]), _moment(fresh[-1])
    series.rows += len(fresh)
    series.first_time = first if series.first_time is None else min(series.first_time, first)
    series.last_time = last if series.last_time is None else max(series.last_time, last)


def lock(session: Session, name: str) -> Series | None:
    """The series, held against other writers until the transaction ends.

    SQLite has one writer at a time anyway: its transactions take the lock when they begin.
    """
    statement = sa.select(Series).where(Series.name == name).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
