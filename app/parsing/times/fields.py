"""Apply one time format to a whole column: from groups of digits to microseconds."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from app.parsing import arrow
from app.parsing.arrow import to_floats, to_integers, to_mask
from app.parsing.lines import Mask
from app.parsing.times.decimal_years import decimal_format, decimal_years
from app.parsing.times.formats import (
    DECIMAL_YEAR,
    DECIMAL_YEARS,
    EPOCH_UNITS,
    SPREADSHEET,
    TimeFormat,
)
from app.parsing.times.month_names import MONTHS
from app.parsing.times.texts import Column

Integers = npt.NDArray[np.int64]

FIRST_YEAR, LAST_YEAR = 1000, 2999
# Day 0 is 30 December 1899: spreadsheets count a 29 February 1900, which did not exist.
SPREADSHEET_EPOCH_DAYS = 25_569
# Two digits mean 1969 to 2068 by the rule of strptime.
LAST_TWO_DIGIT_YEAR = 68
# The longest first, so that none is part of a later one.
ROMAN_QUARTERS = {"III": "3", "IV": "4", "II": "2", "I": "1"}
MICROSECONDS = {"D": 86_400_000_000, "H": 3_600_000_000, "M": 60_000_000, "S": 1_000_000}
TIME_OF_DAY = frozenset("HIMSfpz")


@dataclass(frozen=True, slots=True)
class Reading:
    """A format applied to all rows: microseconds since 1970, and a mask of the valid ones.

    `offsets` are the offsets from UTC that the texts contain, in microseconds.
    """

    format: TimeFormat
    times: Integers
    valid: Mask
    offsets: Integers | None = None


def apply_format(column: Column, form: TimeFormat) -> Reading:
    """Read every row of a column by one format, which need not match all rows."""
    import pyarrow.compute as pc

    digits = column.digits(form)
    if digits is not None:
        return _civil(form, digits, np.ones(len(column), dtype=bool))
    found = column.search(form)
    matched = to_mask(pc.is_valid(found))
    if not matched.any():
        return Reading(form, np.zeros(len(column), dtype=np.int64), matched)
    fields = {name: pc.struct_field(found, n) for n, name in enumerate(form.directives)}
    if form.text in EPOCH_UNITS:
        return _epoch(form, fields["epoch"], matched)
    if form.text == SPREADSHEET:
        return _serial(form, fields["serial"], matched)
    if form.text in DECIMAL_YEARS:
        return _decimal(form, to_floats(fields["decimal"], 1970.0), matched)
    return _civil(form, fields, matched)


def _numbers(field: Any) -> Integers:
    """The numbers of a group, from digits in an Arrow array or as they are."""
    return field if isinstance(field, np.ndarray) else to_integers(field)


def _epoch(form: TimeFormat, numbers: Any, matched: Mask) -> Reading:
    microseconds = to_floats(numbers, 0.0) * EPOCH_UNITS[form.text]
    years = microseconds / (365.2425 * 86_400e6) + 1970
    valid = matched & (years > FIRST_YEAR) & (years < LAST_YEAR)
    return Reading(form, np.rint(np.where(valid, microseconds, 0)).astype(np.int64), valid)


def _serial(form: TimeFormat, numbers: Any, matched: Mask) -> Reading:
    """Spreadsheet days, whose fractions are exact to the millisecond at best."""
    days = to_floats(numbers, 0.0) - SPREADSHEET_EPOCH_DAYS
    times = np.rint(days * 86_400_000).astype(np.int64) * 1000
    return Reading(form, times, matched & (days > -SPREADSHEET_EPOCH_DAYS))


def _decimal(form: TimeFormat, numbers: npt.NDArray[np.float64], matched: Mask) -> Reading:
    """Decimal years; the format of the result says what their fractions count."""
    text = decimal_format(numbers[matched]) if form.text == DECIMAL_YEAR else form.text
    return Reading(replace(form, text=text), decimal_years(numbers, text), matched)


def _civil(form: TimeFormat, fields: dict[str, Any], matched: Mask) -> Reading:
    midnights, days_valid = _midnights(fields, matched)
    clock, clock_valid = _clock(fields, len(matched))
    offsets = _offset(fields["z"]) if "z" in fields else None
    times = midnights + clock
    if offsets is not None:
        times -= offsets
    return Reading(form, times, matched & days_valid & clock_valid, offsets)


def _midnights(fields: dict[str, Any], matched: Mask) -> tuple[Integers, Mask]:
    """When each row's day begins."""
    dates = {name: field for name, field in fields.items() if name not in TIME_OF_DAY}
    if not all(isinstance(field, np.ndarray) for field in dates.values()):
        days, valid = _days(fields, matched)
        return days.astype(np.int64) * MICROSECONDS["D"], valid
    # Rows of one day mostly follow each other: the first of them is computed.
    is_first = np.append(True, np.zeros(len(matched) - 1, dtype=bool))
    for field in dates.values():
        is_first[1:] |= field[1:] != field[:-1]
    first = np.flatnonzero(is_first)
    days, valid = _days({name: field[first] for name, field in dates.items()}, matched[first])
    rows = np.diff(np.append(first, len(matched)))
    return np.repeat(days.astype(np.int64) * MICROSECONDS["D"], rows), np.repeat(valid, rows)


def full_years(digits: Integers, matched: Mask) -> Integers:
    """Two-digit years in the century that gives the rows the shortest span.

    Measurements are of the past: if both centuries give the same span, the one that ends no later
    than next year is used, so that 49 to 60 are 1949 to 1960.
    """
    next_year = datetime.now(UTC).year + 1 - 2000
    last_years = (next_year, LAST_TWO_DIGIT_YEAR)
    readings = [digits + np.where(digits > last, 1900, 2000) for last in last_years]
    return min(readings, key=lambda years: int(np.ptp(years[matched])))


def _days(fields: dict[str, Any], matched: Mask) -> tuple[npt.NDArray[np.datetime64], Mask]:
    year = _years(fields, matched)
    valid = (year >= FIRST_YEAR) & (year <= LAST_YEAR)
    start = (np.where(valid, year, 1970) - 1970).astype("datetime64[Y]")
    if "j" in fields:
        return _within(start, start + 1, _numbers(fields["j"]), valid)
    if "V" in fields:
        return _week_days(start, fields, valid)
    rows = len(matched)
    month = _month(fields, rows)
    valid &= (month >= 1) & (month <= 12)
    start = start.astype("datetime64[M]") + np.where(valid, month - 1, 0)
    day = _numbers(fields["d"]) if "d" in fields else np.ones(rows, dtype=np.int64)
    return _within(start, start + 1, day, valid)


def _years(fields: dict[str, Any], matched: Mask) -> Integers:
    full = next((fields[name] for name in "YG" if name in fields), None)
    return full_years(_numbers(fields["y"]), matched) if full is None else _numbers(full)


def _week_days(
    start: npt.NDArray[np.datetime64], fields: dict[str, Any], valid: Mask
) -> tuple[npt.NDArray[np.datetime64], Mask]:
    """A day of an ISO week, Monday by default; the first week of a year contains 4 January."""
    week = _numbers(fields["V"])
    first, following = _first_mondays(start), _first_mondays(start + 1)
    day = _numbers(fields["u"]) if "u" in fields else np.ones(len(week), dtype=np.int64)
    weeks = (following - first).astype(np.int64) // 7
    valid = valid & (week >= 1) & (week <= weeks)
    return first + np.where(valid, (week - 1) * 7 + day - 1, 0), valid


def _first_mondays(years: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    fourth = years.astype("datetime64[D]").astype(np.int64) + 3
    # Day 0, 1 January 1970, was a Thursday.
    return (fourth - (fourth + 3) % 7).astype("datetime64[D]")


def _within(
    start: npt.NDArray[np.datetime64],
    end: npt.NDArray[np.datetime64],
    number: Integers,
    valid: Mask,
) -> tuple[npt.NDArray[np.datetime64], Mask]:
    """The day with a number, counted from 1, inside a month or a year."""
    first = start.astype("datetime64[D]")
    length = (end.astype("datetime64[D]") - first).astype(np.int64)
    valid = valid & (number >= 1) & (number <= length)
    return first + np.where(valid, number - 1, 0), valid


def _month(fields: dict[str, Any], rows: int) -> Integers:
    if "m" in fields:
        return _numbers(fields["m"])
    if "q" in fields:
        return _quarters(fields["q"]) * 3 - 2
    if "K" in fields:
        return _numbers(fields["K"]) * 6 - 5
    if "b" not in fields:
        return np.ones(rows, dtype=np.int64)
    import pyarrow.compute as pc

    place = pc.index_in(pc.utf8_lower(fields["b"]), value_set=arrow.texts(list(MONTHS)))
    numbers = np.array([*MONTHS.values(), 0])
    return numbers[np.where(to_mask(pc.is_valid(place)), to_integers(place), len(MONTHS))]


def _quarters(field: Any) -> Integers:
    """Quarters in digits or in Roman numerals."""
    import pyarrow.compute as pc

    for roman, digit in ROMAN_QUARTERS.items():
        field = pc.replace_substring(field, roman, digit)
    return _numbers(field)


def _clock(fields: dict[str, Any], rows: int) -> tuple[Integers, Mask]:
    """Microseconds since midnight; 24:00 is the next midnight, as in ISO 8601."""
    parts = {name: _numbers(fields[name]) for name in ("H", "M", "S") if name in fields}
    valid = np.ones(rows, dtype=bool)
    if "I" in fields:
        hour = _numbers(fields["I"])
        valid &= (hour >= 1) & (hour <= 12)
        parts["H"] = hour % 12 + 12 * _afternoon(fields, rows)
    clock = np.zeros(rows, dtype=np.int64)
    for name, number in parts.items():
        valid &= number <= (24 if name == "H" else 59)
        clock += number * MICROSECONDS[name]
    if "f" in fields:
        clock += _fraction(fields["f"])
    return clock, valid & (clock <= 24 * MICROSECONDS["H"])


def _afternoon(fields: dict[str, Any], rows: int) -> Mask:
    if "p" not in fields:
        return np.zeros(rows, dtype=bool)
    import pyarrow.compute as pc

    return to_mask(pc.starts_with(fields["p"], "p", ignore_case=True))


def _fraction(digits: Any) -> Integers:
    import pyarrow.compute as pc

    return np.rint(
        to_floats(pc.binary_join_element_wise(arrow.text("0"), digits, arrow.text(".")), 0.0) * 1e6
    ).astype(np.int64)


def _offset(texts: Any) -> Integers:
    """The offset from UTC in microseconds, positive in the east; names such as Z or UTC mean 0."""
    import pyarrow.compute as pc

    if isinstance(texts, np.ndarray):
        return texts
    found = pc.extract_regex(texts, r"(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?$")
    hours = to_integers(pc.struct_field(found, "hours"))
    minutes_text = pc.struct_field(found, "minutes")
    minutes = to_integers(
        pc.if_else(pc.equal(minutes_text, arrow.text("")), arrow.text("0"), minutes_text)
    )
    is_west = to_mask(pc.equal(pc.struct_field(found, "sign"), arrow.text("-")))
    seconds = hours * 3600 + minutes * 60
    return np.where(is_west, -seconds, seconds) * MICROSECONDS["S"]
