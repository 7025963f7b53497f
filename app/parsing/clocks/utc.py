"""Convert the times of a file to UTC: by the clock it names, or by the zone that is given."""

from dataclasses import dataclass

import numpy as np

from app.parsing.clocks.clock_findings import (
    proven_zone,
    report_clock,
    report_difference,
    report_unusual_hours,
    zone_of_clock,
)
from app.parsing.clocks.file_clock import NO_CLOCK, FileClock
from app.parsing.clocks.repeated_hours import require_twice
from app.parsing.errors import OptionInvalid
from app.parsing.lines import Mask
from app.parsing.options import ReadOptions
from app.parsing.rows import CheckedRows
from app.parsing.times.fields import Integers
from app.parsing.times.timestamps import Moments
from app.parsing.times.zone_names import Clock
from app.parsing.times.zones import UNMARKED, Localised, localise
from models.arrays import Times
from models.calendars.cadence import Cadence, infer_cadence
from models.calendars.timezones import to_local

STEP_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class UtcTimes:
    """The times of all rows in UTC, the zone of the series they make, and what is known of it.

    Args:
        times: Microseconds since 1970, UTC.
        zone: The zone of days.
        naive: Rows whose time has no offset.
        is_named: Whether the file names the clock of these rows.
        by_row: Whether it names one for each row.
    """

    times: Integers
    zone: str
    naive: Mask
    is_named: bool
    by_row: bool = False


def in_utc(
    moments: Moments, clock: FileClock | None, options: ReadOptions, rows: CheckedRows
) -> UtcTimes:
    """The times in UTC; rows at times that no clock showed are quarantined.

    Raises:
        OptionInvalid: If `times=end` is asked for and the times have no step.
    """
    naive = moments.read & ~moments.has_offset
    step = _step(moments, options) if options.times == "end" else None
    times = moments.times.copy()
    if step and not naive.all():
        with_offset = moments.read & ~naive
        times[with_offset] = _earlier(times[with_offset], step)
    if not naive.any():
        zone = proven_zone(moments, times, options, rows)
        return UtcTimes(times, zone, naive, is_named=True)
    clock = clock if clock is None else _on_rows(clock, naive)
    marks = None if moments.occurrence is None else moments.occurrence[naive]
    local = _converted(moments.times[naive], clock, options, step, marks)
    if marks is not None:
        zone = clock.names if clock else options.zone
        usual = step or infer_cadence(_sample(moments)).cadence
        require_twice(moments.times[naive], marks, local, zone, usual)
    times[naive] = local.times
    report_unusual_hours(local, naive, clock.names if clock else options.zone, rows)
    if clock is None:
        return UtcTimes(times, options.zone, naive, is_named=False)
    if options.timezone is None:
        report_clock(clock, local.times, naive, options.zone, rows)
        zone = zone_of_clock(clock, local.times) or options.zone
        return UtcTimes(times, zone, naive, is_named=True, by_row=clock.codes is not None)
    named = _by_clock(moments.times[naive], clock, options).times
    wall = moments.times[naive]
    report_difference(clock, wall, named, naive=naive, zone=options.timezone, rows=rows)
    return UtcTimes(times, options.timezone, naive, is_named=True)


def _on_rows(clock: FileClock, rows: Mask) -> FileClock:
    if clock.codes is None:
        return clock
    return FileClock(clock.where, clock.texts, clock.clocks, clock.codes[rows])


def _step(moments: Moments, options: ReadOptions) -> Cadence:
    """The step by which `times=end` goes back."""
    cadence = infer_cadence(_sample(moments)).cadence
    if cadence is not None:
        return cadence
    if options.series_cadence:
        return Cadence.parse(options.series_cadence)
    message = "`times=end` needs times with a regular step, and these have none. Leave it out."
    raise OptionInvalid(message)


def _sample(moments: Moments) -> Times:
    return np.unique(moments.times[moments.read][:STEP_ROWS]).view("datetime64[us]")


def _earlier(times: Integers, step: Cadence) -> Integers:
    return step.add(times.view("datetime64[us]"), -1).view(np.int64)


def _converted(
    wall: Integers,
    clock: FileClock | None,
    options: ReadOptions,
    step: Cadence | None,
    marks: Integers | None,
) -> Localised:
    """Local times in UTC; ends of intervals go back by a step.

    An end is written as the beginning's local time and one step, or as the local time of the end
    itself: where clocks change, the reading with fewer unusable or irregular rows is taken.
    """
    if step is None:
        return _localised(wall, clock, options, marks)
    first = _localised(_earlier(wall, step), clock, options, marks)
    other = _localised(wall, clock, options, marks)
    moved = Localised(_earlier(other.times, step), other.repeated, other.unclear, other.skipped)
    return moved if _faults(moved, step) < _faults(first, step) else first


def _faults(local: Localised, step: Cadence) -> int:
    """Rows that cannot be used, and steps of other lengths between the others."""
    usable = ~(local.unclear | local.skipped)
    times = np.sort(local.times[usable])
    irregular = int((np.diff(times) != step.count).sum()) if step.fixed else 0
    return int((~usable).sum()) + irregular


def _localised(
    wall: Integers, clock: FileClock | None, options: ReadOptions, marks: Integers | None
) -> Localised:
    if clock is None:
        return _in_zone(wall, options.zone, marks)
    named = _by_clock(wall, clock, options, marks)
    if options.timezone is None:
        return named
    # What was asked for counts; the file's clock distinguishes the hours that occur twice.
    asked = _in_zone(wall, options.timezone, marks)
    there = to_local(named.times.view("datetime64[us]"), options.timezone).view(np.int64)
    agrees = (there == wall) & ~named.skipped & ~named.unclear
    return Localised(
        np.where(agrees, named.times, asked.times),
        asked.repeated & ~agrees,
        asked.unclear & ~agrees,
        asked.skipped & ~agrees,
    )


def _in_zone(wall: Integers, zone: str, marks: Integers | None = None) -> Localised:
    if zone == "UTC":
        return _without_changes(wall.copy(), marks)
    return localise(wall, zone, marks)


def _without_changes(times: Integers, marks: Integers | None) -> Localised:
    none = np.zeros(len(times), dtype=bool)
    return Localised(times, none, none if marks is None else marks != UNMARKED, none)


def _by_clock(
    wall: Integers, clock: FileClock, options: ReadOptions, marks: Integers | None = None
) -> Localised:
    """Local times by the clock of each row, which says more than marks.

    Rows without a clock are in the series' zone.
    """
    if clock.codes is None:
        return _by_one(wall, clock.clocks[0], marks)
    times, changes = wall.copy(), np.zeros((3, len(wall)), dtype=bool)
    series = Clock(zone=options.zone)
    for code in range(NO_CLOCK, len(clock.clocks)):
        rows = clock.codes == code
        if rows.any():
            local = _by_one(wall[rows], clock.clocks[code] if code >= 0 else series)
            times[rows] = local.times
            changes[:, rows] = local.repeated, local.unclear, local.skipped
    return Localised(times, *changes)


def _by_one(wall: Integers, clock: Clock, marks: Integers | None = None) -> Localised:
    if clock.zone:
        return _in_zone(wall, clock.zone, marks)
    return _without_changes(wall - clock.offset, marks)
