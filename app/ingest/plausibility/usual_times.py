"""The usual times of a series' rows: their grid, and when the calendar is closed."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.cadence import DAY, DAY_MICROSECONDS, ORIGIN, Cadence
from models.calendars.exchange_bars import Bars, DailyBars, learn_bars
from models.calendars.exchange_hours import OPEN, PAUSE, RESUME, Hours
from models.calendars.timezones import to_local

Mask = npt.NDArray[np.bool_]

# The rows show a rule if at least this share of them keeps it.
_PROVEN = 0.9
_LEAST_ROWS = 10
# Weekdays and hours without rows are closed only after several whole weeks.
_WHOLE_WEEKS = 21 * DAY
# Rows may come this far ahead of the newest one before sessions are looked up again.
_AHEAD = 400 * DAY


class Rule(Protocol):
    """A rule that rows usually keep."""

    def broken_by(self, times: Times) -> Mask:
        """Which of the times break it."""
        ...


@dataclass(frozen=True, slots=True)
class UsualTimes:
    """The rules of a series' times that its recent rows prove; None where they do not.

    Args:
        grid: Rows lie on steps.
        opening: Rows lie in the hours of the calendar.
        least_step: Rows closer to each other are finer than the cadence.
    """

    grid: Rule | None
    opening: Rule | None
    least_step: np.timedelta64 | None

    @classmethod
    def of(
        cls, times: Times, cadence: str | None, calendar: str, timezone: str, hours: Hours | None
    ) -> Self:
        """The rules that rows in the order of time prove."""
        if cadence is None or len(times) < _LEAST_ROWS:
            return cls(None, None, None)
        step = Cadence.parse(cadence)
        grid: Rule = (
            LongSteps.learn(times, step, timezone)
            if step.counts_days
            else Phase(step.count, _most_common(_after_steps(times, step.count)))
        )
        return cls(
            grid if _keep(grid, times) else None,
            _opening(times, step, calendar, timezone, hours),
            _least_step(times, step),
        )


@dataclass(frozen=True, slots=True)
class Phase:
    """Rows at a fixed distance after whole steps of less than a day, in microseconds."""

    step: int
    after: int

    def broken_by(self, times: Times) -> Mask:
        """Which of the times lie between steps."""
        return np.asarray(_after_steps(times, self.step) != self.after)


@dataclass(frozen=True, slots=True)
class LongSteps:
    """Rows at the steps of days or longer, such as midnights or ends of months, by local time."""

    cadence: Cadence
    timezone: str
    after: int

    @classmethod
    def learn(cls, times: Times, cadence: Cadence, timezone: str) -> Self:
        """The steps that most rows lie on."""
        unshifted = cls(cadence, timezone, 0)
        return cls(cadence, timezone, _most_common(unshifted.after_points(times)))

    def after_points(self, times: Times) -> npt.NDArray[np.int64]:
        """Microseconds after the cadence's point at or before each time, by local time."""
        local = to_local(times, self.timezone)
        if self.cadence.unit == "B":
            # Whether weekends are closed is the calendar's question, not that of the grid.
            return np.asarray((local - local.astype("datetime64[D]")).astype(np.int64))
        points = self.cadence.labels(self.cadence.index_at_or_before(local))
        return np.asarray((local - points).astype(np.int64))

    def broken_by(self, times: Times) -> Mask:
        """Which of the times lie between steps."""
        return np.asarray(self.after_points(times) != self.after)


@dataclass(frozen=True, slots=True)
class SessionDays:
    """Rows of whole days on the session days of an exchange."""

    bars: DailyBars
    hours: Hours

    def broken_by(self, times: Times) -> Mask:
        """Which of the times belong to a day without a session."""
        on_label = np.isin(times, self.bars.label(self.hours))
        days = to_local(times, self.bars.zone).astype("datetime64[D]")
        return np.asarray(~on_label & ~np.isin(days, self.hours.dates))


@dataclass(frozen=True, slots=True)
class SessionHours:
    """Rows within the sessions of an exchange; `early` and `late` are distances from its hours."""

    hours: Hours
    early: np.timedelta64
    late: np.timedelta64

    def broken_by(self, times: Times) -> Mask:
        """Which of the times lie outside of every session."""
        marks = self.hours.marks[self.hours.session_of(times)]
        opens, closes = marks[:, OPEN] - self.early, marks[:, -1] + self.late
        pausing = (times > marks[:, PAUSE] + self.late) & (times < marks[:, RESUME] - self.early)
        return np.asarray((times < opens) | (times > closes) | pausing)


@dataclass(frozen=True, slots=True)
class UsualWeek:
    """Rows within the hours of each weekday that the rows show, by local time.

    Args:
        timezone: IANA name of the zone.
        first: For each weekday from Monday, microseconds after midnight; none on closed days.
        last: The same for the last row.
    """

    timezone: str
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]

    @classmethod
    def learn(cls, times: Times, step: Cadence, timezone: str) -> Self:
        """The hours of the weekdays, one step wider than the rows."""
        days, after = _days_and_clock(times, timezone)
        margin = 0 if step.counts_days else step.count
        first, last = np.full(7, DAY_MICROSECONDS), np.full(7, -1)
        for weekday in np.unique(days % 7):
            here = after[days % 7 == weekday]
            first[weekday], last[weekday] = here.min() - margin, here.max() + margin
        if step.counts_days:
            first[last >= 0], last[last >= 0] = 0, DAY_MICROSECONDS
        return cls(timezone, first, last)

    def broken_by(self, times: Times) -> Mask:
        """Which of the times lie on a closed day or outside of its hours."""
        days, after = _days_and_clock(times, self.timezone)
        weekdays = days % 7
        return np.asarray((after < self.first[weekdays]) | (after > self.last[weekdays]))


def _opening(
    times: Times, step: Cadence, calendar: str, timezone: str, hours: Hours | None
) -> Rule | None:
    if step.approximate_seconds > Cadence("B", 1).approximate_seconds:
        return None
    rule: Rule | None = None
    if hours is not None:
        rule = _exchange_rule(times, step, timezone, hours)
    elif calendar == "sessions" and times[-1] - times[0] >= _WHOLE_WEEKS:
        rule = UsualWeek.learn(times, step, timezone)
    return rule if rule is not None and _keep(rule, times) else None


def _exchange_rule(times: Times, step: Cadence, timezone: str, hours: Hours) -> Rule:
    wide, _ = hours.since(times[0]).reaching(times[0], times[-1] + _AHEAD)
    bars: Bars = learn_bars(times, step, wide, timezone)
    if isinstance(bars, DailyBars):
        return SessionDays(bars, wide)
    after_open = bars.of(bars.usual)
    late = max(int(after_open.max()) - bars.usual[-1], 0) + step.count
    early = max(-int(after_open.min()), 0) + step.count
    return SessionHours(wide, np.timedelta64(early, "us"), np.timedelta64(late, "us"))


def _least_step(times: Times, step: Cadence) -> np.timedelta64 | None:
    least = np.timedelta64(int(step.approximate_seconds * 1e6 / 2), "us")
    closer = np.diff(times) < least
    return least if closer.mean() <= 1 - _PROVEN else None


def _keep(rule: Rule, times: Times) -> bool:
    return bool(rule.broken_by(times).mean() <= 1 - _PROVEN)


def _after_steps(times: Times, step: int) -> npt.NDArray[np.int64]:
    return np.asarray((times - ORIGIN).astype(np.int64) % step)


def _days_and_clock(
    times: Times, timezone: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Days since a Monday and microseconds after midnight, by local time."""
    since = (to_local(times, timezone) - ORIGIN).astype(np.int64)
    return since // DAY_MICROSECONDS, since % DAY_MICROSECONDS


def _most_common(numbers: npt.NDArray[np.int64]) -> int:
    found, counts = np.unique(numbers, return_counts=True)
    return int(found[np.argmax(counts)])
