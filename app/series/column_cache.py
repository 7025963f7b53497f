"""Cache of decoded columns that charts read repeatedly, by revision, bounded in bytes."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated

import numpy as np
from fastapi import Depends, Request

from app.series.storage.binary_copy import Microseconds
from models.arrays import Values


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """A series at a revision.

    The time of its creation is part of the key: SQLite gives the id of a deleted series to the
    next new one.
    """

    series_id: int
    created_at: int
    revision: int

    def is_before(self, other: "SeriesKey") -> bool:
        """Whether it is an earlier revision of the same series."""
        mine, its = (self.series_id, self.created_at), (other.series_id, other.created_at)
        return mine == its and self.revision < other.revision


@dataclass(frozen=True, slots=True)
class Earlier:
    """Cached columns of an earlier revision: most of their rows are unchanged in the next one."""

    revision: int
    times: Microseconds
    values: Values


@dataclass(slots=True)
class _Entry:
    lock: Lock = field(default_factory=Lock)
    times: Microseconds | None = None
    columns: dict[int, Values] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        times = 0 if self.times is None else self.times.nbytes
        return times + sum(column.nbytes for column in list(self.columns.values()))


class ColumnCache:
    """The columns of the most recently read series; safe to use from several threads."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._entries: OrderedDict[SeriesKey, _Entry] = OrderedDict()
        self._lock = Lock()

    def find(self, key: SeriesKey, columns: tuple[int, ...]) -> tuple[Microseconds, Values] | None:
        """The times and the columns, `(rows, columns)`, if all of them are cached."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.times is None or not entry.columns.keys() >= set(columns):
                return None
            self._entries.move_to_end(key)
            return entry.times, _side_by_side(entry, entry.times, columns)

    def load(
        self,
        key: SeriesKey,
        columns: tuple[int, ...],
        read: Callable[[tuple[int, ...], Earlier | None], tuple[Microseconds, Values]],
    ) -> tuple[Microseconds, Values]:
        """The times and the columns, read if they are not cached; the oldest entries make room.

        Earlier revisions of the series are removed: charts show the present one.

        Args:
            key: The series at a revision.
            columns: Column numbers.
            read: Reads the times and the columns that it is called with; it may reuse the
                unchanged rows of an earlier revision. It is called once, also when several threads
                load the same columns at the same time.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
        with entry.lock:
            missing = tuple(sorted({*columns} - entry.columns.keys()))
            if missing or entry.times is None:
                entry.times, values = read(missing, self._earlier(key, missing))
                for place, column in enumerate(missing):
                    copied = np.array(values[:, place])
                    copied.flags.writeable = False
                    entry.columns[column] = copied
            assert entry.times is not None, "columns come with their times"  # noqa: S101
            found = entry.times, _side_by_side(entry, entry.times, columns)
        self._make_room(key)
        return found

    @property
    def size_bytes(self) -> int:
        """The present size of the cache."""
        with self._lock:
            return self._size_bytes()

    def _earlier(self, key: SeriesKey, columns: tuple[int, ...]) -> Earlier | None:
        """The latest earlier revision for which all the columns are cached."""
        with self._lock:
            cached = [
                (earlier.revision, entry)
                for earlier, entry in self._entries.items()
                if earlier.is_before(key) and entry.times is not None
            ]
        for revision, entry in sorted(cached, key=lambda pair: -pair[0]):
            if entry.columns.keys() >= set(columns) and entry.times is not None:
                return Earlier(revision, entry.times, _side_by_side(entry, entry.times, columns))
        return None

    def _make_room(self, newest: SeriesKey) -> None:
        with self._lock:
            for key in [key for key in self._entries if key.is_before(newest)]:
                del self._entries[key]
            while self._entries and self._size_bytes() > self.most_bytes:
                self._entries.popitem(last=False)

    def _size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self._entries.values())


def _side_by_side(entry: _Entry, times: Microseconds, columns: tuple[int, ...]) -> Values:
    if not columns:
        return np.empty((len(times), 0))
    return np.column_stack([entry.columns[column] for column in columns])


async def _column_cache(request: Request) -> ColumnCache:
    cache: ColumnCache = request.app.state.column_cache
    return cache


ColumnCacheDependency = Annotated[ColumnCache, Depends(_column_cache)]
