"""Read the time of every row: join its columns, read their texts, convert them to UTC."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.parsing.clocks.clocks_to_25 import CountedClocks, counted_clocks
from app.parsing.clocks.counted_days import CountedDays
from app.parsing.clocks.file_clock import FileClock, clock_of_names, times_without_clock
from app.parsing.clocks.naive_times import report_interval_ends, report_naive_times
from app.parsing.clocks.periods import (
    counted_hours,
    counted_periods,
    ends_at_24,
    period_refused,
    read_periods,
)
from app.parsing.clocks.repeated_hours import marked_hours
from app.parsing.clocks.utc import UtcTimes, in_utc
from app.parsing.errors import UnreadableTimes
from app.parsing.options import ReadOptions
from app.parsing.rows import CheckedRows
from app.parsing.time_reports import leave_out_means, report_fiscal_years
from app.parsing.times.clock_numbers import begins_of_ranges, with_full_clocks
from app.parsing.times.decimal_years import with_octobers
from app.parsing.times.fields import Integers
from app.parsing.times.formats import ORDERS
from app.parsing.times.guesses import interval_pattern
from app.parsing.times.joined import joined
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import Moments, read_moments

LEAST_READ_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class ReadTimes:
    """The times of all rows, and the formats they are written in."""

    utc: UtcTimes
    formats: tuple[str, ...]


def read_times(
    columns: list[Any],
    names: list[str],
    options: ReadOptions,
    rows: CheckedRows,
    *,
    known_format: str | None = None,
    clock: FileClock | None = None,
    occurrence: Integers | None = None,
) -> ReadTimes:
    """The times of all rows in UTC.

    Args:
        columns: The columns of the time.
        names: Their names.
        options: What the sender says.
        rows: The rows; those whose time cannot be used are quarantined.
        known_format: The format of their joined texts, if their names determine it.
        clock: The clock that the file names beside its times.
        occurrence: Which of two equal hours the marks of rows mean, if they had marks.

    Raises:
        UnreadableTimes: If most cannot be read, or marks of repeated hours are unknown.
        AmbiguousTimes: If they can be read in two ways.
        AmbiguousZone: If the abbreviation of their clock means several.
        CountedPeriods: If the last column counts the periods of each day.
    """
    form = options.timestamp_format or known_format
    clock = clock or clock_of_names(names, options.timezone)
    options = _with_counted(options, names, counted_periods(columns))
    if options.period:
        read = read_periods(columns, names, options, rows, form=form, clock=clock)
        return ReadTimes(read.utc, read.formats)
    columns = with_full_clocks(begins_of_ranges(columns), form)
    texts = _starts(joined(columns, pad=form is None or form in ORDERS), rows)
    texts, behind = times_without_clock(with_octobers(texts), form, options.timezone)
    column = Column(texts)
    moments = replace(read_moments(column, form), occurrence=occurrence)
    if occurrence is None and (marked := marked_hours(columns, ~moments.read)):
        whole = [*columns[:-1], marked.texts]
        return read_times(
            whole,
            names,
            options,
            rows,
            known_format=known_format,
            clock=clock,
            occurrence=marked.occurrence,
        )
    if longer := counted_clocks(columns, ~moments.read):
        return _counted_clocks(longer, names, options, rows, clock=clock)
    if moments.read.sum() < LEAST_READ_SHARE * len(moments.read):
        _refuse(column, moments, names)
    if found := counted_hours(columns, moments):
        options = _with_counted(options, names, found)
        read = read_periods(columns, names, options, rows, form=form, clock=clock)
        return ReadTimes(read.utc, read.formats)
    leave_out_means(column, moments, rows)
    rows.reject(
        ~moments.read,
        "unreadable_time",
        lambda row: f"{column.text(row)!r} cannot be read as a time",
    )
    _report_centuries(moments, rows)
    report_fiscal_years(moments, names, rows)
    utc = in_utc(moments, behind or clock, options, rows)
    report_naive_times(moments, utc, names, options, rows)
    if options.times is None:
        report_interval_ends(names, len(rows.lines), rows, hours_to_24=ends_at_24(columns))
    return ReadTimes(utc, moments.formats)


def _counted_clocks(
    found: CountedClocks,
    names: list[str],
    options: ReadOptions,
    rows: CheckedRows,
    *,
    clock: FileClock | None,
) -> ReadTimes:
    """The beginnings of the periods that times of day to 25:00 count."""
    form = (options.timestamp_format or "").split(" ")[0] or None
    counted = replace(options, period=found.days.period)
    read = read_periods(found.columns, names, counted, rows, form=form, clock=clock)
    message = (
        f"Times of day go to 25:00: they count the {found.days.period} periods of each local day, "
        f"{found.days.longest} on the longest. Each row has the time at which its period begins."
    )
    rows.findings.report("counted_clocks", message, len(read.utc.times))
    return ReadTimes(read.utc, read.formats)


def _with_counted(options: ReadOptions, names: list[str], found: CountedDays | None) -> ReadOptions:
    """The options with the length of counted periods, if the sender gives it or says `times=end`.

    Hours that end at 24 are counted from 1, so that a 25th one is counted too.
    """
    if found is None or options.period:
        return options
    if options.times != "end":
        raise period_refused(names, found)
    return replace(options, period=found.period)


def _starts(texts: Any, rows: CheckedRows) -> Any:
    """The starts of intervals such as `01.01.2020 00:00 - 01.01.2020 01:00`; other texts as is."""
    import pyarrow.compute as pc

    interval = interval_pattern(str(texts[0])) if len(texts) else None
    if interval is None:
        return texts
    found = pc.extract_regex(texts, f"^{interval.pattern}$")
    starts = pc.struct_field(found, "start")
    count = len(texts) - starts.null_count
    message = f"{count} times are intervals: each row has the time at which its interval begins."
    rows.findings.report("intervals", message, count)
    return pc.coalesce(starts, texts)


def _report_centuries(moments: Moments, rows: CheckedRows) -> None:
    """Report the century given to two-digit years: nothing in a file can prove it."""
    if any("%y" in form for form in moments.formats):
        years = moments.times[moments.read].astype("datetime64[us]").astype("datetime64[Y]")
        message = f"Two-digit years were read as {years.min()} to {years.max()}."
        rows.findings.report("two_digit_years", message, len(years))


def _refuse(column: Column, moments: Moments, names: list[str]) -> None:
    unread = [column.text(row) for row in np.flatnonzero(~moments.read)[:3].tolist()]
    shown = ", ".join(repr(text) for text in unread)
    formats = " and ".join(moments.formats) or "any known format"
    counted = all(text.strip().isdecimal() for text in unread)
    steps = " If they count steps, give the first time and the step by `start=` and `cadence=`."
    raise UnreadableTimes(
        f"{int((~moments.read).sum())} of {len(moments.read)} times in {' + '.join(names)!r} "
        f"cannot be read by {formats}, such as {shown}. Say how they are written with "
        "`timestamp_format=`, for example %d.%m.%Y %H:%M, excel for spreadsheet days, or "
        "decimal_month for months as decimal years, or name the right columns with `timestamp=`."
        + (steps if counted else "")
    )
