"""A cache of what series' recent rows show, so that most appends read nothing of them."""

from collections import OrderedDict
from threading import Lock

from sqlalchemy.orm import Session

from app.ingest.plausibility.recent import Recent, settings_of
from app.ingest.plausibility.usual_times import LEAST_ROWS
from app.series.tables import Series

# About a thousand series; fewer with many channels or learnt sessions.
MOST_BYTES = 16_000_000


class RecentCache:
    """What is known of the series that were last appended to; safe to use from several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._entries: OrderedDict[int, Recent] = OrderedDict()
        self._size = 0
        self._most_bytes = most_bytes
        self._lock = Lock()

    def __len__(self) -> int:
        """The number of series."""
        return len(self._entries)

    def get(self, series: Series) -> Recent | None:
        """What is known of a series with its present settings, perhaps of an earlier revision."""
        found = self._entries.get(series.id)
        if found is None or found.created_at != series.created_at:
            return None
        is_usable = found.revision <= series.revision and found.settings == settings_of(series)
        return found if is_usable else None

    def put(self, series: Series, recent: Recent) -> None:
        """Cache what is known of a series once the transaction of its last write has ended."""
        with self._lock:
            before = self._entries.pop(series.id, None)
            self._size += recent.size_bytes - (before.size_bytes if before else 0)
            self._entries[series.id] = recent
            while self._size > self._most_bytes:
                _, oldest = self._entries.popitem(last=False)
                self._size -= oldest.size_bytes


cache = RecentCache()


def recent_of(session: Session, series: Series) -> Recent | None:
    """What the recent rows of a locked series show; None for a series of very few rows."""
    if series.rows < LEAST_ROWS:
        return None
    found = cache.get(series)
    if found is not None and found.revision != series.revision:
        found = found.updated(session, series)
    if found is None or found.is_outdated:
        return Recent.learn(session, series, found)
    return found
