"""Read times that are a date and the number of a period of its local day."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.parsing.arrow import to_integers, to_mask
from app.parsing.errors import CountedPeriods, OptionInvalid, UnreadableTimes
from app.parsing.file_clock import FileClock
from app.parsing.lines import Mask
from app.parsing.options import ReadOptions
from app.parsing.rows import CheckedRows
from app.parsing.times.fields import Integers
from app.parsing.times.joined import joined
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import read_moments
from app.parsing.times.zone_names import PRINCIPAL
from app.parsing.times.zone_proof import HOUR, shown
from app.parsing.utc import UtcTimes
from models.calendars.cadence import DAY_MICROSECONDS, Cadence
from models.calendars.timezones import to_utc
from models.errors import DataError, Problem

MOST_ZONES = 3
# Numbers that count the periods of a day: from an hour down to a minute.
LEAST_IN_DAY, MOST_IN_DAY = 24, 1440
MOST_HOURS = 24
# A counter counts completely on at least this share of the days.
LEAST_COMPLETE = 0.8
LEAST_DAYS = 2
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
    _require_counter(columns, options)
    dates = read_moments(Column(joined(columns[:-1], pad=False)), form)
    numbers, is_number = _counted(columns[-1])
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
    starts, ends = _midnights(days, zone), _midnights(days + 1, zone)
    times = starts + numbers * length
    outside = read & ((numbers < 0) | (times >= ends))
    if outside.any() and not options.timezone:
        _require_zone(days[outside], numbers[outside], length, zone)
    rows.reject(
        outside, "unreadable_period", lambda row: f"the day has no period {numbers[row] + 1}"
    )
    times = np.where(read, times, 0)
    return ReadPeriods(UtcTimes(times, zone, read, is_named=clock is not None), dates.formats)


def _require_counter(columns: list[Any], options: ReadOptions) -> None:
    rule = None
    if len(columns) < 2:
        rule = "`period` needs `timestamp=` with the columns of the date and, last, of the number"
    elif options.times == "end":
        rule = "`period` gives the beginning of each period and cannot be used with `times=end`"
    if rule:
        raise OptionInvalid(f"{rule}.", [Problem("/query/period", rule)])


def _zone(options: ReadOptions, clock: FileClock | None) -> str:
    if options.timezone or clock is None or clock.codes is not None:
        return options.zone
    return clock.clocks[0].name or options.zone


def _counted(column: Any) -> tuple[Integers, Mask]:
    """The numbers of a column, and which rows have one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    digits = pc.struct_field(pc.extract_regex(texts, r"^(?P<number>\d{1,4})(?:\.0+)?$"), "number")
    return to_integers(digits), to_mask(pc.is_valid(digits))


def _midnights(days: Integers, zone: str) -> Integers:
    """The beginnings of local days in UTC."""
    local = (days * DAY_MICROSECONDS).view("datetime64[us]")
    return to_utc(local, zone).astype("datetime64[us]").view(np.int64)


def _require_zone(days: Integers, numbers: Integers, length: int, zone: str) -> None:
    """Refuse days that have an hour more than in the zone, if another zone has these days."""
    day = np.unique(days)
    fits = [
        each
        for each in PRINCIPAL
        if (_midnights(day + 1, each) - _midnights(day, each) > DAY_MICROSECONDS).all()
    ]
    if not fits or (numbers * length >= DAY_MICROSECONDS + HOUR).any():
        return
    date = np.datetime64(int(days[0]), "D")
    message = (
        f"A day in {zone} has {DAY_MICROSECONDS // length} periods, and {date} has more: its "
        f"clock goes back on this day. Name the zone, for example {shown(fits[:MOST_ZONES])}."
    )
    raise OptionInvalid(message, [Problem("/query/timezone", message)])


def refuse_counted_periods(columns: list[Any], names: Sequence[str]) -> None:
    """Refuse a last column of a time that counts the periods of each day and is not an hour.

    Raises:
        CountedPeriods: With the parameters that read it.
    """
    if len(columns) < 2:
        return
    numbers, is_number = _counted(columns[-1])
    if not is_number.all() or not len(numbers) or numbers.max() <= MOST_HOURS:
        return
    count = periods_of_day(joined(columns[:-1], pad=False), numbers)
    if count:
        raise CountedPeriods(_message(names[:-1], names[-1], count, numbers))


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
        numbers, is_number = _counted(columns[number])
        count = periods_of_day(dates, numbers) if is_number.all() else 0
        if count:
            shown_names = [names[each] for each in time]
            message = _message(shown_names, names[number], count, numbers)
            choice = f" If the numbers name series instead, use `split={names[number]}`."
            is_sure = numbers.max() > count or PERIOD_NAME.search(names[number].lower())
            raise CountedPeriods(message if is_sure else message + choice)


def periods_of_day(dates: Any, numbers: Integers) -> int:
    """How many periods a column counts on most days; 0 if it does not count them."""
    import pyarrow.compute as pc

    if not LEAST_IN_DAY - 1 <= numbers.max(initial=0) <= MOST_IN_DAY * 25 // 24:
        return 0
    days = to_integers(pc.index_in(dates, value_set=pc.unique(dates)))
    order = np.lexsort((numbers, days))
    days, numbers = days[order], numbers[order]
    first = np.flatnonzero(np.append(True, np.diff(days) != 0))
    counts = np.diff(np.append(first, len(days)))
    usual = int(np.bincount(counts).argmax())
    if len(first) < LEAST_DAYS or usual < LEAST_IN_DAY or MOST_IN_DAY % usual:
        return 0
    begins = numbers[first]
    is_step = np.diff(numbers, prepend=numbers[0] - 1) == 1
    is_step[first] = begins <= 1
    complete = np.logical_and.reduceat(is_step, first)
    is_usual = complete & (np.abs(counts - usual) <= max(usual // 24, 1))
    # The file may begin and end within a day.
    inner = slice(1, -1) if len(first) > 3 else slice(None)
    return usual if np.mean(is_usual[inner]) >= LEAST_COMPLETE else 0


def _message(dates: Sequence[str], counter: str, count: int, numbers: Integers) -> str:
    period = Cadence("us", DAY_MICROSECONDS // count).text
    columns = ",".join([*dates, counter])
    changes = int(numbers.max()) > count
    return (
        f"The column {counter!r} counts the periods of each day: {count} on most days"
        + (f", {int(numbers.max())} on the longest. " if changes else ". ")
        + f"Read the times with `timestamp={columns}` and `period={period}`, and name the zone of "
        "the days with `timezone=` if it is not UTC."
    )
