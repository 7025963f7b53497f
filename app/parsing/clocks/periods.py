"""Read times that are a date and the number of a period of its local day."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.parsing.clocks.counted_days import (
    CountedDays,
    count_days,
    count_texts,
    counted,
    midnights,
    zones_with_days,
)
from app.parsing.clocks.file_clock import FileClock
from app.parsing.clocks.utc import UtcTimes
from app.parsing.errors import CountedPeriods, OptionInvalid, UnreadableTimes
from app.parsing.lines import Mask
from app.parsing.options import ReadOptions
from app.parsing.rows import CheckedRows
from app.parsing.times.fields import Integers
from app.parsing.times.joined import joined
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import Moments, read_moments
from app.parsing.times.zone_proof import shown
from models.calendars.cadence import DAY_MICROSECONDS, Cadence
from models.errors import DataError, Problem

MOST_ZONES = 3
MOST_HOURS = 24
# The last hour of a day, as a number or with minutes.
LAST_HOURS = (24, 2400)
# With such a name, numbers are not those of series.
PERIOD_NAME = re.compile(
    r"period|interval|hour|slot|settlement|block|step|stunde|heure|hora|ptu|mtu"
)


@dataclass(frozen=True, slots=True)
class ReadPeriods:
    """The beginning of each row's period, and the formats of the dates."""

    utc: UtcTimes
    formats: tuple[str, ...]


def period_length(text: str) -> int:
    """The microseconds of a period of a day.

    Raises:
        OptionInvalid: If it is not a length that divides a day.
    """
    try:
        period = Cadence.parse(text)
    except DataError:
        period = None
    if period is None or not period.fixed or DAY_MICROSECONDS % period.count:
        message = f"`period` must be a length that divides a day, such as 30min. Received: {text!r}"
        raise OptionInvalid(message, [Problem("/query/period", message)])
    return period.count


def read_periods(
    columns: list[Any],
    names: Sequence[str],
    options: ReadOptions,
    rows: CheckedRows,
    *,
    form: str | None,
    clock: FileClock | None,
) -> ReadPeriods:
    """Read columns of the date and, last, of the number of the period.

    Periods have the same length on each day, so that a day of 23 hours has 46 half hours.

    Raises:
        OptionInvalid: If `period` cannot be used, or the zone lacks the longer days of the file.
    """
    length = period_length(options.period or "")
    _require_counter(columns)
    dates = read_moments(Column(joined(columns[:-1], pad=False)), form)
    numbers, is_number = counted(columns[-1])
    read = dates.read & is_number
    rows.reject(
        ~read, "unreadable_time", lambda _: f"{' + '.join(names)} is not a date and a number"
    )
    if not read.any():
        raise UnreadableTimes(
            f"`period` needs a date and a number in {' + '.join(names)!r}, and no row has them."
        )
    numbers = numbers - (0 if (numbers[read] == 0).any() else 1)
    zone = _zone(options, clock)
    days = dates.times // DAY_MICROSECONDS
    starts, ends = midnights(days, zone), midnights(days + 1, zone)
    times = starts + numbers * length
    outside = read & ((numbers < 0) | (times >= ends))
    if not options.timezone:
        _require_zone(days[read], numbers[read], outside[read], length, zone)
    rows.reject(
        outside, "unreadable_period", lambda row: f"the day has no period {numbers[row] + 1}"
    )
    times = np.where(read, times, 0)
    return ReadPeriods(UtcTimes(times, zone, read, is_named=clock is not None), dates.formats)


def _require_counter(columns: list[Any]) -> None:
    if len(columns) < 2:
        rule = "`period` needs `timestamp=` with the columns of the date and, last, of the number."
        raise OptionInvalid(rule, [Problem("/query/period", rule)])


def _zone(options: ReadOptions, clock: FileClock | None) -> str:
    if options.timezone or clock is None or clock.codes is not None:
        return options.zone
    return clock.clocks[0].name or options.zone


def _require_zone(days: Integers, numbers: Integers, outside: Mask, length: int, zone: str) -> None:
    """Refuse days with an hour more or less than in a zone, if another zone has these days."""
    found = count_days(days, numbers)
    hours = midnights(days + 1, zone) - midnights(days, zone)
    longer = np.unique(days[outside])
    short = found.short if found else longer[:0]
    short = short[np.isin(short, days[hours == DAY_MICROSECONDS])]
    changed, more = (longer, "more") if len(longer) else (short, "less")
    fits = zones_with_days(changed, longer=more == "more") if len(changed) else []
    if fits:
        message = (
            f"A day in {zone} has {DAY_MICROSECONDS // length} periods, and "
            f"{np.datetime64(int(changed[0]), 'D')} has {more}: its clock changes on this day. "
            f"Name the zone, for example {shown(fits[:MOST_ZONES])}."
        )
        raise OptionInvalid(message, [Problem("/query/timezone", message)])


def counted_periods(columns: list[Any]) -> CountedDays | None:
    """The days whose periods the last column of a time counts, if it is not an hour of the day."""
    if not _may_count(columns):
        return None
    numbers, is_number = counted(columns[-1])
    if not is_number.all() or numbers.max() <= MOST_HOURS:
        return None
    return count_texts(joined(columns[:-1], pad=False), numbers)


def counted_hours(columns: list[Any], moments: Moments) -> CountedDays | None:
    """The days whose hours are counted 1 to 24, and 1 to 23 where clocks go forward.

    None if no day shows that its hours are counted: then they are those of a clock.
    """
    if not _are_hours_to_24(columns) or not moments.read.all():
        return None
    numbers, _ = counted(columns[-1])
    found = count_days((moments.times - 1) // DAY_MICROSECONDS, numbers)
    is_counted = found and len(found.short) and zones_with_days(found.short, longer=False)
    return found if is_counted else None


def ends_at_24(columns: list[Any]) -> bool:
    """Whether the last of several columns has the hours 1 to 24, as numbers."""
    return _are_hours_to_24(columns, LAST_HOURS)


def _are_hours_to_24(columns: list[Any], last: tuple[int, ...] = (MOST_HOURS,)) -> bool:
    if not _may_count(columns):
        return False
    numbers, is_number = counted(columns[-1])
    return bool(is_number.all() and numbers.min() >= 1 and int(numbers.max()) in last)


def _may_count(columns: list[Any]) -> bool:
    """Whether the last of several columns begins with a whole number."""
    return len(columns) > 1 and bool(len(columns[-1])) and str(columns[-1][0]).strip().isdigit()


def period_refused(names: Sequence[str], found: CountedDays) -> CountedPeriods:
    """The error for a time whose last column counts the periods of each day."""
    return CountedPeriods(_message(names[:-1], names[-1], found))


def refuse_period_column(
    columns: Sequence[Any], names: Sequence[str], time: tuple[int, ...], others: Sequence[int]
) -> None:
    """Refuse a file of dates in which another column counts the periods of each day.

    Args:
        columns: All columns.
        names: Their names.
        time: Those of the date.
        others: Those that may count.

    Raises:
        CountedPeriods: With the parameters that read it.
    """
    dates = joined([columns[number] for number in time], pad=False)
    for number in others:
        numbers, is_number = counted(columns[number])
        found = count_texts(dates, numbers) if is_number.all() else None
        if found:
            message = _message([names[each] for each in time], names[number], found)
            choice = f" If the numbers name series instead, use `split={names[number]}`."
            is_sure = found.longest > found.usual or PERIOD_NAME.search(names[number].lower())
            raise CountedPeriods(message if is_sure else message + choice)


def _message(dates: Sequence[str], counter: str, found: CountedDays) -> str:
    columns, period = ",".join([*dates, counter]), found.period
    shortest = f", {found.usual - found.usual // 24} on the shortest" if len(found.short) else ""
    longest = f", {found.longest} on the longest" if found.longest > found.usual else ""
    return (
        f"The column {counter!r} counts the periods of each day: {found.usual} on most days"
        f"{shortest}{longest}. Read the times with `timestamp={columns}` and `period={period}`, "
        "and name the zone of the days with `timezone=` if it is not UTC."
    )
