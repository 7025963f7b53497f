"""Wall-clock times of a file to UTC: hours that come twice are told apart by their order."""

from dataclasses import dataclass

import numpy as np

from app.parsing.lines import Mask
from app.parsing.times.fields import Integers
from models.arrays import Times
from models.calendars.timezones import to_local, to_utc


@dataclass(frozen=True, slots=True)
class Localised:
    """Times in UTC, and what clock changes made of them.

    Args:
        times: Microseconds since 1970, UTC.
        repeated: Rows in an hour that comes twice, resolved by their order.
        unclear: Rows in an hour that comes twice, with no order that tells which.
        skipped: Rows at a time that no clock showed.
    """

    times: Integers
    repeated: Mask
    unclear: Mask
    skipped: Mask


def localise(wall: Integers, timezone: str) -> Localised:
    """Read wall-clock times, in the order of the file, in a time zone."""
    local = wall.view("datetime64[us]")
    first = to_utc(local, timezone)
    skipped = to_local(first, timezone) != local
    second = _second_occurrence(first, local, timezone)
    twice = (second != first) & ~skipped
    is_second, unclear = _by_order(wall, twice)
    times = np.where(is_second, second, first).view(np.int64)
    return Localised(times, twice & ~unclear, unclear, skipped)


def _second_occurrence(first: Times, local: Times, timezone: str) -> Times:
    """The later moment at which a clock shows the same; the same moment for most times."""
    second = first.copy()
    for minutes in (30, 60, 120):
        later = first + np.timedelta64(minutes, "m")
        second = np.where(to_local(later, timezone) == local, later, second)
    return second


def _by_order(wall: Integers, twice: Mask) -> tuple[Mask, Mask]:
    """In each run of repeated hours: rows after the clock went back are the second ones."""
    is_second = np.zeros(len(wall), dtype=bool)
    unclear = np.zeros(len(wall), dtype=bool)
    places = np.flatnonzero(twice)
    descending = len(wall) > 1 and np.median(np.diff(wall)) < 0
    for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) if len(places) else []:
        steps = -np.diff(wall[run]) if descending else np.diff(wall[run])
        # Hourly rows only stand still: 02:00, 02:00. Finer ones step back.
        back = np.flatnonzero(steps < 0) if (steps < 0).any() else np.flatnonzero(steps == 0)
        if len(back) != 1:
            unclear[run] = True
        elif descending:
            is_second[run[: back[0] + 1]] = True
        else:
            is_second[run[back[0] + 1 :]] = True
    return is_second, unclear
