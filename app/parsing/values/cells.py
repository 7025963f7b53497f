"""Classify single fields: empty, a number, a moment, a time of day, or text."""

import re
from enum import StrEnum

from app.parsing.times.guesses import (
    clock_format,
    guess_epoch,
    guess_formats,
    start_of_clocks,
    start_of_interval,
    without_zone,
)
from app.parsing.values.number_marks import without_marks, without_unit

NULLS = frozenset(
    {"", "-", "--", "?", ".", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing"}
    | {"#na", "-nan", "<na>", "nat", "\\n", "#value!", "#div/0!", "#num!", "#ref!", "#name?", "m"}
    | {"*" * count for count in range(1, 9)}
    | {"unavailable", "unknown", "nodata"}
    | {"n.a.", "n.a", "n.d.", "nd", "..", "...", ":", "---", "(null)", "undefined", "no data"}
)
NUMBER = re.compile(r"[+\-\u2212]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?")
INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
# `18.00` is more likely a number; with a colon or two dots it can only be a time of day.
SURE_CLOCK = re.compile(r"\d{1,2}(?::\d{2}|\.\d{2}\.|h\d{2}$|\d{2} (?:UTC|GMT)$)")
# A day of the year 2000 looks the same, but full minutes are far more frequent.
WHOLE_MINUTE = re.compile(r"([01]?\d|2[0-3])\.[0-5]\d\.00")


class CellKind(StrEnum):
    """The kind of a field."""

    NOTHING = "nothing"
    NUMBER = "number"
    MOMENT = "moment"
    """A date, with or without a time of day, that cannot be a plain number."""
    MAYBE_MOMENT = "maybe moment"
    """A number that can be a date or seconds since 1970: 20220103, 1641200000."""
    CLOCK = "clock"
    TEXT = "text"


def kind_of(cell: str) -> CellKind:
    """The kind of a trimmed field."""
    if cell.lower() in NULLS:
        return CellKind.NOTHING
    if NUMBER.fullmatch(cell) or INFINITE.fullmatch(cell):
        return _kind_of_number(cell)
    if NUMBER.fullmatch(without_marks(cell)) or NUMBER.fullmatch(without_unit(cell)):
        return CellKind.NUMBER
    if SURE_CLOCK.match(cell) and clock_format(cell, after_date=False):
        return CellKind.CLOCK
    if start_of_clocks(cell):
        return CellKind.CLOCK
    is_moment = guess_formats(without_zone(cell)) or start_of_interval(cell)
    return CellKind.MOMENT if is_moment else CellKind.TEXT


def _kind_of_number(cell: str) -> CellKind:
    """`01.02.2003` looks like a number with thousands, but two dots apart make a date."""
    if WHOLE_MINUTE.fullmatch(cell):
        return CellKind.CLOCK
    if max(cell.count("."), cell.count("-")) > 1 and guess_formats(cell):
        return CellKind.MOMENT
    if SURE_CLOCK.match(cell) and clock_format(cell, after_date=False):
        return CellKind.CLOCK
    # Six digits are a month only if the column's name or position says so.
    is_date = cell.isdigit() and len(cell) != len("YYYYMM") and guess_formats(cell)
    is_moment = is_date or guess_epoch(cell)
    return CellKind.MAYBE_MOMENT if is_moment else CellKind.NUMBER
