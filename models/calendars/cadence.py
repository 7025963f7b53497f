"""Cadences: the step between rows, its spelling, arithmetic on it, and how to infer it."""

import re
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.jitter import SECOND, is_jittered, jitter_of, step_meant
from models.calendars.month_points import POINTS, MonthUnit, month_numbers
from models.calendars.timezones import to_local
from models.errors import DataError

Indices = npt.NDArray[np.int64]
Unit = Literal["us", "B"] | MonthUnit

DAY_MICROSECONDS = 86_400_000_000
DAY = np.timedelta64(DAY_MICROSECONDS, "us")

# A Monday: weeks begin on Mondays, and steps that divide a day are counted from midnight.
ORIGIN = np.datetime64("1970-01-05T00:00:00", "us")

# An inferred cadence must explain at least half of the steps.
_LEAST_SHARE = 0.5
_NEARLY_ALL = 0.9

_MONTHS_OF_UNIT = {"M": 1, "Q": 3, "Y": 12}
_MONTH_SECONDS = 365.2425 * 86_400 / 12
_LONGEST_SECONDS = 100 * 12 * _MONTH_SECONDS
_MICROSECONDS_OF_UNIT = {
    "7D": 7 * DAY_MICROSECONDS,
    "D": DAY_MICROSECONDS,
    "h": 3_600_000_000,
    "min": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_SPELLINGS = {"W": "7D", "d": "D", "H": "h", "T": "min", "S": "s"}
_TEXT = re.compile(r"(\d{0,9})\s*([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class Cadence:
    """A step between rows: `count` microseconds, business days (Monday to Friday) or months.

    A cadence's points are numbered: `labels(indices)` gives the times of numbers, and
    `index_at_or_before(times)` and `index_at_or_after(times)` the numbers of the nearest points.
    Number 0 is Monday, 5 January 1970, 00:00, or the month that contains 1 January 1970.

    Args:
        unit: `"us"`, `"B"`, `"MS"` (periods named by their first day), `"ME"` (last day), or
            `"BMS"` and `"BME"` (first and last day from Monday to Friday).
        count: Number of units in one step.

    Example:
        >>> import numpy as np
        >>> Cadence.parse("600s").text, Cadence.parse("10min").season_steps
        ('10min', 144)

        The last day of each month, whatever its length:

        >>> month = Cadence.parse("ME")
        >>> start = np.array(["2024-01-31"], "datetime64[us]")
        >>> month.add(start, [1, 2]).astype("datetime64[D]").tolist()
        [datetime.date(2024, 2, 29), datetime.date(2024, 3, 31)]

        A Saturday lies between two points of a business-day cadence:

        >>> day, saturday = Cadence.parse("B"), np.array(["2024-01-06"], "datetime64[us]")
        >>> before, after = day.index_at_or_before(saturday), day.index_at_or_after(saturday)
        >>> str(day.labels(before)[0]), str(day.labels(after)[0])
        ('2024-01-05T00:00:00.000000', '2024-01-08T00:00:00.000000')
        >>> Cadence.parse("1h").is_multiple_of(Cadence.parse("10min"))
        True
        >>> Cadence.parse("0h")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        models.errors.DataError: A cadence must be ... at most 100 years. Received: "0h"
    """

    unit: Unit
    count: int

    @classmethod
    def parse(cls, text: str) -> "Cadence":
        """Parse a cadence.

        Args:
            text: A number (1 when left out) and a unit: `ms`, `s`, `min`, `h`, `D`, `W`, `B`,
                or one of `MS`, `QS`, `YS`, `ME`, `QE`, `YE` (months, quarters and years named
                by their first or last day, or by their first or last business day with a `B`
                before it: `BME`), such as `"10min"`, `"1W"` or `"QS"`.

        Raises:
            DataError: If the text is not a cadence, or its length is 0 or over 100 years.
        """
        match = _TEXT.fullmatch(text.strip())
        cadence = _from_parts(int(match[1] or 1), match[2]) if match else None
        if cadence is None or not 0 < cadence.approximate_seconds <= _LONGEST_SECONDS:
            raise DataError(
                "A cadence must be a number and a unit, such as 30s, 10min, 1h, 1D, 7D, B, MS, "
                f'ME, BME, QS or YS, and at most 100 years. Received: "{text}"'
            )
        return cadence

    @property
    def text(self) -> str:
        """The canonical spelling, such as `"10min"`, `"7D"`, `"B"` or `"QS"`."""
        if self.unit == "us":
            return _fixed_text(self.count)
        if self.unit == "B":
            return _counted(self.count, "B")
        letter = next(name for name in "YQM" if self.count % _MONTHS_OF_UNIT[name] == 0)
        name = self.unit.replace("M", letter)
        return _counted(self.count // _MONTHS_OF_UNIT[letter], name)

    @property
    def approximate_seconds(self) -> float:
        """A step's length in seconds: exact if fixed, otherwise the long-run mean."""
        if self.unit == "us":
            return self.count / 1e6
        if self.unit == "B":
            return self.count * 86_400 * 7 / 5
        return self.count * _MONTH_SECONDS

    @property
    def season_steps(self) -> int:
        """Steps in the next natural cycle: a day, a week for days, a year from weeks up; else 1."""
        if self.unit == "B":
            return 5 // self.count if 5 % self.count == 0 else 1
        if self.unit != "us":
            return 12 // self.count if 12 % self.count == 0 else 1
        if self.count == 7 * DAY_MICROSECONDS:
            return 52
        cycle = DAY_MICROSECONDS if self.count < DAY_MICROSECONDS else 7 * DAY_MICROSECONDS
        return cycle // self.count if cycle % self.count == 0 else 1

    @property
    def fixed(self) -> bool:
        """Whether all steps have the same length, apart from clock changes."""
        return self.unit == "us"

    @property
    def counts_days(self) -> bool:
        """Whether steps are whole days, months or years, which begin at local midnight."""
        return not self.fixed or self.count % DAY_MICROSECONDS == 0

    def is_multiple_of(self, other: "Cadence") -> bool:
        """Whether each step contains a whole number of the other cadence's steps."""
        if self.unit == other.unit:
            return self.count % other.count == 0
        if self.fixed:
            return other.unit == "B" and self.count % (7 * DAY_MICROSECONDS) == 0
        if other.fixed:
            return DAY_MICROSECONDS % other.count == 0
        return other == Cadence("B", 1)

    def add(self, times: Times, steps: npt.ArrayLike) -> Times:
        """Times moved by a number of steps.

        A time between two points of a calendar cadence is moved from the point before it; its
        time of day stays the same.

        Args:
            times: `datetime64[us]`, any shape.
            steps: Whole numbers that broadcast against `times`; may be negative.
        """
        counts = np.asarray(steps, dtype=np.int64)
        if self.fixed:
            later: Times = times + counts * np.timedelta64(self.count, "us")
        else:
            time_of_day = times - times.astype("datetime64[D]")
            later = self.labels(self.index_at_or_before(times) + counts) + time_of_day
        return later

    def labels(self, indices: Indices) -> Times:
        """The times of points by number, as `datetime64[us]`."""
        numbers = np.asarray(indices, dtype=np.int64)
        if self.fixed:
            return ORIGIN + numbers * np.timedelta64(self.count, "us")
        if self.unit == "B":
            days = numbers * self.count
            return ORIGIN + (days // 5 * 7 + days % 5) * DAY
        return POINTS[self.unit](numbers * self.count + self.first_month)

    @property
    def first_month(self) -> int:
        """The month of point 0 of a monthly cadence, counted from January 1970."""
        return self.count - 1 if self.unit.endswith("E") else 0

    def index_at_or_before(self, times: Times) -> Indices:
        """The number of the last point at or before each time."""
        moments = np.asarray(times, dtype="datetime64[us]")
        if self.fixed:
            return (moments - ORIGIN).astype(np.int64) // self.count
        if self.unit == "B":
            days = (moments - ORIGIN).astype(np.int64) // DAY_MICROSECONDS
            return (days // 7 * 5 + np.minimum(days % 7, 4)) // self.count
        numbers = month_numbers(moments) // self.count
        return numbers - (self.labels(numbers) > moments)

    def index_at_or_after(self, times: Times) -> Indices:
        """The number of the first point at or after each time."""
        before = self.index_at_or_before(times)
        return before + (self.labels(before) < times)


def _from_parts(count: int, unit: str) -> Cadence | None:
    unit = _SPELLINGS.get(unit, unit)
    if unit in _MICROSECONDS_OF_UNIT:
        return Cadence("us", count * _MICROSECONDS_OF_UNIT[unit])
    if unit == "B":
        return Cadence("B", count)
    letter = unit[-2:-1]
    months = unit.replace(letter, "M") if letter in _MONTHS_OF_UNIT else ""
    if months in POINTS:
        return Cadence(cast(MonthUnit, months), count * _MONTHS_OF_UNIT[letter])
    return None


def _fixed_text(microseconds: int) -> str:
    for unit in ("D", "h", "min", "s", "ms"):
        if microseconds % _MICROSECONDS_OF_UNIT[unit] == 0:
            return f"{microseconds // _MICROSECONDS_OF_UNIT[unit]}{unit}"
    raise DataError(f"A cadence must be whole milliseconds. Received: {microseconds} us")


def _counted(count: int, unit: str) -> str:
    return unit if count == 1 else f"{count}{unit}"


@dataclass(frozen=True, slots=True)
class CadenceEvidence:
    """The cadence of a series' rows, and how regularly they follow it.

    Args:
        cadence: The most common step, or None.
        share: The share of steps that are exactly one cadence long; 0 without a cadence.
        steps: Number of steps: rows minus 1.
        gaps: Number of steps longer than one cadence.
        longest_gap_seconds: The longest of these steps; 0 without gaps.
        jitter_seconds: How much longer or shorter than whole steps 19 of 20 steps are at most;
            0 if steps are exact. With a jitter, steps count as the nearest number of cadences.
    """

    cadence: Cadence | None
    share: float
    steps: int
    gaps: int
    longest_gap_seconds: float
    jitter_seconds: float = 0.0


def infer_cadence(times: Times, timezone: str = "UTC") -> CadenceEvidence:
    """Find the step that at least half of a series' steps have.

    Rows a month or more apart are counted in calendar months, daily rows without week-ends in
    business days; both, and days, in local time, so that a clock change is not a gap. Steps that
    differ by a jitter have the usual step that is meant: a sensor's minute, give or take.

    Args:
        times: `(rows,)` of `datetime64[us]`, UTC, strictly increasing.
        timezone: IANA name of the zone in which days are counted.
    """
    if len(times) < 2:
        return CadenceEvidence(None, 0.0, 0, 0, 0.0)
    local = _by_local_days(times, timezone)
    candidates = (_monthly(local), _business_daily(local), _fixed(local))
    cadence = next((candidate for candidate in candidates if candidate is not None), None)
    if cadence is None:
        return CadenceEvidence(None, 0.0, len(times) - 1, 0, 0.0)
    return _evidence(cadence, local)


def evidence_of(cadence: Cadence, times: Times, timezone: str = "UTC") -> CadenceEvidence:
    """How regularly rows follow a cadence that is known, such as that of a longer series."""
    if len(times) < 2:
        return CadenceEvidence(cadence, 0.0, 0, 0, 0.0)
    return _evidence(cadence, _by_local_days(times, timezone))


def _by_local_days(times: Times, timezone: str) -> Times:
    # A clock change causes a gap in local time for steps below a day, and in UTC for longer ones.
    if _median_is_below(np.diff(times), _NEARLY_ALL * DAY):
        return times
    return to_local(times, timezone)


def _median_is_below(steps: npt.NDArray[np.timedelta64], limit: np.timedelta64) -> bool:
    """Whether `np.median(steps) < limit`, by counting: the median of equal steps is slow."""
    below = int(np.count_nonzero(steps < limit))
    if 2 * below == len(steps):
        return bool(np.median(steps) < limit)
    return 2 * below > len(steps)


def _monthly(local: Times) -> Cadence | None:
    if _median_is_below(np.diff(local), 28 * DAY):
        return None
    months = month_numbers(local)
    steps = np.diff(months)
    size = _most_common(steps)
    if size not in (1, 2, 3, 4, 6, 12) or np.mean(steps == size) < _LEAST_SHARE:
        return None
    days = local.astype("datetime64[D]")
    last = np.mean(days == POINTS["ME"](months)) >= _NEARLY_ALL
    usual = _most_common(_days_of_month(local))
    # A series on each 30th has its row on 28 or 29 February.
    same = (_days_of_month(local) == usual) | (
        (days == POINTS["ME"](months)) & (_days_of_month(local) < usual)
    )
    if last or np.mean(same) >= _NEARLY_ALL:
        return Cadence("ME" if last else "MS", size)
    business: tuple[MonthUnit, ...] = ("BME", "BMS")
    fits = (unit for unit in business if np.mean(days == POINTS[unit](months)) >= _NEARLY_ALL)
    return next((Cadence(unit, size) for unit in fits), None)


def _business_daily(local: Times) -> Cadence | None:
    if _most_common(np.diff(local).astype(np.int64)) != DAY_MICROSECONDS:
        return None
    weekdays = Cadence("us", DAY_MICROSECONDS).index_at_or_before(local) % 7
    spans_weekend = local[-1] - local[0] >= 7 * DAY or (np.diff(weekdays) < 0).any()
    at_weekends = np.mean(weekdays >= 5)
    return Cadence("B", 1) if spans_weekend and at_weekends <= 0.01 else None


def _fixed(local: Times) -> Cadence | None:
    steps = np.diff(local).astype(np.int64)
    size = _most_common(steps)
    share = np.mean(steps == size)
    possible = size % 1000 == 0 and share >= _LEAST_SHARE
    if possible and (_is_usual(size) or (_can_be_exact(size) and share >= _NEARLY_ALL)):
        return Cadence("us", size)
    meant = step_meant(steps)
    if meant is None:
        return Cadence("us", size) if possible else None
    return Cadence("us", meant)


def _is_usual(size: int) -> bool:
    """Whether steps of a size meet midnight, or are whole days."""
    return DAY_MICROSECONDS % size == 0 or size % DAY_MICROSECONDS == 0


def _can_be_exact(size: int) -> bool:
    """Whether steps of a size are not a timer's drift: 301 s can be meant, 301.001 s cannot."""
    return size % SECOND == 0 or size < SECOND


def _evidence(cadence: Cadence, local: Times) -> CadenceEvidence:
    spans = np.diff(local)
    sizes = spans.astype(np.int64)
    jittered = cadence.fixed and is_jittered(sizes, cadence.count)
    steps = sizes / cadence.count if cadence.fixed else 1.0 * _whole_steps(cadence, local)
    steps = np.round(steps) if jittered else steps
    longer = steps > 1
    longest = spans[longer].max() / np.timedelta64(1, "s") if longer.any() else 0.0
    return CadenceEvidence(
        cadence=cadence,
        share=float(np.mean(steps == 1)),
        steps=len(steps),
        gaps=int(longer.sum()),
        longest_gap_seconds=float(longest),
        jitter_seconds=jitter_of(sizes, cadence.count) / SECOND if jittered else 0.0,
    )


def _whole_steps(cadence: Cadence, local: Times) -> Indices:
    if cadence.unit == "B":
        return np.diff(cadence.index_at_or_before(local))
    return np.diff(month_numbers(local)) // cadence.count


def _days_of_month(local: Times) -> Indices:
    days = local.astype("datetime64[D]")
    numbers: Indices = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    return numbers


def _most_common(numbers: Indices) -> int:
    found, counts = np.unique(numbers, return_counts=True)
    return int(found[np.argmax(counts)])
