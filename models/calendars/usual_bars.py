"""Learn from a series' rows at which local times of each weekday its next rows are expected."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.cadence import DAY, DAY_MICROSECONDS, ORIGIN, Cadence, Indices
from models.calendars.unproven_hours import MOST_SLOTS, SHORT_PAUSE, unproven_bars
from models.calendars.weekdays import LEAST_WEEKS

_RECENT_SESSIONS_OF_WEEKDAY = 12
_RECENT = 366 * DAY
_LEAST_SHARE_OF_SESSIONS = 0.5
_LEAST_SHARE_OF_DAYS = 1 / 3
# A time that many days have may be missing by chance on a weekday: in some of its sessions, or in
# all of a few.
_LEAST_SHARE_IN_PAUSE = 0.25
_FEW_SESSIONS = 6
_LEAST_SHARE_OF_WEEKDAY = 0.2
_WORKING_DAYS = frozenset(range(5))
# From a Monday to the Friday of the last week.
_LEAST_DAYS = 7 * LEAST_WEEKS - 2

Bars = tuple[npt.NDArray[np.int64], ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The last year of a series by days and times of day.

    Args:
        days: `(rows,)`, days since Monday, 5 January 1970.
        times_of_day: `(rows,)`, microseconds after local midnight.
    """

    days: Indices
    times_of_day: Indices

    @classmethod
    def of(cls, local: Times) -> "_Rows":
        since_origin = (local[local > local[-1] - _RECENT] - ORIGIN).astype(np.int64)
        return cls(since_origin // DAY_MICROSECONDS, since_origin % DAY_MICROSECONDS)

    @property
    def common_times(self) -> Indices:
        """The times of day that a third of the last days have."""
        recent = self.days > self.days[-1] - 7 * _RECENT_SESSIONS_OF_WEEKDAY
        found, counts = np.unique(self.times_of_day[recent], return_counts=True)
        days = len(np.unique(self.days[recent]))
        return np.asarray(found[counts >= _LEAST_SHARE_OF_DAYS * days])

    def recent_on(self, weekday: int) -> "_Rows":
        """The last sessions of a weekday; of all weekdays, if it has none."""
        of_weekday = self.days % 7 == weekday
        days = self.days[of_weekday] if of_weekday.any() else self.days
        first = np.unique(days)[-_RECENT_SESSIONS_OF_WEEKDAY:][0]
        chosen = (self.days >= first) & (of_weekday | (not of_weekday.any()))
        return _Rows(self.days[chosen], self.times_of_day[chosen])


def learn_usual_bars(local: Times, cadence: Cadence) -> tuple[Bars, bool]:
    """The usual times of each weekday's rows, and whether they are unsure.

    A usual weekday had, in the series' last year, at least a fifth of the sessions of the
    weekday with the most; if the rows span less than two weeks, Monday to Friday are usual too.
    A usual time was there in at least half of the weekday's last 12 sessions, as far as the
    series covers them: the first and the last session are often incomplete.

    Hours that fewer than 3 whole weeks show are unsure: then the times of the working days are
    learnt together, and times that were never covered are open (`unproven_bars`).

    Args:
        local: `(rows,)` of `datetime64[us]`, local times, increasing.
        cadence: The step within a session, or a day.

    Returns:
        For each weekday from Monday, microseconds after midnight, increasing; and the doubt.
    """
    intraday = not cadence.counts_days and DAY_MICROSECONDS % cadence.count == 0
    unsure = _days(local) < _LEAST_DAYS
    if intraday and unsure and DAY_MICROSECONDS // cadence.count <= MOST_SLOTS:
        return unproven_bars(local, cadence.count), True
    rows = _Rows.of(local)
    common = rows.common_times
    bars = [np.empty(0, dtype=np.int64)] * 7
    for weekday in _usual_weekdays(np.unique(rows.days)):
        recent = rows.recent_on(weekday)
        daily = cadence.counts_days
        bars[weekday] = _commonest_bar(recent) if daily else _common(recent, rows, common, cadence)
    return tuple(bars), unsure and not cadence.counts_days


def _days(local: Times) -> int:
    """Days from the first row to the last one, both of them included."""
    first, last = ((local[[0, -1]] - ORIGIN) // DAY).tolist()
    return int(last - first + 1)


def _usual_weekdays(days: Indices) -> set[int]:
    sessions = np.bincount(days % 7, minlength=7)
    usual = set(np.flatnonzero(sessions >= _LEAST_SHARE_OF_WEEKDAY * sessions.max()).tolist())
    usual = {weekday for weekday in usual if sessions[weekday]}
    return usual | _WORKING_DAYS if days[-1] - days[0] < 14 else usual


def _common(recent: _Rows, rows: _Rows, common: Indices, cadence: Cadence) -> npt.NDArray[np.int64]:
    days = np.unique(recent.days)
    found, counts = np.unique(recent.times_of_day, return_counts=True)
    covered = np.full(len(found), len(days))
    covered -= (days[0] == rows.days[0]) & (found < rows.times_of_day[0])
    covered -= (days[-1] == rows.days[-1]) & (found > rows.times_of_day[-1])
    # If no time of day is that common, use the most frequent ones.
    usual = found[counts >= np.minimum(_LEAST_SHARE_OF_SESSIONS * covered, counts.max())]
    candidates = np.setdiff1d(common, usual)
    if len(days) >= _FEW_SESSIONS:
        enough = found[counts >= _LEAST_SHARE_IN_PAUSE * covered]
        candidates = np.intersect1d(candidates, enough)
    beside = candidates[_distance(candidates, usual) < SHORT_PAUSE]
    return np.union1d(usual, _short_runs(candidates, beside, cadence.count))


def _distance(times_of_day: Indices, usual: Indices) -> Indices:
    """The distance of each time from the nearest usual one, in microseconds."""
    after = np.searchsorted(usual, times_of_day)
    before, later = usual[np.maximum(after - 1, 0)], usual[np.minimum(after, len(usual) - 1)]
    nearest: Indices = np.minimum(np.abs(times_of_day - before), np.abs(later - times_of_day))
    return nearest


def _short_runs(times_of_day: Indices, chosen: Indices, step: int) -> Indices:
    """The chosen times that are in runs of a few minutes.

    A market with few trades has gaps of that length.
    """
    if len(chosen) == 0:
        return chosen
    runs = np.cumsum(np.diff(times_of_day, prepend=times_of_day[0]) > step)
    is_short = np.bincount(runs)[runs] * step < SHORT_PAUSE
    return np.intersect1d(chosen, times_of_day[is_short])


def _commonest_bar(recent: _Rows) -> npt.NDArray[np.int64]:
    found, counts = np.unique(recent.times_of_day, return_counts=True)
    return found[[np.argmax(counts)]]
