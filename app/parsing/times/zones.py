"""Convert wall-clock times to UTC; hours that occur twice are resolved by marks or by order."""

from dataclasses import dataclass

import numpy as np

from app.parsing.lines import Mask
from app.parsing.times.fields import Integers
from models.arrays import Times
from models.calendars.cadence import DAY_MICROSECONDS
from models.calendars.timezones import to_local, to_utc

# Which of two equal hours a row's mark means.
UNMARKED, FIRST, SECOND = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Localised:
    """Times in UTC, and the rows that clock changes affect.

    Args:
        times: Microseconds since 1970, UTC.
        repeated: Rows in an hour that occurs twice, resolved by marks or by their order.
        unclear: Rows in an hour that occurs twice, whose order does not show which one it is, and
            rows with a mark at a time that does not.
        skipped: Rows at a time that no clock showed.
    """

    times: Integers
    repeated: Mask
    unclear: Mask
    skipped: Mask


def localise(wall: Integers, timezone: str, occurrence: Integers | None = None) -> Localised:
    """Convert wall-clock times of a time zone, given in the order of the file.

    Args:
        wall: Local times in microseconds.
        timezone: IANA name of their zone.
        occurrence: What marks of the rows mean; rows without one on a day with marks are the first.
    """
    local = wall.view("datetime64[us]")
    first = to_utc(local, timezone)
    skipped = to_local(first, timezone) != local
    second = _second_occurrence(first, local, timezone)
    twice = (second != first) & ~skipped
    is_second, unclear = _by_order(wall, twice)
    if occurrence is not None:
        marked = np.isin(wall // DAY_MICROSECONDS, wall[occurrence != UNMARKED] // DAY_MICROSECONDS)
        is_second = np.where(marked, (occurrence == SECOND) & twice, is_second)
        unclear = np.where(marked, (occurrence != UNMARKED) & ~twice, unclear)
    times = np.where(is_second, second, first).view(np.int64)
    return Localised(times, twice & ~unclear, unclear, skipped)


def _second_occurrence(first: Times, local: Times, timezone: str) -> Times:
    """The later moment at which clocks show the same time; for most times the same moment."""
    second = first.copy()
    for minutes in (30, 60, 120):
        later = first + np.timedelta64(minutes, "m")
        second = np.where(to_local(later, timezone) == local, later, second)
    return second


def _by_order(wall: Integers, twice: Mask) -> tuple[Mask, Mask]:
    """In each run of repeated hours, the rows after the clock went back are the second ones."""
    is_second = np.zeros(len(wall), dtype=bool)
    unclear = np.zeros(len(wall), dtype=bool)
    places = np.flatnonzero(twice)
    descending = len(wall) > 1 and np.median(np.diff(wall)) < 0
    for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) if len(places) else []:
        steps = -np.diff(wall[run]) if descending else np.diff(wall[run])
        # Hourly rows repeat a time (02:00, 02:00); rows with shorter steps go back in time.
        back = np.flatnonzero(steps < 0) if (steps < 0).any() else np.flatnonzero(steps == 0)
        if len(back) != 1:
            unclear[run] = True
        elif descending:
            is_second[run[: back[0] + 1]] = True
        else:
            is_second[run[back[0] + 1 :]] = True
    return is_second, unclear
