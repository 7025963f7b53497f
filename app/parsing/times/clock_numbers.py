"""Times of day that are written as numbers without leading zeros: 5, 930, 2359."""

import re
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.arrow import to_mask
from app.parsing.times.guesses import start_of_clocks
from app.parsing.times.zone_names import without_clock

# Names of such a column, among them the abbreviation of its clock.
CLOCK_NAME = re.compile(r"hhmm(ss)?|time|clock|uhrzeit|heure|hora")
# Such numbers are those of a clock if a day has several.
MAYBE_CLOCK_NAME = re.compile(r".*time|utc|gmt|z|[a-z]{1,3}[sd]?t")
WIDTHS = {"%H%M": 4, "%H%M%S": 6}
LAST = {4: 2400, 6: 240_000}
DAY_MINUTES = 1440
LEAST_STEPS = 5


def clock_format_of(name: str, cells: list[str], days: list[list[str]]) -> str | None:
    """The format of a column of such numbers beside the rows' days; None if it holds others.

    Without the name of a clock, the numbers must count on in equal steps across a full hour.
    """
    if not all(re.fullmatch(r"\d{1,6}", cell) for cell in cells):
        return None
    width = 6 if max(map(len, cells)) > len("2359") else 4
    numbers = np.array([int(cell) for cell in cells])
    if not _are_clocks(numbers, width):
        return None
    form = "%H%M" if width == WIDTHS["%H%M"] else "%H%M%S"
    plain = re.sub(r"[^a-z]", "", without_clock(name).lower())
    is_named = CLOCK_NAME.fullmatch(plain) or (
        MAYBE_CLOCK_NAME.fullmatch(plain) and len(set(map(tuple, days))) < len(days)
    )
    if is_named or _counts_on(numbers, width):
        may_be_hours = numbers.max() <= 24 and np.ptp(numbers) > 0 and width == WIDTHS["%H%M"]
        return "%H" if may_be_hours and not plain.startswith("hhmm") else form
    return None


def _are_clocks(numbers: Any, width: int) -> bool:
    valid = (numbers <= LAST[width]) & (numbers % 100 < 60)
    if width > WIDTHS["%H%M"]:
        valid &= numbers // 100 % 100 < 60
    return bool(valid.all())


def _counts_on(numbers: Any, width: int) -> bool:
    if width != WIDTHS["%H%M"] or len(numbers) < LEAST_STEPS or numbers.max() < 100:
        return False
    minutes = numbers // 100 * 60 + numbers % 100
    steps = np.diff(minutes) % DAY_MINUTES
    return bool(steps[0] > 0 and (steps == steps[0]).all())


def begins_of_ranges(columns: list[Any]) -> list[Any]:
    """The columns of a time with the beginnings of ranges of times of day, such as `00 - 01`."""
    return [columns[0], *map(_begins, columns[1:])]


def _begins(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    if not len(texts) or not start_of_clocks(str(texts[0])):
        return column
    found = pc.unique(texts)
    shown = [text or "" for text in found.to_pylist()]
    starts = arrow.texts([start_of_clocks(text) or text for text in shown])
    return pc.take(starts, pc.index_in(texts, value_set=found))


def with_full_clocks(columns: list[Any], form: str | None) -> list[Any]:
    """The columns of a time with leading zeros where a format has hours and minutes touching.

    The format has one part for each column, separated by blanks.
    """
    parts = (form or "").split(" ")
    if len(parts) != len(columns) or not WIDTHS.keys() & set(parts):
        return columns
    return [
        _padded(column, WIDTHS[part]) if part in WIDTHS else column
        for part, column in zip(parts, columns, strict=True)
    ]


def _padded(column: Any, width: int) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    digits = pc.match_substring_regex(texts, r"^\d+$")
    if not to_mask(digits).any():
        return column
    return pc.if_else(digits, pc.utf8_lpad(texts, width, "0"), texts)
