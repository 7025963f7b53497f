"""Detect files that hold rows of several series, by the column that names them."""

import re
from typing import Any

import numpy as np

from app.parsing.arrow import to_integers
from app.parsing.columns import ChosenColumns
from app.parsing.errors import SeveralSeries
from app.parsing.rows import CheckedRows
from app.parsing.sources.layout import Layout
from app.parsing.times.fields import Integers
from app.parsing.values.cells import CellKind

SYMBOL_NAME = re.compile(
    r"[^a-z]*(symbol|ticker|instrument|isin|cusip|pair|asset|coin|stock|currency)s?[^a-z]*"
)
# If more than this share of the rows repeat a time, a column of few whole numbers may name their
# series.
MOST_REPEATED_SHARE = 1 / 3
MOST_LABELS = 200
SHOWN_VALUES = 10


def refuse_several_series(
    columns: list[Any], layout: Layout, chosen: ChosenColumns, times: Integers, rows: CheckedRows
) -> None:
    """Refuse a file with rows of several series.

    It is one that has a column of symbols with several values, a column of texts that differ at
    the same time, or a column of few whole numbers that differ in all rows of the same time.

    Raises:
        SeveralSeries: With the values that were found.
    """
    # Sorting times that are nearly in order takes a tenth of the time of `np.unique`.
    repeated = int((np.diff(np.sort(times[rows.usable], kind="stable")) == 0).sum())
    others = [number for number in range(len(columns)) if number not in (*chosen.time, chosen.zone)]
    for number in others:
        column, kind, name = columns[number], layout.kinds[number], layout.names[number]
        if kind == CellKind.TEXT:
            is_symbol = SYMBOL_NAME.fullmatch(name.lower()) is not None
            is_label = is_symbol or (
                repeated and _keys(column, times, rows) > _moments(times, rows)
            )
        else:
            is_label = (
                repeated > MOST_REPEATED_SHARE * len(times)
                and not chosen.asked
                and _few_whole_numbers(column)
                and _keys(column, times, rows) == rows.usable.sum()
            )
        values = _values(column) if is_label else []
        if len(values) > 1:
            raise SeveralSeries(_message(name, values, kind))


def _message(name: str, values: list[str], kind: CellKind) -> str:
    shown = ", ".join(repr(value) for value in values[:SHOWN_VALUES])
    more = ", ..." if len(values) > SHOWN_VALUES else ""
    choice = "" if kind == CellKind.TEXT else ", or name the channels with `columns=`"
    split = f"add `split={name}` to make each a series of its own"
    return (
        f"The file holds several series: the column {name!r} has {len(values)} values "
        f"({shown}{more}) that distinguish the rows. Upload each as its own series, or {split}"
        f"{choice}."
    )


def _values(column: Any) -> list[str]:
    import pyarrow.compute as pc

    found = (str(value).strip() for value in pc.unique(column).to_pylist() if value is not None)
    return [value for value in found if value]


def _few_whole_numbers(column: Any) -> bool:
    import pyarrow.compute as pc

    if len(pc.unique(column)) > MOST_LABELS:
        return False
    return all(re.fullmatch(r"\d{1,9}(\.0)?", value) for value in _values(column))


def _keys(column: Any, times: Integers, rows: CheckedRows) -> int:
    """The number of different pairs of a time and a value of the column."""
    import pyarrow.compute as pc

    codes = to_integers(pc.index_in(column, value_set=pc.unique(column)))
    keys = np.stack([times, codes], axis=1)[rows.usable]
    return len(np.unique(keys, axis=0))


def _moments(times: Integers, rows: CheckedRows) -> int:
    return len(np.unique(times[rows.usable]))
