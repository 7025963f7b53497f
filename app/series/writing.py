"""One write to a series: what is new, what changed, and the revision that says so."""

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


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to store: times strictly increasing, one column of values per named channel.

    A channel that is not named keeps its stored value, or is missing in a new row.
    """

    times: Microseconds
    values: Values
    channels: tuple[str, ...]


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
    session: Session, series: Series, batch: Batch, *, source: str, upload_id: int | None = None
) -> Written:
    """Store a batch in the caller's transaction; the caller holds the series' lock.

    Last write wins, equal values change nothing, and replaced values are kept as
    corrections, so that every revision can be read back.
    """
    revision = series.revision + 1
    stored = _stored_between(session, series, batch.times)
    is_old, position = _matched(batch.times, stored.times)
    old = stored.where(position[is_old])
    merged = _on_all_channels(series, batch, old, is_old)
    differs = ~_equal_rows(merged[is_old], old.values)
    new = Rows(batch.times, np.full(len(batch.times), revision), merged)
    fresh, replacing = new.where(~is_old), new.where(is_old).where(differs)
    if not len(fresh) and not len(replacing):
        return Written(0, 0, series.revision, np.empty(0, np.int64), series.last_time)
    storage.insert_observations(session, series.id, fresh)
    storage.replace_observations(session, series.id, old.where(differs), replacing)
    changed = np.sort(np.concatenate([fresh.times, replacing.times]))
    written = Written(len(fresh), len(replacing), revision, changed, series.last_time)
    _record(session, series, written, source=source, upload_id=upload_id)
    _extend(series, fresh)
    if series.cadence is None or len(fresh) * INFERENCE_SHARE >= series.rows:
        infer_step(session, series)
    return written


def infer_step(session: Session, series: Series) -> None:
    """Learn cadence and calendar from the first rows, unless the user gave them."""
    if series.cadence_is_given and series.calendar_is_given:
        return
    rows = storage.read_rows(session, series.id, len(series.channels), limit=CADENCE_ROWS)
    cadence = infer_cadence(rows.times.view("datetime64[us]"), series.timezone).cadence
    if not series.cadence_is_given:
        series.cadence = cadence.text if cadence else None
    if not series.calendar_is_given:
        has_sessions = series.kind == "ohlc" or (cadence is not None and cadence.unit == "B")
        series.calendar = "sessions" if has_sessions else "continuous"


def _stored_between(session: Session, series: Series, times: Microseconds) -> Rows:
    return storage.read_rows(
        session, series.id, len(series.channels), start=int(times[0]), end=int(times[-1])
    )


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


def _record(
    session: Session,
    series: Series,
    written: Written,
    *,
    source: str,
    upload_id: int | None,
) -> None:
    session.add(
        SeriesRevision(
            series_id=series.id,
            revision=written.revision,
            source=source,
            upload_id=upload_id,
            rows_stored=written.rows_stored,
            rows_updated=written.rows_updated,
            min_time=EPOCH + int(written.changed[0]) * MICROSECOND,
        )
    )
    series.revision = written.revision


def _extend(series: Series, fresh: Rows) -> None:
    """Keep count and span beside the series, so that reading them costs no scan."""
    if not len(fresh):
        return
    first = EPOCH + int(fresh.times[0]) * MICROSECOND
    last = EPOCH + int(fresh.times[-1]) * MICROSECOND
    series.rows += len(fresh)
    series.first_time = first if series.first_time is None else min(series.first_time, first)
    series.last_time = last if series.last_time is None else max(series.last_time, last)


def lock(session: Session, name: str) -> Series | None:
    """The series, held against other writers until the transaction ends.

    SQLite has one writer at a time anyway: its transactions take the lock when they begin.
    """
    statement = sa.select(Series).where(Series.name == name).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
