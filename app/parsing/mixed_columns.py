"""Recognise columns of numbers that begin with other texts, by rows from the whole file."""

from dataclasses import replace
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.options import ReadOptions
from app.parsing.pieces import Irregular
from app.parsing.sources.grids import Grid
from app.parsing.sources.layout import Layout
from app.parsing.values.cells import CellKind, kind_of
from app.parsing.values.odd_cells import without_texts

SAMPLE_ROWS = 1000
NUMBERS = (CellKind.NUMBER, CellKind.MAYBE_MOMENT)


def with_mixed_columns(grid: Grid, options: ReadOptions) -> Layout:
    """The layout, with columns as numbers if most of their fields are numbers in the whole file.

    A layout's kinds come from the first rows; a column of rain may begin with a dry season of
    `T`, and one of a known channel may hold nothing but texts that mean missing.
    """
    layout = grid.layout
    kinds = list(layout.kinds)
    for number, (name, kind) in enumerate(zip(layout.names, kinds, strict=True)):
        may_be_mixed = kind == CellKind.TEXT and number not in layout.labels
        if may_be_mixed and _holds_numbers(grid.columns[number], name, options):
            kinds[number] = CellKind.NUMBER
    return replace(layout, kinds=tuple(kinds))


def require_unmixed(layout: Layout, rows: list[list[str]], options: ReadOptions) -> None:
    """Leave a file to the reader of whole files if a column of texts may be one of numbers.

    Raises:
        Irregular: If the first rows hold numbers too, or the column is a channel of the series.
    """
    for number, (name, kind) in enumerate(zip(layout.names, layout.kinds, strict=True)):
        if kind != CellKind.TEXT:
            continue
        if name in options.known or any(kind_of(row[number]) in NUMBERS for row in rows):
            raise Irregular(f"the column {name!r} may mix texts and numbers")


def _holds_numbers(column: Any, name: str, options: ReadOptions) -> bool:
    marks = options.missing.get(name, [])
    every = max(len(column) // SAMPLE_ROWS, 1)
    places = arrow.indices(np.arange(0, len(column), every))
    sample = without_texts(column.take(places), marks)
    kinds = [kind_of(str(cell).strip()) for cell in sample.to_pylist() if cell is not None]
    filled = [kind for kind in kinds if kind != CellKind.NOTHING]
    if not filled:
        return bool(marks)
    return sum(kind in NUMBERS for kind in filled) > len(filled) / 2
