"""Read columns of text as numbers: prove the decimal separator, recognise missing values."""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from app.parsing import arrow
from app.parsing.arrow import to_floats, to_mask
from app.parsing.errors import AmbiguousNumbers
from app.parsing.lines import Mask
from app.parsing.options import Decimal
from app.parsing.values.cells import NULLS
from app.parsing.values.number_marks import strip_marks, strip_unit

# Lakhs and crores: 12,34,567 is 1,234,567 in other groups.
INDIAN = r"\d{1,2}(,\d{2})+,\d{3}(\.\d*)?"
GROUPED_BY_POINTS = r"^[+-]?\d{1,3}(\.\d{3}){2,}$"
# Numbers that prove the decimal separator; `1,234` does not, it may have thousands or decimals.
# A mark that occurs twice in a number does not separate decimals.
ONLY_COMMA = (
    r"^[+-]?(\d+,\d{1,2}|\d+,\d{4,}|0\d*,\d+|\d{4,},\d+|,\d+|\d{1,3}(\.\d{3})+,\d+|\d+,\d+[eE].*"
    r"|\d{1,3}(\.\d{3}){2,})$"
)
# `+0123,5` of hourly weather reports (NOAA) is 12.3 with the quality 5: two numbers in a field.
WITH_FLAG = r"^[+-]\d{4,5},\d$"
PADDED = r"^[+-]0\d{3}"
ONLY_POINT = (
    r"^[+-]?(\d+\.\d{1,2}|\d+\.\d{4,}|0\d*\.\d+|\d{4,}\.\d+|\.\d+"
    r"|\d{1,3}(,\d{3})+\.\d+|\d+\.\d+[eE].*|\d{1,3}(,\d{3}){2,}|" + INDIAN + r")$"
)
WITH_COMMA = r"^[+-]?\d{1,3}(,\d{3})+$"
PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
THOUSANDS = {
    ".": r"^[+-]?(\d{1,3}(,\d{3})+(\.\d*)?|" + INDIAN + r")$",
    ",": r"^[+-]?\d{1,3}(\.\d{3})+(,\d*)?$",
}
INFINITE = r"^(?i)[+-]?inf(inity)?$"
WITH_POINT = r"^[+-]?[1-9]\d{0,2}(\.\d{3})+$"
SHORT = r"^[+-]?\d{1,3}$"
CONTRARY_SHARE = 0.05
SAMPLE_ROWS = 1000
_NO_MARKS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers.

    Args:
        values: The numbers; NaN where a field is empty, a word for a missing value, or unreadable.
        unreadable: Fields that are neither a number nor a word for a missing value.
        infinite: Fields that are infinite or too large for a float64.
        marks: Marks that stood beside the digits, such as a currency or a percent sign.
        unit: The unit of all fields, if it stood beside the digits.
    """

    values: npt.NDArray[np.float64]
    unreadable: Mask
    infinite: Mask
    marks: frozenset[str] = _NO_MARKS
    unit: str | None = None


def read_numbers(
    columns: list[Any], decimal: Decimal | None, *, points_are_sure: bool
) -> tuple[list[Numbers], Decimal]:
    """Read Arrow arrays of strings or of numbers, and detect their decimal separator.

    Args:
        columns: The columns; those of numbers come from files that hold numbers.
        decimal: The decimal separator, if the sender gives it.
        points_are_sure: Whether the point in `1.234` can only be a decimal point, as in files
            whose fields are separated by commas.

    Raises:
        AmbiguousNumbers: If `decimal` is not given and no field proves it.
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
    """Refuse columns with `1.234` and `987` if no number proves what points separate.

    Raises:
        AmbiguousNumbers: If every point of the file may separate thousands, and one column mixes
            such numbers with short ones: measured numbers would have trailing zeros, 987.000.
    """
    texts = [column for column in columns if _is_text(column)]
    if is_point_proven(texts):
        return
    unclear = [column for column in texts if _matching(column, WITH_POINT)]
    mixed = [column for column in unclear if _matching(column, SHORT)]
    if mixed and not any(_matching(column, ONLY_POINT) for column in texts):
        example = next(str(text) for text in mixed[0] if re.match(WITH_POINT, str(text)))
        raise AmbiguousNumbers(
            f"{example!r} can be a number with a decimal point or with thousands: no field "
            "of the file proves which. Give it with `decimal=,` or `decimal=.`."
        )


def is_point_proven(texts: list[Any]) -> bool:
    """Whether the first rows prove that points separate decimals; in most files a few rows do."""
    return any(_matching(column.slice(0, SAMPLE_ROWS), ONLY_POINT) for column in texts)


def decide_decimal(columns: list[Any]) -> Decimal:
    """The decimal separator of a file's columns, from numbers that only one separator explains.

    Raises:
        AmbiguousNumbers: If commas may separate decimals or thousands, and no field proves which.
    """
    import pyarrow.compute as pc

    with_commas = [c for c in columns if pc.any(pc.match_substring(c, ",")).as_py()]
    if not with_commas:
        is_grouped = any(_matching(column, GROUPED_BY_POINTS) for column in columns)
        return "," if is_grouped and not any(_matching(c, ONLY_POINT) for c in columns) else "."
    comma = sum(_matching(column, ONLY_COMMA) for column in columns)
    point = sum(_matching(column, ONLY_POINT) for column in columns)
    unclear = sum(_matching(column, WITH_COMMA) for column in with_commas)
    if min(comma, point) > CONTRARY_SHARE * max(comma, point):
        raise AmbiguousNumbers(
            f"{comma} fields are numbers with a decimal comma and {point} with a decimal "
            "point. Give the right one with `decimal=,` or `decimal=.`; the other fields are "
            "stored as missing."
        )
    if comma == point == 0 and unclear:
        example = next(
            str(text)
            for column in with_commas
            for text in column
            if re.match(WITH_COMMA, str(text))
        )
        raise AmbiguousNumbers(
            f"{example!r} can be a number with a decimal comma or with thousands: no field "
            "of the file proves which. Give it with `decimal=,` or `decimal=.`."
        )
    return "," if comma > point else "."


def _matching(column: Any, pattern: str) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(pc.match_substring_regex(column, pattern)).as_py() or 0)


def _cast_at_once(column: Any) -> npt.NDArray[np.float64] | None:
    """The fast path for columns in which every field is a plain number."""
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
    """A column without the marks and the unit beside its digits, and these.

    `is_flagged` says that each field holds a number and a flag, so that none can be read.
    """

    column: Any
    marks: frozenset[str] = _NO_MARKS
    unit: str | None = None
    is_flagged: bool = False


def _cleaned(column: Any) -> _Cleaned:
    """Trimmed texts with an ASCII minus, without marks and units."""
    import pyarrow.compute as pc

    trimmed = pc.replace_substring(pc.utf8_trim_whitespace(column), "\u2212", "-")
    bare, unit = strip_unit(trimmed)
    flagged = _matching(bare, WITH_FLAG) == len(bare) and bool(_matching(bare, PADDED))
    return _Cleaned(*strip_marks(bare), unit, flagged)


def _carefully(cleaned: _Cleaned, decimal: Decimal) -> Numbers:
    if not _is_text(cleaned.column):
        return _as_numbers(to_floats(cleaned.column, np.nan))
    if cleaned.is_flagged:
        nothing = np.full(len(cleaned.column), np.nan)
        return _as_numbers(nothing, np.ones(len(nothing), dtype=bool))
    numbers = _as_numbers(*_read_carefully(cleaned.column, decimal))
    return replace(numbers, marks=cleaned.marks, unit=cleaned.unit)


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
    """Numbers without thousands separators and with a decimal point; other texts unchanged."""
    import pyarrow.compute as pc

    thousands = "," if decimal == "." else "."
    has_thousands = pc.match_substring_regex(text, THOUSANDS[decimal])
    text = pc.if_else(has_thousands, pc.replace_substring(text, thousands, ""), text)
    if decimal == ".":
        return text
    # A point that does not separate thousands makes a field unreadable here: `1.5` must not become
    # 15 or 1.5.
    has_point = pc.and_(pc.match_substring(text, "."), pc.invert(has_thousands))
    text = pc.if_else(
        has_point, pc.binary_join_element_wise(arrow.text("?"), text, arrow.text("")), text
    )
    return pc.replace_substring(text, ",", ".")
