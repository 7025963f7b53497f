"""The usual times of a series' rows, by the calendar that forecasts use."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.cadence import DAY, Cadence
from models.calendars.calendar import CALENDARS, Calendar, Continuous, Sessions, learn_calendar
from models.calendars.exchange import Exchange
from models.calendars.exchange_bars import DailyBars
from models.calendars.exchange_hours import CLOSE, OPEN, PAUSE, RESUME, Hours
from models.calendars.timezones import to_local
from models.calendars.unproven_hours import MOST_SLOTS, SHORT_PAUSE

Mask = npt.NDArray[np.bool_]

# The rows show a grid if at least this share of them lies on it.
_ON_GRID = 0.9
# And hours if at least this share lies within them: a market with few trades has no usual minutes.
_IN_HOURS = 0.98
LEAST_ROWS = 10
# Weekdays without rows are closed only after several whole weeks.
_WHOLE_WEEKS = 21 * DAY


@dataclass(frozen=True, slots=True)
class BrokenRules:
    """Which of some times are while the calendar is closed, and which are between its steps."""

    closed: Mask
    off_grid: Mask


@dataclass(frozen=True, slots=True)
class UsualTimes:
    """What a series' rows show of their times.

    Args:
        calendar: The calendar that forecasts learn from these rows; None for too few rows.
        has_grid: Whether rows lie on its steps.
        has_hours: Whether several whole weeks show when it is closed.
        least_step: Rows closer to each other are finer than the cadence, in microseconds.
        rows: The number of rows that this was learnt from.
    """

    calendar: Calendar | None
    has_grid: bool
    has_hours: bool
    least_step: int | None
    rows: int

    @classmethod
    def of(
        cls, times: Times, cadence: str | None, calendar: str, timezone: str, hours: Hours | None
    ) -> Self:
        """What rows in the order of time show."""
        if cadence is None or len(times) < LEAST_ROWS:
            return cls(None, has_grid=False, has_hours=False, least_step=None, rows=len(times))
        step = Cadence.parse(cadence)
        # Sessions of milliseconds have too many rows to be listed.
        is_listed = step.approximate_seconds * MOST_SLOTS >= DAY / np.timedelta64(1, "s")
        is_known = calendar in CALENDARS or hours is not None
        kind = calendar if is_listed and is_known else "continuous"
        learnt = learn_calendar(times, step, kind, timezone, hours)
        broken = _broken(learnt, times)
        return cls(
            learnt,
            has_grid=_is_exact(learnt) and bool(broken.off_grid.mean() <= 1 - _ON_GRID),
            has_hours=_is_proven(learnt, times) and bool(broken.closed.mean() <= 1 - _IN_HOURS),
            least_step=_least_step(times, step),
            rows=len(times),
        )

    @property
    def size_bytes(self) -> int:
        """About how much memory the calendar takes."""
        if isinstance(self.calendar, Sessions):
            return sum(bars.nbytes for bars in self.calendar.bars)
        return 3 * self.calendar.hours.marks.nbytes if isinstance(self.calendar, Exchange) else 0

    def next_times(self, last: int, count: int) -> frozenset[int]:
        """The next times on the grid, which are always expected, in microseconds."""
        if self.calendar is None or not self.has_grid:
            return frozenset()
        found = self.calendar.future(np.datetime64(last, "us"), count)
        return frozenset(found.astype(np.int64).tolist())

    def is_far_enough(self, time: int, last: int) -> bool:
        """Whether the time of a row without a grid and hours is usual, from its distance alone."""
        if self.has_grid or self.has_hours:
            return False
        return self.least_step is None or time - last >= self.least_step

    def broken_by(self, times: Times) -> BrokenRules:
        """Which times break the rules that the rows have shown."""
        nothing = np.zeros(len(times), bool)
        if self.calendar is None or not (self.has_grid or self.has_hours):
            return BrokenRules(nothing, nothing)
        broken = _broken(self.calendar, times)
        return BrokenRules(
            broken.closed if self.has_hours else nothing,
            broken.off_grid if self.has_grid else nothing,
        )

    def finer(self, times: Times, last: int, off_grid: Mask) -> Mask:
        """Which times are closer to the row before than rows are, and add no row to the grid."""
        if self.least_step is None:
            return np.zeros(len(times), bool)
        before = np.concatenate([np.array([last]).view("datetime64[us]"), times[:-1]])
        steps = (times - before).astype(np.int64)
        closer = (steps > 0) & (steps < self.least_step)
        if self.has_grid:
            return np.asarray(closer & off_grid)
        if isinstance(self.calendar, Continuous) and self.calendar.rounds:
            closer &= self.calendar.nearest(times) == self.calendar.nearest(before)
        return np.asarray(closer)


def _broken(calendar: Calendar, times: Times) -> BrokenRules:
    """Times between the steps of a calendar, and times far from all of them."""
    if isinstance(calendar, Continuous):
        return BrokenRules(np.zeros(len(times), bool), calendar.nearest(times) != times)
    places = calendar.index_at_or_before(times)
    before, after = calendar.labels(places), calendar.labels(places + 1)
    if calendar.cadence.counts_days:
        zone = _zone_of_days(calendar)
        day, earlier, later = (
            to_local(each, zone).astype("datetime64[D]") for each in (times, before, after)
        )
        closed = np.asarray((day != earlier) & (day != later))
        return BrokenRules(closed, np.asarray((before != times) & ~closed))
    step = calendar.cadence.count
    since, until = (times - before).astype(np.int64), (after - times).astype(np.int64)
    closed = (since > step) & (until > step) & (since + until > max(step, SHORT_PAUSE))
    if isinstance(calendar, Exchange):
        closed &= ~_in_session(calendar.hours, times)
    return BrokenRules(closed, ~closed & (since % step != 0) & (until % step != 0))


def _in_session(hours: Hours, times: Times) -> Mask:
    """Which times are in an exchange's hours, even if few of its sessions have a row there."""
    wide, _ = hours.reaching(times.min(), times.max())
    marks = wide.marks[wide.session_of(times)]
    pausing = (times > marks[:, PAUSE]) & (times < marks[:, RESUME])
    return np.asarray((times >= marks[:, OPEN]) & (times <= marks[:, CLOSE]) & ~pausing)


def _zone_of_days(calendar: Sessions | Exchange) -> str:
    if isinstance(calendar, Exchange) and isinstance(calendar.bars, DailyBars):
        return calendar.bars.zone
    return calendar.timezone


def _is_exact(calendar: Calendar) -> bool:
    """Whether rows lie exactly on the steps, without a jitter."""
    return not (isinstance(calendar, Continuous) and calendar.rounds)


def _is_proven(calendar: Calendar, times: Times) -> bool:
    """Whether the hours in which the calendar is closed are certain."""
    if isinstance(calendar, Sessions):
        return not calendar.unsure and bool(times[-1] - times[0] >= _WHOLE_WEEKS)
    return isinstance(calendar, Exchange)


def _least_step(times: Times, step: Cadence) -> int | None:
    least = int(step.approximate_seconds * 1e6 / 2)
    closer = np.diff(times).astype(np.int64) < least
    return least if closer.mean() <= 1 - _ON_GRID else None
