"""The channels of every row: columns read as numbers, bad rows kept aside."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.errors import Invalid
from app.parsing.options import Decimal
from app.parsing.rows import Rows
from app.parsing.values.numbers import read_numbers
from models.arrays import Values

# A column of which more than this share is no number is text that only began with numbers.
MOST_UNREADABLE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class ReadValues:
    """The columns that hold numbers.

    Args:
        places: Which of the columns do.
        values: One row of numbers for each line.
        decimal: Their decimal sign.
        units: Of the columns whose numbers had one beside them, by place.
    """

    places: list[int]
    values: Values
    decimal: Decimal
    units: dict[int, str]


def read_values(
    columns: list[Any],
    names: list[str],
    asked: Decimal | None,
    rows: Rows,
    *,
    points_are_sure: bool,
) -> ReadValues:
    """Read the columns that hold numbers.

    Raises:
        Invalid: If no column holds numbers.
    """
    read, decimal = read_numbers(columns, asked, points_are_sure=points_are_sure)
    kept = [
        place
        for place, numbers in enumerate(read)
        if numbers.unreadable.sum() <= MOST_UNREADABLE_SHARE * _filled(numbers)
    ]
    left_out = [name for place, name in enumerate(names) if place not in kept]
    if left_out:
        report_text(left_out, rows)
    if not kept:
        raise Invalid(
            f"No column holds numbers with the decimal sign {decimal!r}: {', '.join(names)}. "
            "Say the sign with `decimal=` or the separator with `delimiter=`."
        )
    for place in kept:
        reason = _reason(names[place], columns[place])
        rows.reject(read[place].unreadable, "unreadable_number", reason)
        rows.reject(read[place].infinite, "infinite_value", reason)
    _report_signs({names[place]: read[place].signs for place in kept}, rows)
    units = {place: unit for place in kept if (unit := read[place].unit)}
    _report_units({names[place]: unit for place, unit in units.items()}, rows)
    values = np.column_stack([read[place].values for place in kept])
    return ReadValues(kept, values, decimal, units)


def report_text(names: list[str], rows: Rows) -> None:
    """Report columns that hold text and were left out."""
    message = f"Columns that hold no numbers were left out: {', '.join(names)}."
    rows.findings.report("text_columns", message, len(names))


def _report_signs(signs: dict[str, frozenset[str]], rows: Rows) -> None:
    found = {name: "".join(sorted(one)) for name, one in signs.items() if one}
    if found:
        where = ", ".join(f"{name} ({one!r})" for name, one in found.items())
        message = (
            f"Signs beside the digits were read: {where}. Per cent stay per cent, K, M and B "
            "are thousands, millions and billions (10^9), brackets are a minus, * and # are "
            "marks of footnotes."
        )
        rows.findings.report("number_signs", message, len(found))


def _report_units(units: dict[str, str], rows: Rows) -> None:
    if units:
        where = ", ".join(f"{name} ({unit})" for name, unit in units.items())
        rows.findings.report("number_units", f"Units beside the digits: {where}.", len(units))


def _reason(name: str, column: Any) -> Callable[[int], str]:
    return lambda row: f"{name!r} is no finite number: {str(column[row])[:100]!r}"


def _filled(numbers: Any) -> int:
    return int((~np.isnan(numbers.values) | numbers.unreadable).sum())
