"""Decoded columns that charts read again and again: kept by revision, bounded in bytes."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from app.series.binary_copy import Microseconds
from models.series import Values


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """A series at a revision.

    The moment of its creation belongs to it: SQLite gives the number of a deleted series to the
    next one.
    """

    series_id: int
    created_at: int
    revision: int


@dataclass(slots=True)
class _Entry:
    lock: Lock = field(default_factory=Lock)
    times: Microseconds | None = None
    columns: dict[int, Values] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        times = 0 if self.times is None else self.times.nbytes
        return times + sum(column.nbytes for column in list(self.columns.values()))


class DecodedSeries:
    """The columns of the series that were read last; several threads may ask at once."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._entries: OrderedDict[SeriesKey, _Entry] = OrderedDict()
        self._lock = Lock()

    def find(self, key: SeriesKey, columns: tuple[int, ...]) -> tuple[Microseconds, Values] | None:
        """The times and the wanted columns, `(rows, columns)`, if all are here."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.times is None or not entry.columns.keys() >= set(columns):
                return None
            self._entries.move_to_end(key)
            return entry.times, _side_by_side(entry, columns)

    def load(
        self,
        key: SeriesKey,
        columns: tuple[int, ...],
        read: Callable[[tuple[int, ...]], tuple[Microseconds, Values]],
    ) -> tuple[Microseconds, Values]:
        """The same, read if they are not here; what was used longest ago makes room.

        Args:
            key: The series at a revision.
            columns: By number.
            read: Gives the times and the columns that it is called with. It is called once, also
                when several ask at the same time.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
        with entry.lock:
            missing = tuple(sorted({*columns} - entry.columns.keys()))
            if missing:
                entry.times, values = read(missing)
                for place, column in enumerate(missing):
                    own = np.array(values[:, place])
                    own.flags.writeable = False
                    entry.columns[column] = own
            assert entry.times is not None, "columns come with their times"  # noqa: S101
            found = entry.times, _side_by_side(entry, columns)
        self._make_room()
        return found

    @property
    def size_bytes(self) -> int:
        """What is kept now."""
        with self._lock:
            return self._size_bytes()

    def _make_room(self) -> None:
        with self._lock:
            while self._entries and self._size_bytes() > self.most_bytes:
                self._entries.popitem(last=False)

    def _size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self._entries.values())


def _side_by_side(entry: _Entry, columns: tuple[int, ...]) -> Values:
    return np.column_stack([entry.columns[column] for column in columns])
