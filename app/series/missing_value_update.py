"""Update stored values when a channel's missing-value numbers change, in both directions."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.quality.missing_marks import numbers_of
from app.series.changes import Changes, find_times
from app.series.channels import ChannelList, missing_marks_of
from app.series.storage import row_reader
from app.series.storage.binary_copy import Microseconds
from app.series.storage.row_reader import RowQuery, StoredRows
from app.series.tables import RevisionSource, Series, SeriesRevision
from app.series.write import Written, write_changes
from models.arrays import Values


@dataclass(slots=True)
class MissingValueUpdate:
    """The write that changed the stored values, and how many values changed, by channel."""

    written: Written
    made_missing: Counter[str] = field(default_factory=Counter)
    brought_back: Counter[str] = field(default_factory=Counter)


def update_missing_values(
    session: Session, series: Series, before: ChannelList, named: set[str]
) -> MissingValueUpdate:
    """Apply the missing-value numbers of the named channels to the stored rows.

    Values equal to a listed number become missing. Numbers that were removed from the list come
    back where an earlier change of the settings had made them missing. Rows are read in pieces,
    and only changed rows are written. The caller holds the series' lock.

    Args:
        session: The caller's transaction.
        series: The series with its new channels.
        before: The channels before the change.
        named: The channels to update.
    """
    update = MissingValueUpdate(Written.nothing(series))
    work = _Work(session, series, _numbers_of(series.channels), _removed(series, before), named)
    if series.rows and (named & work.missing.keys() or named & work.removed.keys()):
        pieces = work.pieces(update)
        update.written = write_changes(session, series, pieces, source="settings")
    return update


def _numbers_of(channels: ChannelList) -> dict[str, list[float]]:
    """The numbers that mean missing; texts were never stored, their fields are missing already."""
    found = {name: numbers_of(marks) for name, marks in missing_marks_of(channels).items()}
    return {name: numbers for name, numbers in found.items() if numbers}


def _removed(series: Series, before: ChannelList) -> dict[str, list[float]]:
    """The numbers that no longer mean missing, by channel."""
    present = _numbers_of(series.channels)
    removed = {
        name: sorted(set(numbers) - set(present.get(name, [])))
        for name, numbers in _numbers_of(before).items()
    }
    return {name: numbers for name, numbers in removed.items() if numbers}


@dataclass(frozen=True, slots=True)
class _Work:
    session: Session
    series: Series
    missing: dict[str, list[float]]
    removed: dict[str, list[float]]
    named: set[str]

    def pieces(self, update: MissingValueUpdate) -> Iterator[Changes]:
        """The changes piece by piece; changed values are counted in `update`."""
        by_settings = self._revisions("settings")
        deletions = self._revisions("delete")
        query = RowQuery(self.series.id, 0, len(self.series.channels), None)
        for rows in row_reader.read_pieces(self.session, query):
            values = rows.values.copy()
            for column, channel in enumerate(self.series.channels):
                name = channel["name"]
                if name not in self.named:
                    continue
                if name in self.removed:
                    replaced = self._replaced(column, rows.times)
                    update.brought_back[name] += self._bring_back(
                        values, rows, column, replaced, (by_settings, deletions)
                    )
                is_sentinel = np.isin(values[:, column], self.missing.get(name, []))
                values[is_sentinel, column] = np.nan
                update.made_missing[name] += int(is_sentinel.sum())
            yield Changes.replacing(rows, values, self.series.revision + 1)

    def _revisions(self, source: RevisionSource) -> list[int]:
        return list(
            self.session.scalars(
                sa.select(SeriesRevision.revision).where(
                    SeriesRevision.series_id == self.series.id, SeriesRevision.source == source
                )
            )
        )

    def _replaced(self, column: int, times: Microseconds) -> StoredRows:
        """The past values of one channel."""
        if not len(times):
            return StoredRows.none(1)
        query = RowQuery(self.series.id, column, 1, None)
        return row_reader.read_replaced(self.session, query, int(times[0]), int(times[-1]))

    def _bring_back(
        self,
        values: Values,
        rows: StoredRows,
        column: int,
        replaced: StoredRows,
        revisions: tuple[list[int], list[int]],
    ) -> int:
        """Fill in numbers that a settings change had made missing; how many.

        The last number of a row counts, unless the row was deleted after it.
        """
        by_settings, deletions = revisions
        old = replaced.values[:, 0]
        counts = ~np.isnan(old) | np.isin(replaced.revisions, deletions)
        replaced, old = replaced.where(counts), old[counts]
        is_last = np.append(np.diff(replaced.times) > 0, True)[: len(old)]
        name = self.series.channels[column]["name"]
        chosen = is_last & np.isin(replaced.revisions, by_settings)
        chosen &= np.isin(old, self.removed[name])
        found, position = find_times(rows.times, replaced.times[chosen])
        found &= np.isnan(values[:, column])
        values[found, column] = old[chosen][position[found]]
        return int(found.sum())
