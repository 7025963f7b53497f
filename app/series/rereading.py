"""Stored values read again when the numbers that mean missing change, in both directions."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.series import storage, writing
from app.series.binary_copy import Microseconds
from app.series.channels import ChannelList, sentinels_of
from app.series.storage import Rows, Wanted
from app.series.tables import Series, SeriesRevision
from app.series.writing import Changes, Written
from models.arrays import Values


@dataclass(slots=True)
class Reread:
    """What became of stored values, by channel: `written` is the revision that says so."""

    written: Written
    made_missing: Counter[str] = field(default_factory=Counter)
    brought_back: Counter[str] = field(default_factory=Counter)


def reread(session: Session, series: Series, before: ChannelList, named: set[str]) -> Reread:
    """Apply the lists of missing numbers of the named channels to what is stored.

    Numbers that are on a list become missing; those that were taken off it come back where a
    change of the settings had made them missing. Rows are taken piece by piece, and only those
    that change are written. The caller holds the series' lock.

    Args:
        session: The caller's transaction.
        series: With its new channels.
        before: The channels as they were.
        named: The channels to look at.
    """
    found = Reread(Written.nothing(series))
    work = _Work(session, series, sentinels_of(series.channels), _taken_off(series, before), named)
    if series.rows and (named & work.missing.keys() or named & work.removed.keys()):
        pieces = work.pieces(found)
        found.written = writing.apply(session, series, pieces, source="settings")
    return found


def _taken_off(series: Series, before: ChannelList) -> dict[str, list[float]]:
    """The numbers that mean missing no more, by channel."""
    present = sentinels_of(series.channels)
    removed = {
        name: sorted(set(numbers) - set(present.get(name, [])))
        for name, numbers in sentinels_of(before).items()
    }
    return {name: numbers for name, numbers in removed.items() if numbers}


@dataclass(frozen=True, slots=True)
class _Work:
    session: Session
    series: Series
    missing: dict[str, list[float]]
    removed: dict[str, list[float]]
    named: set[str]

    def pieces(self, found: Reread) -> Iterator[Changes]:
        """The changes of one piece after the other; what they do is counted."""
        by_settings = self._revisions("settings")
        deletions = self._revisions("delete")
        wanted = Wanted(self.series.id, 0, len(self.series.channels), None)
        for rows in storage.read_pieces(self.session, wanted):
            values = rows.values.copy()
            for column, channel in enumerate(self.series.channels):
                name = channel["name"]
                if name not in self.named:
                    continue
                if name in self.removed:
                    replaced = self._replaced(column, rows.times)
                    back = self._bring_back(
                        values, rows, column, replaced, (by_settings, deletions)
                    )
                    found.brought_back[name] += back
                is_sign = np.isin(values[:, column], self.missing.get(name, []))
                values[is_sign, column] = np.nan
                found.made_missing[name] += int(is_sign.sum())
            yield _changed(rows, values, self.series.revision + 1)

    def _revisions(self, source: str) -> list[int]:
        return list(
            self.session.scalars(
                sa.select(SeriesRevision.revision).where(
                    SeriesRevision.series_id == self.series.id, SeriesRevision.source == source
                )
            )
        )

    def _replaced(self, column: int, times: Microseconds) -> Rows:
        """The past values of one channel."""
        if not len(times):
            return Rows.none(1)
        wanted = Wanted(self.series.id, column, 1, None)
        return storage.read_replaced(self.session, wanted, int(times[0]), int(times[-1]))

    def _bring_back(
        self,
        values: Values,
        rows: Rows,
        column: int,
        replaced: Rows,
        revisions: tuple[list[int], list[int]],
    ) -> int:
        """Fill in the numbers that settings had made missing; how many.

        The last number that a row had counts, unless the row was deleted since.
        """
        by_settings, deletions = revisions
        old = replaced.values[:, 0]
        tells = ~np.isnan(old) | np.isin(replaced.revisions, deletions)
        replaced, old = replaced.where(tells), old[tells]
        is_last = np.append(np.diff(replaced.times) > 0, True)[: len(old)]
        name = self.series.channels[column]["name"]
        chosen = is_last & np.isin(replaced.revisions, by_settings)
        chosen &= np.isin(old, self.removed[name])
        stands, place = writing.matched(rows.times, replaced.times[chosen])
        stands &= np.isnan(values[:, column])
        values[stands, column] = old[chosen][place[stands]]
        return int(stands.sum())


def _changed(rows: Rows, values: Values, revision: int) -> Changes:
    differs = ~writing.equal_rows(values, rows.values)
    new = Rows(rows.times, np.full(len(rows), revision), values)
    nothing = rows.where(slice(0))
    return Changes(fresh=nothing, old=rows.where(differs), new=new.where(differs), gone=nothing)
