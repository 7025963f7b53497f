"""Findings about times without an offset: which clock and which end of an interval they show."""

import re
from collections.abc import Sequence

import numpy as np

from app.parsing.clocks.utc import UtcTimes
from app.parsing.options import ReadOptions
from app.parsing.rows import CheckedRows
from app.parsing.times.exchange_clocks import exchanges_with_hours
from app.parsing.times.fields import Integers
from app.parsing.times.timestamps import Moments
from app.parsing.times.zone_names import says_local
from app.parsing.times.zone_proof import HOUR, changes_in_local_times

DAY = 24 * HOUR
END_NAME = re.compile(
    r"(hour|hr|period|interval|time|date).?(end|ending)|(end|ending).?(time|date)|\bhe\b|zeitende|bis"
)
MOST_SHOWN = 5
# More rows at week-ends are those of a market that does not close.
MOST_AT_WEEKENDS = 0.01


def report_naive_times(
    moments: Moments, utc: UtcTimes, names: Sequence[str], options: ReadOptions, rows: CheckedRows
) -> None:
    """Report what the times and the names of their columns say about their clock.

    Args:
        moments: The times as they are written.
        utc: The same in UTC.
        names: The columns of the time.
        options: What the sender says.
        rows: Receives the findings.
    """
    if not utc.naive.any():
        return
    is_known = utc.is_named or options.zone != "UTC" or options.timezone is not None
    local = [name for name in names if says_local(name)]
    wall = moments.times[utc.naive]
    is_reported = _report_clock_changes(wall, utc, options, rows)
    if local and not is_known and not is_reported:
        message = (
            f"The column {local[0]!r} holds local times, and the file does not name their zone: "
            "they were read as UTC. Name the zone with `timezone=`, for example "
            "`timezone=Europe/Berlin`."
        )
        rows.findings.report("zone_unknown", message, len(wall))


def _report_clock_changes(
    wall: Integers, utc: UtcTimes, options: ReadOptions, rows: CheckedRows
) -> bool:
    """Report hours that are missing and repeated as on the clock of another zone."""
    if options.times == "end" or utc.by_row:
        return False
    changes = changes_in_local_times(np.sort(wall, kind="stable"), utc.zone)
    if changes is None:
        return False
    message = (
        f"{len(changes.rows)} hours are missing or repeated where clocks change, but not those of "
        f"{utc.zone}, in which the times were read. If they are local times, upload the file into "
        f"a new series with {changes.remedy}."
    )
    rows.findings.report("zone_disagrees", message, len(changes.rows))
    return True


def report_interval_ends(
    names: Sequence[str], count: int, rows: CheckedRows, *, hours_to_24: bool = False
) -> None:
    """Report a column called hour ending, or hours that are numbered 1 to 24.

    Args:
        names: The columns of the time.
        count: The number of times.
        rows: Receives the finding.
        hours_to_24: Whether they have the hours 1 to 24.
    """
    ending = [name for name in names if END_NAME.search(name.lower())] or [*names[-1:]]
    if hours_to_24 or END_NAME.search(ending[0].lower()):
        message = (
            f"The column {ending[0]!r} seems to hold the ends of intervals: they were kept as the "
            "rows' times. Add `times=end` to store each row at the beginning of its interval, or "
            "`times=start` if they are beginnings."
        )
        rows.findings.report("interval_ends", message, count)


def report_exchange_clock(
    kind: str, utc: UtcTimes, options: ReadOptions, rows: CheckedRows
) -> None:
    """Report bars within the day whose times have no offset, with the exchanges they may be of."""
    asked = options.timezone is not None or options.zone != "UTC" or utc.is_named
    if kind != "ohlc" or asked or not utc.naive.any():
        return
    times = utc.times[utc.naive]
    steps = np.abs(np.diff(times))
    if not len(steps) or not 0 < np.median(steps) < DAY / 2:
        return
    weekdays = (times // DAY + 3) % 7
    names = exchanges_with_hours(times) if np.mean(weekdays >= 5) <= MOST_AT_WEEKENDS else []
    fitting = "; ".join(names[:MOST_SHOWN])
    message = (
        "The times of the bars have no offset and were read as UTC. If they are those of an "
        "exchange's clock, name its zone with `timezone=`"
        + (f". Their hours fit {fitting}." if fitting else ", for example America/New_York.")
    )
    rows.findings.report("zone_unknown", message, len(times))
