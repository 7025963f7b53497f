"""Join the columns of a time to one text for each row."""

from typing import Any

from app.parsing import arrow
from app.parsing.arrow import to_mask, trimmed


def joined(columns: list[Any], *, pad: bool) -> Any:
    """One text for each row; empty where a part is missing, so that midnight is not assumed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [pc.cast(column, pa.string()) for column in columns]
    first, *others = [trimmed(column) for column in texts]
    parts = [first, *(_padded(column) if pad else column for column in others)]
    joined, empty = parts[0], arrow.text("")
    for part in parts[1:]:
        complete = pc.and_(pc.not_equal(joined, empty), pc.not_equal(part, empty))
        both = pc.binary_join_element_wise(joined, part, arrow.text(" "))
        joined = pc.if_else(complete, both, empty)
    return joined


def _padded(column: Any) -> Any:
    """Times of day that are written as numbers, 5 or 930, with leading zeros: 0005, 0930.

    The longest number shows whether there are seconds; up to two digits are hours.
    """
    import pyarrow.compute as pc

    digits = pc.match_substring_regex(column, r"^\d{1,6}$")
    longest = pc.max(pc.utf8_length(column)).as_py() or 0
    if not 3 <= longest <= 6 or not to_mask(pc.or_(digits, pc.equal(column, arrow.text("")))).all():
        return column
    return pc.if_else(digits, pc.utf8_lpad(column, longest + longest % 2, "0"), column)
