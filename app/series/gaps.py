"""Find gaps in a series: steps longer than the usual one, or rows missing in sessions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.series.storage import row_reader
from app.series.tables import Series
from app.times import to_wire
from models.arrays import Times
from models.calendars.cadence import (
    DAY_MICROSECONDS,
    Cadence,
    CadenceEvidence,
    evidence_of,
    infer_cadence,
)
from models.calendars.calendar import learn_calendar
from models.calendars.exchange import Exchange
from models.calendars.exchange_hours import Hours
from models.calendars.month_points import POINTS, month_numbers
from models.calendars.timezones import to_local
from models.calendars.weekdays import open_day_numbers, open_weekdays

MICROSECONDS_PER_SECOND = 1_000_000
DAY_SECONDS = 86_400
# Rows from which the week of a series is learnt.
LEARNT_ROWS = 20_000
# Rows whose usual step is shorter than this share of a day are not days.
FINER_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Gaps:
    """The usual step of a series and the longer ones.

    Args:
        evidence: The inferred cadence and how many steps agree with it.
        starts: Times of the rows before the gaps.
        seconds: The length of each gap.
    """

    evidence: CadenceEvidence
    starts: Times
    seconds: npt.NDArray[np.float64]

    @property
    def cadence(self) -> str | None:
        """The usual step as text."""
        return self.evidence.cadence.text if self.evidence.cadence else None

    def summary(self) -> dict[str, Any]:
        """The number of gaps and the longest one, for a report."""
        longest = float(self.seconds.max()) if len(self.seconds) else 0.0
        return {
            "count": len(self.seconds),
            "longest": readable(longest) if longest else None,
            "longest_seconds": longest,
        }

    def longest(self, count: int) -> list[dict[str, Any]]:
        """The longest gaps, longest first."""
        order = np.argsort(-self.seconds, kind="stable")[:count]
        return [
            {
                "after": to_wire(self.starts[place]),
                "length": readable(float(self.seconds[place])),
                "seconds": float(self.seconds[place]),
            }
            for place in order.tolist()
        ]


@dataclass(frozen=True, slots=True)
class Week:
    """The step of a series of days, and the weekdays on which it has rows, from Monday, 0."""

    cadence: Cadence
    weekdays: tuple[int, ...]


def learnt_week(session: Session, series: Series, added: Times) -> Week | None:
    """The week of a series, learnt from all of its rows; None if its rows are not days.

    Args:
        session: The transaction in which rows were added.
        series: The series.
        added: The rows that were added.
    """
    if series.cadence is None:
        return None
    cadence = Cadence.parse(series.cadence)
    if cadence not in (Cadence("B", 1), Cadence("us", DAY_MICROSECONDS)):
        return None
    if len(added) < series.rows:
        stored = row_reader.first_times(session, series.id, LEARNT_ROWS)
        added = stored.view("datetime64[us]")
    return Week(cadence, _open_weekdays(added, cadence, series.timezone))


def describe_gaps(
    times: Times, timezone: str, hours: Hours | None = None, week: Week | None = None
) -> Gaps:
    """Find the steps that are longer than the usual one.

    With the sessions of an exchange, only rows that are missing in sessions count, and the length
    of a gap is that of its missing rows and one step. The rows of a daily series are counted in the
    days that are open in its weeks: business days, or Monday to Saturday. In other series nights,
    week-ends and holidays count as well.

    Args:
        times: The rows.
        timezone: The zone in which days are counted.
        hours: The sessions of an exchange.
        week: What is known of the whole series, of which these rows may be few days. Rows closer
            together than days are described by themselves.
    """
    week = None if week is None or _are_finer(times) else week
    evidence = _evidence(times, timezone, week)
    cadence = evidence.cadence
    if cadence is None:
        return Gaps(evidence, times[:0], np.empty(0))
    if hours is not None:
        calendar = learn_calendar(times, cadence, hours.code, timezone, hours)
        if isinstance(calendar, Exchange):
            return _gaps_in_sessions(times, calendar, evidence)
    weekdays = week.weekdays if week else _open_weekdays(times, cadence, timezone)
    if len(weekdays) < 7:
        return _gaps_in_weeks(times, timezone, weekdays, evidence)
    steps = np.diff(times)
    is_gap = _is_longer(times, cadence, timezone, jittered=evidence.jitter_seconds > 0)
    seconds = steps[is_gap].astype(np.int64) / MICROSECONDS_PER_SECOND
    return Gaps(evidence, times[:-1][is_gap], seconds)


def _are_finer(times: Times) -> bool:
    steps = np.diff(times).astype(np.int64)
    return len(steps) > 0 and float(np.median(steps)) < FINER_SHARE * DAY_MICROSECONDS


def _evidence(times: Times, timezone: str, week: Week | None) -> CadenceEvidence:
    if week is None:
        return infer_cadence(times, timezone)
    return evidence_of(week.cadence, times, timezone)


def _gaps_in_sessions(times: Times, calendar: Exchange, evidence: CadenceEvidence) -> Gaps:
    steps = np.diff(calendar.index_at_or_before(times))
    is_gap = steps > 1
    step_seconds = min(calendar.cadence.approximate_seconds, DAY_SECONDS)
    return Gaps(evidence, times[:-1][is_gap], steps[is_gap] * step_seconds)


def _open_weekdays(times: Times, cadence: Cadence, timezone: str) -> tuple[int, ...]:
    """The weekdays on which rows are expected; all of them unless rows are days."""
    if cadence == Cadence("B", 1):
        return (0, 1, 2, 3, 4)
    if cadence != Cadence("us", DAY_MICROSECONDS):
        return tuple(range(7))
    return open_weekdays(to_local(times, timezone))


def _gaps_in_weeks(
    times: Times, timezone: str, weekdays: tuple[int, ...], evidence: CadenceEvidence
) -> Gaps:
    steps = np.diff(open_day_numbers(to_local(times, timezone), weekdays))
    is_gap = steps > 1
    return Gaps(evidence, times[:-1][is_gap], steps[is_gap] * float(DAY_SECONDS))


def readable(seconds: float) -> str:
    """A duration as text, such as `4 days 17:36:00`."""
    days, rest = divmod(round(seconds), 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} day{'' if days == 1 else 's'} {clock}" if days else clock


def _is_longer(
    times: Times, cadence: Cadence, timezone: str, *, jittered: bool
) -> npt.NDArray[np.bool_]:
    local = to_local(times, timezone) if cadence.counts_days else times
    if cadence.unit in POINTS:
        return np.asarray(np.diff(month_numbers(local)) > cadence.count)
    expected = cadence.add(local[:-1], 1)
    # A step of one and a half cadences is nearer to two than to one.
    late = np.timedelta64(cadence.count // 2 if jittered else 0, "us")
    return np.asarray(local[1:] > expected + late)
