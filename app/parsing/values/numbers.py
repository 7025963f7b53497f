"""Columns of text to numbers: the decimal sign proven, missing values known."""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import Invalid
from app.parsing import arrow
from app.parsing.arrow import to_floats, to_mask
from app.parsing.lines import Mask
from app.parsing.options import Decimal
from app.parsing.values.cells import NULLS
from app.parsing.values.number_marks import read_signs, read_unit

# What only one decimal sign can explain; `1,234` is a thousand to some and not to others.
ONLY_COMMA = (
    r"^[+-]?(\d+,\d{1,2}|\d+,\d{4,}|0\d*,\d+|\d{4,},\d+|,\d+|\d{1,3}(\.\d{3})+,\d+|\d+,\d+[eE].*)$"
)
# `+0123,5` of hourly weather reports (NOAA) is 12.3 of the quality 5: two numbers in one field.
WITH_FLAG = r"^[+-]\d{4,5},\d$"
PADDED = r"^[+-]0\d{3}"
ONLY_POINT = (
    r"^[+-]?(\d+\.\d{1,2}|\d+\.\d{4,}|0\d*\.\d+|\d{4,}\.\d+|\.\d+"
    r"|\d{1,3}(,\d{3})+\.\d+|\d+\.\d+[eE].*)$"
)
WITH_COMMA = r"^[+-]?\d{1,3}(,\d{3})+$"
PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
THOUSANDS = {
    ".": r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$",
    ",": r"^[+-]?\d{1,3}(\.\d{3})+(,\d*)?$",
}
INFINITE = r"^(?i)[+-]?inf(inity)?$"
WITH_POINT = r"^[+-]?[1-9]\d{0,2}(\.\d{3})+$"
SHORT = r"^[+-]?\d{1,3}$"
CONTRARY_SHARE = 0.05
SAMPLE_ROWS = 1000
_NO_SIGNS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers.

    Args:
        values: The numbers; NaN where a field is empty, says so, or is unreadable.
        unreadable: Fields that are neither a number nor a word for a missing value.
        infinite: Fields that are infinite or too large for a float64.
        signs: What stood beside the digits, such as a currency or a per cent sign.
        unit: What all of them were measured in, where it stood beside the digits.
    """

    values: npt.NDArray[np.float64]
    unreadable: Mask
    infinite: Mask
    signs: frozenset[str] = _NO_SIGNS
    unit: str | None = None


def read_numbers(
    columns: list[Any], decimal: Decimal | None, *, points_are_sure: bool
) -> tuple[list[Numbers], Decimal]:
    """Read Arrow arrays of strings or of numbers, and say which decimal sign they have.

    Args:
        columns: The columns; those of numbers come from files that hold numbers.
        decimal: The decimal sign, if the sender says it.
        points_are_sure: Whether `1.234` can only be a little more than one, as it is where
            commas separate the fields.

    Raises:
        Invalid: If `decimal` is not given and nothing tells which it is.
    """
    if decimal != ",":
        values = [_cast_at_once(column) for column in columns]
        if all(column is not None for column in values):
            if not (points_are_sure or decimal):
                refuse_unclear_points(columns)
            return [_as_numbers(column) for column in values if column is not None], "."
    cleaned = [_cleaned(column) if _is_text(column) else _Cleaned(column) for column in columns]
    texts = [one.column for one in cleaned if _is_text(one.column) and not one.is_flagged]
    sign = decimal or decide_decimal(texts)
    return [_carefully(one, sign) for one in cleaned], sign


def refuse_unclear_points(columns: list[Any]) -> None:
    """Refuse columns that read `1.234` and `987` when no number of the file tells what points are.

    Raises:
        Invalid: If every point of the file may stand for thousands, and one column mixes
            such numbers with short ones: measured numbers would have their zeros, 987.000.
    """
    texts = [column for column in columns if _is_text(column)]
    if is_point_proven(texts):
        return
    unclear = [column for column in texts if _matching(column, WITH_POINT)]
    mixed = [column for column in unclear if _matching(column, SHORT)]
    if mixed and not any(_matching(column, ONLY_POINT) for column in texts):
        example = next(str(text) for text in mixed[0] if re.match(WITH_POINT, str(text)))
        raise Invalid(
            f"{example!r} can be a number with a decimal point or with thousands: no field "
            "of the file tells which. Say it with `decimal=,` or `decimal=.`."
        )


def is_point_proven(texts: list[Any]) -> bool:
    """Whether points are decimal signs by the first rows; a few of most files hold the proof."""
    return any(_matching(column.slice(0, SAMPLE_ROWS), ONLY_POINT) for column in texts)


def decide_decimal(columns: list[Any]) -> Decimal:
    """The decimal sign of a file's number columns, from what only one sign can explain.

    Raises:
        Invalid: If commas can be decimal signs or thousands, and nothing tells which.
    """
    import pyarrow.compute as pc

    with_commas = [c for c in columns if pc.any(pc.match_substring(c, ",")).as_py()]
    if not with_commas:
        return "."
    comma = sum(_matching(column, ONLY_COMMA) for column in columns)
    point = sum(_matching(column, ONLY_POINT) for column in columns)
    unclear = sum(_matching(column, WITH_COMMA) for column in with_commas)
    if min(comma, point) > CONTRARY_SHARE * max(comma, point):
        raise Invalid(
            f"{comma} fields are numbers with a decimal comma and {point} with a decimal "
            "point. Say which it is with `decimal=,` or `decimal=.`; the others are kept aside."
        )
    if comma == point == 0 and unclear:
        example = next(
            str(text)
            for column in with_commas
            for text in column
            if re.match(WITH_COMMA, str(text))
        )
        raise Invalid(
            f"{example!r} can be a number with a decimal comma or with thousands: no field "
            "of the file tells which. Say it with `decimal=,` or `decimal=.`."
        )
    return "," if comma > point else "."


def _matching(column: Any, pattern: str) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(pc.match_substring_regex(column, pattern)).as_py() or 0)


def _cast_at_once(column: Any) -> npt.NDArray[np.float64] | None:
    """The fast path for columns where every field is a plain number."""
    import pyarrow as pa

    try:
        return to_floats(column, np.nan)
    except pa.ArrowInvalid:
        return None


def _as_numbers(values: npt.NDArray[np.float64], unreadable: Mask | None = None) -> Numbers:
    infinite = np.isinf(values)
    if infinite.any():
        values = np.where(infinite, np.nan, values)
    nothing = np.zeros(len(values), dtype=bool)
    return Numbers(values, nothing if unreadable is None else unreadable, infinite)


def _is_text(column: Any) -> bool:
    import pyarrow as pa

    return bool(column.type == pa.string())


@dataclass(frozen=True, slots=True)
class _Cleaned:
    """A column without what stood beside its digits, and what that was.

    `is_flagged` says that its fields hold a number and a flag each, and so none that can be read.
    """

    column: Any
    signs: frozenset[str] = _NO_SIGNS
    unit: str | None = None
    is_flagged: bool = False


def _cleaned(column: Any) -> _Cleaned:
    """Trimmed texts with a plain minus and nothing beside the digits."""
    import pyarrow.compute as pc

    trimmed = pc.replace_substring(pc.utf8_trim_whitespace(column), "\u2212", "-")
    bare, unit = read_unit(trimmed)
    flagged = _matching(bare, WITH_FLAG) == len(bare) and bool(_matching(bare, PADDED))
    return _Cleaned(*read_signs(bare), unit, flagged)


def _carefully(cleaned: _Cleaned, decimal: Decimal) -> Numbers:
    if not _is_text(cleaned.column):
        return _as_numbers(to_floats(cleaned.column, np.nan))
    if cleaned.is_flagged:
        nothing = np.full(len(cleaned.column), np.nan)
        return _as_numbers(nothing, np.ones(len(nothing), dtype=bool))
    numbers = _as_numbers(*_read_carefully(cleaned.column, decimal))
    return replace(numbers, signs=cleaned.signs, unit=cleaned.unit)


def _read_carefully(text: Any, decimal: Decimal) -> tuple[npt.NDArray[np.float64], Mask]:
    import pyarrow as pa
    import pyarrow.compute as pc

    is_null = pc.is_in(pc.utf8_lower(text), value_set=arrow.texts(sorted(NULLS)))
    text = _with_point(text, decimal)
    is_infinite = pc.match_substring_regex(text, INFINITE)
    is_number = pc.or_(pc.match_substring_regex(text, PLAIN), is_infinite)
    readable = pc.if_else(is_number, text, pa.nulls(1, pa.string())[0])
    return to_floats(readable, np.nan), to_mask(pc.invert(pc.or_(is_number, is_null)))


def _with_point(text: Any, decimal: Decimal) -> Any:
    """Numbers without thousands signs and with a decimal point; anything else is left alone."""
    import pyarrow.compute as pc

    thousands = "," if decimal == "." else "."
    has_thousands = pc.match_substring_regex(text, THOUSANDS[decimal])
    text = pc.if_else(has_thousands, pc.replace_substring(text, thousands, ""), text)
    if decimal == ".":
        return text
    # A point that is no thousands sign is no number here: `1.5` must not become 15 or 1.5.
    has_point = pc.and_(pc.match_substring(text, "."), pc.invert(has_thousands))
    text = pc.if_else(
        has_point, pc.binary_join_element_wise(arrow.text("?"), text, arrow.text("")), text
    )
    return pc.replace_substring(text, ",", ".")
