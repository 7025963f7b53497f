"""Count requests per minute, by key or by address, in the memory of the process."""

import time
from threading import Lock

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from app.errors import RequestLimitReached


class CountsInMemory(Storage):
    """Counts that expire. The library's own storage starts a thread for nearly every request."""

    STORAGE_SCHEME = None
    # Expired counts are deleted when this many are stored, and then again at twice the rest.
    FIRST_CLEANING = 1000

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = Lock()
        self._cleaned_at = self.FIRST_CLEANING

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        with self._lock:
            count, ends = self._counts.get(key, (0, 0.0))
            if ends <= now:
                count, ends = 0, now + expiry
                self._make_room(now)
            self._counts[key] = count + amount, ends
            return count + amount

    def get(self, key: str) -> int:
        count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    def get_expiry(self, key: str) -> float:
        return self._counts.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count = len(self._counts)
            self._counts.clear()
            return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._counts.pop(key, None)

    def _make_room(self, now: float) -> None:
        if len(self._counts) < self._cleaned_at:
            return
        self._counts = {key: each for key, each in self._counts.items() if each[1] > now}
        self._cleaned_at = max(self.FIRST_CLEANING, 2 * len(self._counts))


class RequestRates:
    """Refuses requests of a key, or without a key of an address, above a number per minute."""

    def __init__(self, most_per_minute: int) -> None:
        self._most = most_per_minute
        self._item = RateLimitItemPerMinute(max(most_per_minute, 1))
        self._limiter = FixedWindowRateLimiter(CountsInMemory())

    def count(self, sender: str) -> None:
        """Count a request.

        Raises:
            RequestLimitReached: If the sender has sent too many in this minute.
        """
        if not self._most or self._limiter.hit(self._item, sender):
            return
        stats = self._limiter.get_window_stats(self._item, sender)
        seconds = max(1, round(stats.reset_time - time.time()))
        message = f"At most {self._most} requests a minute are answered: wait {seconds} s."
        raise RequestLimitReached(message, headers=waiting(self._most, seconds))


def waiting(limit: int, seconds: int) -> dict[str, str]:
    """The headers of a reached limit: how long to wait, for programs."""
    return {
        "Retry-After": str(seconds),
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": str(seconds),
    }
