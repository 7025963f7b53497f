"""Recognise columns that repeat a part of the time, such as `Year` and `Month` beside it."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from app.parsing.derived.row_counters import has_word
from app.parsing.times.column_names import PARTS
from app.parsing.times.fields import Integers
from models.calendars.timezones import to_local

Column = npt.NDArray[np.float64]
Days = npt.NDArray[np.int64]

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SAMPLE_ROWS = 500
# Clocks are up to 14 hours from UTC, by half hours.
OFFSETS = range(-12 * HOUR, 14 * HOUR + 1, HOUR // 2)
LEAST_ROWS = 5
# Without the name of a part, the numbers alone have to prove it.
LEAST_ROWS_UNNAMED = 20
LEAST_DIFFERENT = 3

_WORDS = {
    **{part: {w for w in words.split() if len(w) > 1} for part, (words, _, _) in PARTS.items()},
    "quarter": {"quarter", "qtr", "quartal", "trimestre", "kwartaal"},
    "week": {"week", "isoweek", "weekofyear", "weeknumber", "weekno", "woche", "kw", "semaine"}
    | {"semana", "settimana"},
    "weekday": {"weekday", "dow", "dayofweek", "wochentag", "isoweekday", "weekdaynumber"},
    "date": {"date", "yyyymmdd", "ymd", "datum", "fecha"},
    "month of a year": {"yyyymm", "yearmonth", "month"},
    "time of day": {"hhmm", "hhmmss", "time", "hm", "hms"},
}
WORDS = {part: frozenset(words) for part, words in _WORDS.items()}


def _days(times: Integers) -> Days:
    return np.asarray(times // DAY)


def _years(times: Integers) -> Days:
    years = times.view("datetime64[us]").astype("datetime64[Y]")
    return np.asarray(years.astype(np.int64) + 1970)


def _months(times: Integers) -> Days:
    months = times.view("datetime64[us]").astype("datetime64[M]")
    return np.asarray(months.astype(np.int64) % 12 + 1)


def _month_days(times: Integers) -> Days:
    days = times.view("datetime64[us]").astype("datetime64[D]")
    return np.asarray((days - days.astype("datetime64[M]")).astype(np.int64) + 1)


def _year_days(times: Integers) -> Days:
    days = times.view("datetime64[us]").astype("datetime64[D]")
    return np.asarray((days - days.astype("datetime64[Y]")).astype(np.int64) + 1)


def _weekdays(times: Integers) -> Days:
    """Days since Monday."""
    return (_days(times) + 3) % 7


def _iso_weeks(times: Integers) -> Days:
    thursdays = (_days(times) - _weekdays(times) + 3) * DAY
    return (_year_days(thursdays) - 1) // 7 + 1


def _hours(times: Integers) -> Days:
    return np.asarray(times % DAY // HOUR)


def _minutes(times: Integers) -> Days:
    return np.asarray(times % HOUR // MINUTE)


# The ways in which a part is counted.
COUNTED: dict[str, tuple[Callable[[Integers], Days], ...]] = {
    "year": (_years, lambda t: _years(t) % 100),
    "month": (_months,),
    "day": (_month_days,),
    "day of the year": (_year_days,),
    "hour": (_hours, lambda t: _hours(t) + 1),
    "minute": (_minutes, lambda t: times_of_day(t) // MINUTE),
    "second": (lambda t: np.asarray(t % MINUTE // 1_000_000),),
    "quarter": (lambda t: (_months(t) + 2) // 3,),
    "week": (_iso_weeks, lambda t: (_year_days(t) + 6) // 7),
    "weekday": (
        _weekdays,
        lambda t: _weekdays(t) + 1,
        lambda t: (_weekdays(t) + 1) % 7,
        lambda t: (_weekdays(t) + 1) % 7 + 1,
    ),
    "date": (lambda t: _years(t) * 10_000 + _months(t) * 100 + _month_days(t),),
    "month of a year": (lambda t: _years(t) * 100 + _months(t),),
    "time of day": (
        lambda t: _hours(t) * 100 + _minutes(t),
        lambda t: _hours(t) * 10_000 + _minutes(t) * 100 + times_of_day(t) % MINUTE // 1_000_000,
    ),
}


def times_of_day(times: Integers) -> Days:
    """Microseconds since midnight."""
    return np.asarray(times % DAY)


class TimeParts:
    """The parts of the rows' times.

    Args:
        times: The times of usable rows, in UTC.
        timezone: The zone of times without an offset.
    """

    def __init__(self, times: Integers, timezone: str) -> None:
        local = to_local(times.view("datetime64[us]"), timezone).view(np.int64)
        self._clocks = (times,) if timezone == "UTC" else (local, times)
        self._sample = slice(None, None, max(len(times) // SAMPLE_ROWS, 1))

    def named(self, name: str, numbers: Column, *, is_new: bool) -> str | None:
        """The part that a column repeats, and that its name contains; None if there is none."""
        if len(numbers) < (1 if is_new else LEAST_ROWS):
            return None
        parts = [part for part, words in WORDS.items() if has_word(name, words)]
        is_constant = bool((numbers == numbers[0]).all())
        for part in parts:
            for count in COUNTED[part]:
                if any(self._repeats(numbers, count, o) for o in self._offsets(is_constant)):
                    return part
        return None

    def unnamed(self, numbers: Column) -> str | None:
        """The part that a column repeats on each row, whatever its name; None if there is none."""
        if len(numbers) < LEAST_ROWS_UNNAMED or len(np.unique(numbers)) < LEAST_DIFFERENT:
            return None
        for part, counts in COUNTED.items():
            if any(self._is_equal(clock, numbers, one) for clock in self._clocks for one in counts):
                return part
        return None

    def _offsets(self, is_constant: bool) -> Iterator[int]:
        """Offsets of the clock from UTC; a column that never changes proves none."""
        yield 0
        if not is_constant:
            yield from OFFSETS

    def _is_equal(
        self, times: Integers, numbers: Column, count: Callable[[Integers], Days]
    ) -> bool:
        few = self._sample
        return bool((count(times[few]) == numbers[few]).all() and (count(times) == numbers).all())

    def _repeats(self, numbers: Column, count: Callable[[Integers], Days], offset: int) -> bool:
        """Whether the numbers are those of a clock with an offset, which is set forward or not."""
        few = self._sample
        return any(
            _fits(clock[few], numbers[few], count, offset) and _fits(clock, numbers, count, offset)
            for clock in (self._clocks if not offset else self._clocks[-1:])
        )


def _fits(times: Integers, numbers: Column, count: Callable[[Integers], Days], offset: int) -> bool:
    fits = count(times + offset) == numbers
    if not offset:
        return bool(fits.all())
    return bool((fits | (count(times + offset + HOUR) == numbers)).all())
