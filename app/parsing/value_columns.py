"""Read the columns that become channels as numbers; odd fields of them are missing values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.parsing.errors import MissingColumns
from app.parsing.options import Decimal
from app.parsing.rows import CheckedRows
from app.parsing.values.numbers import Numbers, read_numbers
from app.parsing.values.odd_cells import OddCells, odd_cells, without_texts
from app.quality.missing_marks import MissingMarks
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
        odd: Fields that are not finite numbers, by column index.
    """

    places: list[int]
    values: Values
    decimal: Decimal
    units: dict[int, str]
    odd: dict[int, OddCells]


def read_values(
    columns: list[Any],
    names: list[str],
    asked: Decimal | None,
    rows: CheckedRows,
    *,
    missing: MissingMarks,
    points_are_sure: bool,
) -> ReadValues:
    """Read the columns that hold numbers.

    Raises:
        MissingColumns: If no column holds numbers.
    """
    columns = [without_texts(c, missing.get(n, [])) for c, n in zip(columns, names, strict=True)]
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
    values = np.column_stack([read[place].values for place in kept])
    odd = {place: one for place in kept if (one := odd_cells(columns[place], read[place]))}
    _reject_unusable({names[place]: one for place, one in odd.items()}, values, rows)
    _report_marks({names[place]: read[place].marks for place in kept}, rows)
    units = {place: unit for place in kept if (unit := read[place].unit)}
    _report_units({names[place]: unit for place, unit in units.items()}, rows)
    return ReadValues(kept, values, decimal, units, odd)


def _reject_unusable(odd: dict[str, OddCells], values: Values, rows: CheckedRows) -> None:
    """Quarantine the rows of which nothing can be used.

    They have no number and at least one odd field, whose text does not occur elsewhere in its
    column: the row may be damaged. A text that is repeated, or a comparison such as `<1`, says
    that the value of this time is missing.
    """
    if not odd:
        return
    is_empty = np.isnan(values).all(axis=1)
    if not is_empty.any():
        return
    for cells in odd.values():
        is_empty &= ~cells.marks()
    for name, cells in odd.items():
        reason = _reason(name, cells.column)
        rows.reject(is_empty & cells.unreadable, "unreadable_number", reason)
        rows.reject(is_empty & cells.infinite, "infinite_value", reason)


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


def _filled(numbers: Numbers) -> int:
    return int((~np.isnan(numbers.values) | numbers.unreadable).sum())
