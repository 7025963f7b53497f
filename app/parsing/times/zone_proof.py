"""Find the zone whose clock changes explain offsets, or gaps and repetitions of local times."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import available_timezones

import numpy as np

from app.parsing.lines import Mask
from app.parsing.times.fields import Integers
from app.parsing.times.zone_names import PRINCIPAL, names_of
from models.arrays import Times
from models.calendars.timezones import to_local, to_utc

HOUR = 3_600_000_000
# Moments that are compared with every zone: more of them would be looked up by whole days.
SAMPLE = 60
YEAR = 365 * 24 * HOUR
DAY = 24 * HOUR
LEAST_FITTING = 0.5
# With more gaps and repetitions, an hour that is missing proves nothing.
MOST_IN_YEAR = 200
MOST_SHOWN = 3


def zone_of_offsets(times: Integers, offsets: Integers) -> str | None:
    """The zone that had these offsets at these moments, if they differ; else None.

    Args:
        times: Microseconds since 1970, UTC.
        offsets: The offset from UTC at each, in microseconds.
    """
    order = np.argsort(times, kind="stable")
    times, offsets = times[order], offsets[order]
    changes = np.flatnonzero(np.diff(offsets))
    if not len(changes):
        return None
    borders = np.unique(np.concatenate([changes, changes + 1]))
    places = np.concatenate([_sample(borders), _sample(np.arange(len(times)))])
    moments, wanted = times[places].view("datetime64[us]"), offsets[places]
    zone = next((one for one in _all_zones() if (offsets_in(moments, one) == wanted).all()), None)
    fits = zone and (offsets_in(times.view("datetime64[us]"), zone) == offsets).all()
    return zone if fits else None


def _sample(places: Integers) -> Integers:
    """At most half of `SAMPLE` places, evenly spread."""
    count = min(SAMPLE // 2, len(places))
    return places[np.linspace(0, len(places) - 1, count).astype(np.int64)]


def constant_zone(times: Integers, offset: int) -> str | None:
    """A zone without clock changes in these years that has an offset."""
    first, last = int(times.min()), int(times.max())
    moments = np.linspace(first, last + YEAR, SAMPLE).astype(np.int64).view("datetime64[us]")
    fits = (zone for zone in PRINCIPAL if (offsets_in(moments, zone) == offset).all())
    return next(fits, None)


def offsets_in(moments: Times, zone: str) -> Integers:
    """A zone's offsets from UTC at some moments, in microseconds."""
    return (to_local(moments, zone) - moments).astype(np.int64)


@lru_cache(maxsize=1)
def _all_zones() -> tuple[str, ...]:
    others = sorted(name for name in available_timezones() - {*PRINCIPAL} if "/" in name)
    return (*PRINCIPAL, *others)


def has_changes(zone: str) -> bool:
    """Whether the clocks of a zone change in a year."""
    return len(set(names_of(zone).values())) > 1 or len(_yearly_offsets(zone)) > 1


@lru_cache(maxsize=256)
def _yearly_offsets(zone: str) -> frozenset[int]:
    months = np.datetime64("2023-01-15", "us") + np.arange(12) * np.timedelta64(30, "D")
    return frozenset(offsets_in(months, zone).tolist())


@dataclass(frozen=True, slots=True)
class ClockChanges:
    """Clock changes that local times show.

    Args:
        starts: Zones whose changes these are if each time begins its interval.
        ends: Zones whose changes these are if each time ends its interval.
        rows: The rows before the hours that are missing, and the first of the repeated ones.
    """

    starts: tuple[str, ...]
    ends: tuple[str, ...]
    rows: Integers

    @property
    def remedy(self) -> str:
        """The parameters that would read the times rightly."""
        begin = f"{shown(self.starts)}" if self.starts else ""
        end = f"`times=end` and {shown(self.ends)}" if self.ends else ""
        return ", or, if each time ends its interval, ".join(one for one in (begin, end) if one)


def changes_in_local_times(wall: Integers, known: str) -> ClockChanges | None:
    """The clock changes that regular local times show by an hour that is missing or repeated.

    Args:
        wall: Local times in microseconds, increasing, repetitions included.
        known: The zone in which they are read: None is returned if it explains the hours.
    """
    steps = np.diff(wall)
    step = int(np.median(steps[:: max(len(steps) // 10_000, 1)])) if len(steps) else 0
    if not 0 < step <= HOUR:
        return None
    gaps, repeated = np.flatnonzero(steps == step + HOUR), np.flatnonzero(steps == 0)
    years = max(round(float((wall[-1] - wall[0]) / YEAR)), 1)
    if not 0 < len(gaps) + len(repeated) <= MOST_IN_YEAR * years:
        return None
    explained = {
        (zone, back): _explained(wall, gaps, repeated, zone, step=step, back=back)
        for zone in dict.fromkeys((known, *PRINCIPAL))
        if has_changes(zone)
        for back in (0, step)
    }
    most = max(len(rows) for rows in explained.values())
    days = len(gaps) + len(np.unique(wall[repeated] // DAY))
    if 2 * most < years or most < LEAST_FITTING * days:
        return None
    if len(explained.get((known, 0), ())) == most:
        return None
    best = [key for key, rows in explained.items() if len(rows) == most]
    starts = tuple(zone for zone, back in best if not back)[:MOST_SHOWN]
    ends = tuple(zone for zone, back in best if back)[:MOST_SHOWN]
    return ClockChanges(starts, ends, explained[best[0]])


def _explained(
    wall: Integers, gaps: Integers, repeated: Integers, zone: str, *, step: int, back: int
) -> Integers:
    """The rows before gaps, and the first repeated ones of a day, that a zone's changes explain."""
    missing, twice = wall[gaps] + step - back, wall[repeated] - back
    is_skipped = _is_skipped(missing, zone) & ~_is_skipped(missing - step, zone)
    days = wall[repeated] // DAY
    # All repetitions of a day belong to one change.
    is_change = ~np.isin(days, np.unique(days[~_is_twice(twice, zone)]))
    first = is_change & _first_of_runs(days)
    return np.sort(np.concatenate([gaps[is_skipped], repeated[first]]))


def _first_of_runs(numbers: Integers) -> Mask:
    return np.append(True, np.diff(numbers) != 0)[: len(numbers)]


def _is_skipped(wall: Integers, zone: str) -> Mask:
    local = wall.view("datetime64[us]")
    return np.asarray(to_local(to_utc(local, zone), zone) != local)


def _is_twice(wall: Integers, zone: str) -> Mask:
    local = wall.view("datetime64[us]")
    later = to_utc(local, zone) + np.timedelta64(HOUR, "us")
    return np.asarray(to_local(later, zone) == local)


def shown(zones: Iterable[str]) -> str:
    """Zones as values of the parameter."""
    return " or ".join(f"`timezone={zone}`" for zone in zones)
