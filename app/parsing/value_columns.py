"""Read the columns that become channels as numbers, and quarantine bad rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.parsing.errors import MissingColumns
from app.parsing.options import Decimal
from app.parsing.rows import CheckedRows
from app.parsing.values.numbers import read_numbers
from models.arrays import Values

# A column with a larger share of fields that are not numbers is text that only begins with numbers.
MOST_UNREADABLE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class ReadValues:
    """The columns that hold numbers.

    Args:
        places: The indices of those columns.
        values: One row of numbers for each line.
        decimal: Their decimal separator.
        units: Units that stood beside the numbers, by column index.
    """

    places: list[int]
    values: Values
    decimal: Decimal
    units: dict[int, str]


def read_values(
    columns: list[Any],
    names: list[str],
    asked: Decimal | None,
    rows: CheckedRows,
    *,
    points_are_sure: bool,
) -> ReadValues:
    """Read the columns that hold numbers.

    Raises:
        MissingColumns: If no column holds numbers.
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
        raise MissingColumns(
            f"No column holds numbers with the decimal separator {decimal!r}: {', '.join(names)}. "
            "Give it with `decimal=`, or the delimiter with `delimiter=`."
        )
    for place in kept:
        reason = _reason(names[place], columns[place])
        rows.reject(read[place].unreadable, "unreadable_number", reason)
        rows.reject(read[place].infinite, "infinite_value", reason)
    _report_marks({names[place]: read[place].marks for place in kept}, rows)
    units = {place: unit for place in kept if (unit := read[place].unit)}
    _report_units({names[place]: unit for place, unit in units.items()}, rows)
    values = np.column_stack([read[place].values for place in kept])
    return ReadValues(kept, values, decimal, units)


def report_text(names: list[str], rows: CheckedRows) -> None:
    """Report columns that hold text and were left out."""
    message = f"Columns that hold no numbers were left out: {', '.join(names)}."
    rows.findings.report("text_columns", message, len(names))


def _report_marks(marks: dict[str, frozenset[str]], rows: CheckedRows) -> None:
    found = {name: "".join(sorted(one)) for name, one in marks.items() if one}
    if found:
        where = ", ".join(f"{name} ({one!r})" for name, one in found.items())
        message = (
            f"Signs beside the digits were read: {where}. Percentages stay percentages, K, M and B "
            "are thousands, millions and billions (10^9), brackets are a minus, * and # are "
            "footnote marks."
        )
        rows.findings.report("number_signs", message, len(found))


def _report_units(units: dict[str, str], rows: CheckedRows) -> None:
    if units:
        where = ", ".join(f"{name} ({unit})" for name, unit in units.items())
        rows.findings.report("number_units", f"Units beside the digits: {where}.", len(units))


def _reason(name: str, column: Any) -> Callable[[int], str]:
    return lambda row: f"{name!r} is not a finite number: {str(column[row])[:100]!r}"


def _filled(numbers: Any) -> int:
    return int((~np.isnan(numbers.values) | numbers.unreadable).sum())
