"""Hours of a market of which less than three whole weeks are known.

Nothing is closed that the rows do not show as closed: a series of a few days around the clock is
continuous from Monday to Friday, and not open from its first time of day to its last.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.cadence import DAY_MICROSECONDS, ORIGIN, Indices

# A bound on memory: seconds of a day.
MOST_SLOTS = 86_400
_HALF_DAY = DAY_MICROSECONDS // 2
# Shorter pauses within a day are rows that are missing by chance, if few days show them.
SHORT_PAUSE = 15 * 60_000_000
_FEW_DAYS = 3
_WHOLE_DAY = 0.9

Slots = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Span:
    """Steps of the days that a series covers, `(days, slots)`.

    Args:
        weekdays: `(days,)` from Monday, 0.
        observed: Steps with a row.
        covered: Steps between the first and the last row.
        weekend: Steps in a gap of half a day or more around a Saturday's or a Sunday's noon.
    """

    weekdays: Indices
    observed: Slots
    covered: Slots
    weekend: Slots

    @property
    def has_rows(self) -> Slots:
        """The days with a row, `(days,)`."""
        return np.asarray(self.observed.any(axis=1))

    def shares(self, days: Slots) -> tuple[Indices, Indices]:
        """How many of some days cover each step outside of week-ends, and how many have a row."""
        chosen = days & self.has_rows
        covered = (self.covered & ~self.weekend)[chosen].sum(axis=0)
        return covered, self.observed[chosen].sum(axis=0)


def unproven_bars(local: Times, step: int) -> tuple[npt.NDArray[np.int64], ...]:
    """The times of each weekday at which rows may be expected.

    The times of Monday to Friday are learnt together: a time is closed if most of the days that
    cover it have no row there. A weekend is closed from the last row before it to the first one
    after it; a weekend that the series does not cover is closed as a whole.

    Args:
        local: `(rows,)` of `datetime64[us]`, local times, increasing.
        step: The step between rows in microseconds, a divisor of a day.

    Returns:
        For each weekday from Monday, microseconds after midnight, increasing.
    """
    since_origin = (local - ORIGIN).astype(np.int64)
    phases, counts = np.unique(since_origin % step, return_counts=True)
    phase = int(phases[np.argmax(counts)])
    span = _span(since_origin[since_origin % step == phase] - phase, step)
    working = _working_hours(span, step)
    between = _usual_between_steps(since_origin, phase, step)
    slots = [
        np.flatnonzero(_open_slots(span, weekday, working)).astype(np.int64) * step + phase
        for weekday in range(7)
    ]
    return tuple(
        np.union1d(each, between) if weekday < 5 else each for weekday, each in enumerate(slots)
    )


def _usual_between_steps(moments: Indices, phase: int, step: int) -> Indices:
    """Times of day between the steps that most days have, such as an opening auction's."""
    found, counts = np.unique(moments % DAY_MICROSECONDS, return_counts=True)
    days = len(np.unique(moments // DAY_MICROSECONDS))
    usual: Indices = found[(found % step != phase) & (2 * counts >= max(days, 4))]
    return usual


def _span(moments: Indices, step: int) -> _Span:
    slots = DAY_MICROSECONDS // step
    first_day = int(moments[0]) // DAY_MICROSECONDS
    days = int(moments[-1]) // DAY_MICROSECONDS - first_day + 1
    steps = (moments - first_day * DAY_MICROSECONDS) // step
    observed, covered, weekend = (np.zeros(days * slots, bool) for _ in range(3))
    observed[steps] = True
    covered[steps[0] : steps[-1] + 1] = True
    for gap in np.flatnonzero(np.diff(moments) >= _HALF_DAY):
        begin, end = moments[gap] + step, moments[gap + 1]
        if _is_around_weekend(int(begin), int(end)):
            weekend[steps[gap] + 1 : steps[gap + 1]] = True
    shape = days, slots
    return _Span(
        np.arange(first_day, first_day + days) % 7,
        observed.reshape(shape),
        covered.reshape(shape),
        weekend.reshape(shape),
    )


def _is_around_weekend(begin: int, end: int) -> bool:
    """Whether the noon of a Saturday or a Sunday lies between two moments."""
    noons = range(
        -(-(begin - _HALF_DAY) // DAY_MICROSECONDS), (end - _HALF_DAY) // DAY_MICROSECONDS + 1
    )
    return any(day % 7 >= 5 for day in noons)


def _working_hours(span: _Span, step: int) -> Slots:
    """The steps at which Monday to Friday are open; those that no day covers are."""
    covered, found = span.shares(span.weekdays < 5)
    is_open = np.asarray(2 * found >= covered)
    for first, stop in _closed_runs(is_open):
        pause = slice(first, stop)
        by_chance = found[pause].any() or covered[pause].max() < _FEW_DAYS
        if by_chance and (stop - first) * step < SHORT_PAUSE:
            is_open[pause] = True
    return is_open


def _closed_runs(is_open: Slots) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(is_open, prepend=True, append=True))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _open_slots(span: _Span, weekday: int, working: Slots) -> Slots:
    """The open steps of a weekday."""
    days = span.weekdays == weekday
    covered, found = span.shares(days)
    # Two days that agree say more of their weekday than the other days do.
    hours = np.where((covered >= 2) & ((found == 0) | (found == covered)), found > 0, working)
    if not found.any():
        return hours if weekday < 5 or _is_open_unseen(span, days, working) else hours & False
    closed = 2 * (span.weekend & span.covered)[days].sum(axis=0)
    hours &= (closed == 0) | (closed < span.covered[days].sum(axis=0))
    if weekday >= 5 and not _trades_at_weekends(span):
        # Such a day opens with its first row: a currency on Sunday evening.
        hours[: int(np.argmax(found > 0))] = False
    return np.asarray(hours)


def _is_open_unseen(span: _Span, days: Slots, working: Slots) -> bool:
    """Whether a Saturday or Sunday is open that the series does not cover."""
    around_the_clock = working.mean() >= _WHOLE_DAY
    return bool(around_the_clock and not span.covered[days].any() and _trades_at_weekends(span))


def _trades_at_weekends(span: _Span) -> bool:
    """Whether there are rows between the noons of a Saturday and a Sunday."""
    half = span.observed.shape[1] // 2
    saturdays, sundays = (span.observed[span.weekdays == weekday] for weekday in (5, 6))
    return bool(saturdays[:, half:].any() or sundays[:, :half].any())
