"""Columns of texts that have one value in all rows of a series: facts about the series."""

from dataclasses import dataclass

import numpy as np

from app.parsing.columns import ChosenColumns
from app.parsing.contents import ReadRows
from app.parsing.keys.labels import NO_LABEL, coded
from app.parsing.sources.grids import Grid
from app.parsing.split.rows_of_parts import PartRows
from app.parsing.times.fields import Integers

Fact = str | int | float


@dataclass(frozen=True, slots=True)
class Facts:
    """For each column its name, its texts, and the code of the text of each series."""

    columns: tuple[tuple[str, tuple[str, ...], Integers], ...]

    def of(self, part: int) -> dict[str, Fact]:
        """The facts about one series."""
        return {
            name: texts[codes[part]]
            for name, texts, codes in self.columns
            if codes[part] != NO_LABEL
        }


def facts_of_columns(grid: Grid, chosen: ChosenColumns, read: ReadRows, rows: PartRows) -> Facts:
    """The facts that columns of texts state; fields without a value contradict none."""
    columns = []
    for number in chosen.text:
        codes, texts = coded(grid.columns[number])
        fixed = np.array([_only_code(codes[part]) for part in rows.usable], dtype=np.int64)
        if (fixed != NO_LABEL).any():
            columns.append((grid.layout.names[number], texts, fixed))
    return Facts(tuple(columns))


def _only_code(codes: Integers) -> int:
    present = codes[codes != NO_LABEL]
    is_fixed = len(present) > 0 and (present == present[0]).all()
    return int(present[0]) if is_fixed else NO_LABEL


def as_number(text: str) -> Fact:
    """A number where a text is exactly how it is written; otherwise the text: `007` stays."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if str(number) == text and np.isfinite(number):
            return number
    return text
