"""What a write changes: compare incoming rows with the stored ones."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.db import from_microseconds
from app.series.storage import row_reader
from app.series.storage.binary_copy import Microseconds
from app.series.storage.row_reader import StoredRows
from app.series.tables import Series
from models.arrays import Values


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
    """What a write does to the rows of a series; each time is in at most one of the parts.

    Args:
        inserted: Rows at times without a stored row.
        old: Rows that are replaced.
        new: Their replacements, at the same times.
        deleted: Rows that are deleted.
    """

    inserted: StoredRows
    old: StoredRows
    new: StoredRows
    deleted: StoredRows

    @classmethod
    def replacing(cls, rows: StoredRows, values: Values, revision: int) -> Self:
        """Replace the values of stored rows at a revision; rows with equal values stay."""
        new = StoredRows(rows.times, np.full(len(rows), revision), values)
        differs = ~equal_rows(values, rows.values)
        nothing = rows.where(slice(0))
        return cls(nothing, rows.where(differs), new.where(differs), nothing)


def changes_of_batch(session: Session, series: Series, batch: Batch) -> Changes:
    """Compare a batch with the stored rows; rows with equal values are not a change."""
    stored = _stored_between(session, series, batch.times)
    is_stored, position = find_times(batch.times, stored.times)
    old = stored.where(position[is_stored])
    merged = _on_all_channels(series, batch, old, is_stored)
    revision = series.revision + 1
    if not len(old):
        new = StoredRows(batch.times, np.full(len(batch.times), revision), merged)
        return Changes(inserted=new, old=old, new=old, deleted=old)
    changes = Changes.replacing(old, merged[is_stored], revision)
    times, values = batch.times[~is_stored], merged[~is_stored]
    return replace(changes, inserted=StoredRows(times, np.full(len(times), revision), values))


def find_times(
    times: Microseconds, stored: Microseconds
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """For each time: whether it is stored, and where."""
    if not len(stored):
        return np.zeros(len(times), dtype=bool), np.zeros(len(times), dtype=np.int64)
    position = np.minimum(np.searchsorted(stored, times), len(stored) - 1)
    return stored[position] == times, position


def equal_rows(left: Values, right: Values) -> npt.NDArray[np.bool_]:
    """Which rows hold the same values; two missing values are equal."""
    equal = (left == right) | (np.isnan(left) & np.isnan(right))
    return np.asarray(equal.all(axis=1))


def _stored_between(session: Session, series: Series, times: Microseconds) -> StoredRows:
    """The stored rows between the first and the last time.

    The database is not asked where the series' span shows that there is none.
    """
    start, end = from_microseconds(times[0]), from_microseconds(times[-1])
    first, last = series.first_time, series.last_time
    if first is None or last is None or last < start or first > end:
        return StoredRows.none(len(series.channels))
    return row_reader.read_rows(
        session, series.id, len(series.channels), start=int(times[0]), end=int(times[-1])
    )


def _on_all_channels(
    series: Series, batch: Batch, old: StoredRows, is_stored: npt.NDArray[np.bool_]
) -> Values:
    """The batch's values in the series' columns; channels without a column keep stored values."""
    names = [channel["name"] for channel in series.channels]
    if tuple(names) == batch.channels:
        return batch.values
    merged = np.full((len(batch.times), len(names)), np.nan)
    merged[is_stored] = old.values
    merged[:, [names.index(name) for name in batch.channels]] = batch.values
    return merged
