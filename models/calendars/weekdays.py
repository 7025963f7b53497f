"""The weekdays on which a series of days has rows."""

import numpy as np

from models.arrays import Times
from models.calendars.cadence import DAY, ORIGIN, Indices

# Weekdays are closed only if this many whole weeks show it.
LEAST_WEEKS = 3
# Of the rows of the weekday with the most, a closed weekday has at most the first share and an
# open one at least the second; between them, rows are missing.
_CLOSED_SHARE = 0.05
_OPEN_SHARE = 0.6


def open_weekdays(local: Times) -> tuple[int, ...]:
    """The weekdays from Monday, 0, on which a series of days has rows.

    All seven, unless several whole weeks show that some of them have none.

    Args:
        local: `(rows,)` of `datetime64[us]`, local times, strictly increasing.
    """
    everyday = tuple(range(7))
    if len(local) < 2:
        return everyday
    days = np.unique((local - ORIGIN) // DAY)
    if days[-1] - days[0] < 7 * LEAST_WEEKS:
        return everyday
    shares = np.bincount(days % 7, minlength=7) / _weeks(days)
    shares /= shares.max()
    is_open = shares >= _OPEN_SHARE
    if not (is_open | (shares <= _CLOSED_SHARE)).all():
        return everyday
    return tuple(np.flatnonzero(is_open).tolist())


def open_day_numbers(local: Times, weekdays: tuple[int, ...]) -> Indices:
    """The number of the last open day at or before each local time."""
    days = ((local - ORIGIN) // DAY).astype(np.int64)
    before = np.searchsorted(weekdays, days % 7, side="right") - 1
    return days // 7 * len(weekdays) + before


def _weeks(days: Indices) -> Indices:
    """How often each weekday lies between the first and the last day."""
    return np.bincount(np.arange(days[0], days[-1] + 1) % 7, minlength=7)
