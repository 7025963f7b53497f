"""Find gaps in a series: steps longer than the usual one, or rows missing in sessions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.times import to_wire
from models.arrays import Times
from models.calendars.cadence import DAY, Cadence, CadenceEvidence, infer_cadence
from models.calendars.calendar import learn_calendar
from models.calendars.exchange import Exchange
from models.calendars.exchange_hours import Hours
from models.calendars.month_points import POINTS, month_numbers
from models.calendars.timezones import to_local

MICROSECONDS_PER_SECOND = 1_000_000
DAY_SECONDS = 86_400


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


def describe_gaps(times: Times, timezone: str, hours: Hours | None = None) -> Gaps:
    """Find the steps that are longer than the usual one.

    With the sessions of an exchange, only rows that are missing in sessions count, and the length
    of a gap is that of its missing rows and one step. Without them, nights, week-ends and holidays
    count as well.
    """
    evidence = infer_cadence(times, timezone)
    cadence = evidence.cadence
    if cadence is None:
        return Gaps(evidence, times[:0], np.empty(0))
    if hours is not None:
        calendar = learn_calendar(times, cadence, hours.code, timezone, hours)
        if isinstance(calendar, Exchange):
            return _gaps_in_sessions(times, calendar, evidence)
    steps = np.diff(times)
    is_gap = _is_longer(times, cadence, timezone)
    seconds = steps[is_gap].astype(np.int64) / MICROSECONDS_PER_SECOND
    return Gaps(evidence, times[:-1][is_gap], seconds)


def _gaps_in_sessions(times: Times, calendar: Exchange, evidence: CadenceEvidence) -> Gaps:
    steps = np.diff(calendar.index_at_or_before(times))
    is_gap = steps > 1
    step_seconds = min(calendar.cadence.approximate_seconds, DAY_SECONDS)
    return Gaps(evidence, times[:-1][is_gap], steps[is_gap] * step_seconds)


def readable(seconds: float) -> str:
    """A duration as text, such as `4 days 17:36:00`."""
    days, rest = divmod(round(seconds), 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} day{'' if days == 1 else 's'} {clock}" if days else clock


def _is_longer(times: Times, cadence: Cadence, timezone: str) -> npt.NDArray[np.bool_]:
    local = to_local(times, timezone) if cadence.counts_days else times
    if cadence.unit in POINTS:
        return np.asarray(np.diff(month_numbers(local)) > cadence.count)
    expected = local[:-1] + DAY if cadence.unit == "B" else cadence.add(local[:-1], 1)
    return np.asarray(local[1:] > expected)
