"""Make the columns of a table from series that come one after the other."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.errors import DamagedFile, FileTooLarge, NotATable
from app.parsing.lines import MOST_LINES, Lines, RowTexts
from app.parsing.sources.layout import MOST_FIELDS, Layout, sample_rows, usual_kinds
from app.parsing.values.cells import CellKind


@dataclass(frozen=True, slots=True)
class FileSeries:
    """One series of a file.

    Args:
        line: Its line in the file.
        labels: Texts that are the same on all of its rows, by the names of their columns.
        columns: Texts of each row, by the names of their columns; all equally long.
    """

    line: int
    labels: dict[str, str]
    columns: dict[str, list[str]]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values())))


class SeriesTable:
    """Collects series; each becomes Arrow arrays at once, which take little memory."""

    def __init__(self, names: list[str], labels: list[str], limit_bytes: int) -> None:
        self.names = [*labels, *names]
        self.count = 0
        self._labels = labels
        self._limit_bytes = limit_bytes
        self._pieces: dict[str, list[Any]] = {name: [] for name in self.names}
        self._lines: list[tuple[int, int]] = []
        self._size_bytes = self._rows = 0

    def add(self, series: FileSeries) -> None:
        """Add a series.

        Raises:
            DamagedFile: If it has other columns than the ones before it.
            FileTooLarge: If all together are larger than the limit.
        """
        if [*series.labels, *series.columns] != self.names:
            raise DamagedFile(
                f"Line {series.line} must have the columns {', '.join(self.names)}, as others "
                f"have. Received: {', '.join([*series.labels, *series.columns])}"
            )
        made = {name: [text] * series.rows for name, text in series.labels.items()}
        for name, texts in (made | series.columns).items():
            self._size_bytes += sum(map(len, texts))
            self._require(series.rows)
            self._pieces[name].append(arrow.texts(texts))
        self._rows += series.rows
        self._lines.append((series.line, series.rows))
        self.count += 1

    def _require(self, more_rows: int) -> None:
        rows = self._rows + more_rows
        is_large = max(self._size_bytes, rows * len(self.names)) > self._limit_bytes
        if is_large or rows > MOST_LINES or len(self.names) > MOST_FIELDS:
            raise FileTooLarge(
                f"The file must have at most {MOST_LINES} rows of {MOST_FIELDS} columns and be at "
                f"most {self._limit_bytes} bytes long once each row has its time and labels."
            )

    def table(self) -> tuple[Layout, list[Any]]:
        """All rows as a layout and columns; columns of labels are texts, also if of digits.

        Raises:
            NotATable: If there is no row.
        """
        import pyarrow as pa

        if not self._rows:
            raise NotATable("The file has no rows.")
        columns = [pa.concat_arrays(self._pieces[name]) for name in self.names]
        lines, counts = np.array(self._lines, dtype=np.int64).T
        count = min(self._rows, sample_rows(len(columns)))
        firsts = (column.slice(0, count).to_pylist() for column in columns)
        kinds = usual_kinds([list(row) for row in zip(*firsts, strict=True)], len(columns))
        layout = Layout(
            names=tuple(self.names),
            header_lines=1,
            kinds=(*(CellKind.TEXT for _ in self._labels), *kinds[len(self._labels) :]),
            labels=frozenset(range(len(self._labels))),
            body=Lines(RowTexts(columns, np.arange(self._rows)), np.repeat(lines, counts)),
            rows_read=self._rows,
        )
        return layout, columns
