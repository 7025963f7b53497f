"""Findings about the clock of a file's times: which it is, what contradicts it, what is missing."""

from dataclasses import dataclass

import numpy as np

from app.parsing.clocks.file_clock import NO_CLOCK, FileClock
from app.parsing.lines import Mask
from app.parsing.options import ReadOptions
from app.parsing.rows import CheckedRows
from app.parsing.times.fields import Integers
from app.parsing.times.timestamps import Moments
from app.parsing.times.zone_names import (
    PRINCIPAL,
    UNIVERSAL,
    Clock,
    initials,
    is_abbreviation,
    names_of,
)
from app.parsing.times.zone_proof import HOUR, constant_zone, offsets_in, zone_of_offsets
from app.parsing.times.zones import Localised
from models.calendars.timezones import to_local

# Rows at least this far apart are days.
DAILY = 20 * HOUR


@dataclass(frozen=True, slots=True)
class _Fit:
    """A zone, and the rows whose named offset it does not have."""

    zone: str
    wrong: Mask


def report_clock(
    clock: FileClock, times: Integers, naive: Mask, zone: str, rows: CheckedRows
) -> None:
    """Report the clock that a file names, and rows whose abbreviation no zone has then.

    Args:
        clock: The file's clock.
        times: The times in UTC.
        naive: Which of all rows these are.
        zone: The zone in which the times are read without the file's clock.
        rows: Receives the findings.
    """
    if all(one.name == zone for one in clock.clocks):
        return
    unknown = np.zeros(len(times), dtype=bool) if clock.codes is None else clock.codes == NO_CLOCK
    count = int((~unknown).sum())
    message = f"The times were read by the clock {clock.names}, which {clock.where} names."
    rows.findings.report("zone_names", message, count)
    if unknown.any():
        message = f"{int(unknown.sum())} times lack a clock: they were read as {zone}."
        lines = rows.lines.examples(on_all_rows(unknown, naive))
        rows.findings.report("zone_unknown", message, int(unknown.sum()), lines)
    fit = _best_fit(clock, times)
    if fit and len(clock.clocks) > 1 and fit.wrong.any():
        wrong = int(fit.wrong.sum())
        message = (
            f"{wrong} times have an abbreviation ({clock.names}) that {fit.zone} does not have "
            "then; they were read as they are written. If the abbreviations are wrong, read the "
            f"times with `timezone={fit.zone}`."
        )
        lines = rows.lines.examples(on_all_rows(fit.wrong, naive))
        rows.findings.report("zone_disagrees", message, wrong, lines)


def report_difference(
    clock: FileClock,
    wall: Integers,
    named: Integers,
    *,
    naive: Mask,
    zone: str,
    rows: CheckedRows,
) -> None:
    """Report times at which the zone asked for is not the clock that the file names.

    Args:
        clock: The file's clock.
        wall: The local times.
        named: The same times in UTC by the file's clock.
        naive: Which of all rows these are.
        zone: The zone asked for.
        rows: Receives the finding.
    """
    there = to_local(named.view("datetime64[us]"), zone).view(np.int64)
    known = np.ones(len(wall), dtype=bool) if clock.codes is None else clock.codes != NO_CLOCK
    differs = (there != wall) & known
    count = int(differs.sum())
    if count:
        message = (
            f"{count} times have another offset in {zone} than by the clock {clock.names}, which "
            f"{clock.where} names: they were read with `timezone={zone}`."
        )
        lines = rows.lines.examples(on_all_rows(differs, naive))
        rows.findings.report("zone_disagrees", message, count, lines)


def report_unusual_hours(local: Localised, naive: Mask, zone: str, rows: CheckedRows) -> None:
    """Quarantine rows at times that no clock showed, and report hours that occurred twice."""
    rows.reject(
        on_all_rows(local.skipped, naive),
        "skipped_hour",
        lambda row: f"no clock in {zone} showed this time: clocks were set forward",
    )
    rows.reject(
        on_all_rows(local.unclear, naive),
        "unclear_hour",
        lambda row: (
            f"clocks in {zone} showed this time twice, and the order does not show which it is"
        ),
    )
    repeated = int(local.repeated.sum())
    if repeated:
        message = (
            f"{repeated} rows in hours that occurred twice were resolved by their marks or order."
        )
        lines = rows.lines.examples(on_all_rows(local.repeated, naive))
        rows.findings.report("repeated_hour", message, repeated, lines)


def zone_of_clock(clock: FileClock, times: Integers) -> str | None:
    """The zone of the days of a series whose times have a clock that the file names."""
    fit = _best_fit(clock, times)
    if fit and not fit.wrong.any():
        return fit.zone
    named = {one.zone for one in clock.clocks}
    if len(clock.clocks) == 1:
        return clock.clocks[0].name or constant_zone(times, clock.clocks[0].offset)
    if named != {None} or clock.codes is None:
        return None
    known = clock.codes != NO_CLOCK
    return zone_of_offsets(times[known], _offsets(clock)[known])


def proven_zone(moments: Moments, times: Integers, options: ReadOptions, rows: CheckedRows) -> str:
    """The zone of the days of times with offsets: of daily rows the one that the offsets prove."""
    if options.timezone or moments.offsets is None:
        return options.zone
    offsets, times = moments.offsets[moments.read], times[moments.read]
    is_daily = len(times) > 1 and bool(np.median(np.abs(np.diff(times))) > DAILY)
    zone = zone_of_offsets(times, offsets)
    if zone is None and is_daily and np.ptp(offsets) == 0:
        offset = int(offsets[0])
        zone = constant_zone(times, offset) or Clock(offset=offset).name
    if not zone or zone == options.zone:
        return options.zone
    message = (
        f"The offsets of the times are those of {zone}. To count days in this zone, give "
        f"`timezone={zone}` with the first upload, or change the series' `timezone`."
    )
    suggestion = {"timezone": zone}
    rows.findings.report("zone_offsets", message, len(times), suggestion=suggestion)
    return zone if is_daily else options.zone


def on_all_rows(mask: Mask, naive: Mask) -> Mask:
    """A mask of the rows without an offset as a mask of all rows."""
    spread = np.zeros(len(naive), dtype=bool)
    spread[naive] = mask
    return spread


def _best_fit(clock: FileClock, times: Integers) -> _Fit | None:
    """The zone with the abbreviations of a file that has most of their offsets."""
    names = {initials(text) for text in clock.texts if is_abbreviation(text)}
    if clock.codes is None or names <= UNIVERSAL or len(names) < len(clock.texts):
        return None
    moments, offsets = times.view("datetime64[us]"), _offsets(clock)
    known = clock.codes != NO_CLOCK
    fits = (
        _Fit(zone, (offsets_in(moments, zone) != offsets) & known)
        for zone in PRINCIPAL
        if names <= names_of(zone).keys()
    )
    return min(fits, key=lambda fit: int(fit.wrong.sum()), default=None)


def _offsets(clock: FileClock) -> Integers:
    """The offset of each row; that of rows without a clock is undefined."""
    by_clock = np.array([one.offset for one in clock.clocks], dtype=np.int64)
    return by_clock[clock.codes if clock.codes is not None else 0]
