"""Find hours that are missing where clocks change, as opposed to ordinary gaps."""

import numpy as np
import numpy.typing as npt

from app.quality.sample import EXAMPLES, Finding, Integers, Sample
from models.arrays import Times
from models.calendars.timezones import to_local, to_utc

HOUR = np.timedelta64(3_600_000_000, "us")
YEAR = np.timedelta64(365, "D")
# Zones whose clocks go forward at different local times, for times that were read in a zone without
# clock changes although they were written by a clock that changes.
CLOCKS = (
    *("Europe/Berlin", "Europe/London", "Europe/Helsinki", "America/New_York"),
    *("Australia/Sydney", "Pacific/Auckland", "America/Santiago", "Asia/Tehran"),
)
_MOST_STEPS = 10_000


def clock_change_findings(sample: Sample) -> list[Finding]:
    """A finding if an hour is missing where clocks change."""
    zone, rows = rows_before_changes(sample.times, sample.timezone)
    if not len(rows):
        return []
    times = len(rows)
    if zone == sample.timezone:
        message = f"An hour is missing at {times} clock changes of {zone}."
    else:
        message = (
            f"An hour is missing at {times} moments at which clocks go forward in {zone}: the "
            f"times look like those of such a clock and were read as {sample.timezone}. If they "
            f"are, upload the file into a new series with `timezone={zone}`."
        )
    places = tuple((int(row), None) for row in rows[:EXAMPLES])
    return [Finding("clock_changes", message, times, places)]


def rows_before_changes(times: Times, timezone: str) -> tuple[str, Integers]:
    """The zone whose clocks explain missing hours, and the rows before these hours.

    Without such hours, `timezone` and an empty array.
    """
    nothing = timezone, np.empty(0, dtype=np.int64)
    steps = np.diff(times)
    if not len(steps):
        return nothing
    sample = steps[:: max(len(steps) // _MOST_STEPS, 1)].astype(np.int64)
    usual = np.timedelta64(int(np.median(sample)), "us")
    if not np.timedelta64(0, "us") < usual <= HOUR:
        return nothing
    rows = np.flatnonzero(steps == usual + HOUR)
    if not len(rows):
        return nothing
    inside = rows[_changes_inside(times[rows], usual + HOUR, timezone)]
    if len(inside) or _has_changes(times, timezone):
        return timezone, inside
    found = {zone: rows[_was_skipped(times[rows] + usual, zone)] for zone in CLOCKS}
    zone = max(found, key=lambda one: len(found[one]))
    years = max(round(float((times[-1] - times[0]) / YEAR)), 1)
    return (zone, found[zone]) if 2 * len(found[zone]) >= years else nothing


def _changes_inside(starts: Times, length: np.timedelta64, timezone: str) -> npt.NDArray[np.bool_]:
    return np.asarray(to_local(starts + length, timezone) - to_local(starts, timezone) != length)


def _has_changes(times: Times, timezone: str) -> bool:
    """Whether the zone changes its clocks within the first and the last year."""
    months = np.arange(12) * np.timedelta64(30, "D")
    probes = np.concatenate([times[0] + months, times[-1] - months])
    return len(np.unique(to_local(probes, timezone) - probes)) > 1


def _was_skipped(local: Times, zone: str) -> npt.NDArray[np.bool_]:
    """Whether no clock of a zone showed these times: a conversion to UTC and back changes them."""
    return np.asarray(to_local(to_utc(local, zone), zone) != local)
