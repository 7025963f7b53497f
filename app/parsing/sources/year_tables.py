"""Read tables with a row for each year and a column for each month, as of climate indices."""

import re

import numpy as np

from app.parsing import arrow
from app.parsing.findings import Findings
from app.parsing.lines import Lines, RowTexts
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.grids import Grid
from app.parsing.sources.layout import Layout
from app.parsing.times.month_names import MONTHS
from app.parsing.values.cells import CellKind, kind_of

CHANNEL = "value"
YEAR = re.compile(r"[12]\d{3}")
MONTHS_OF_A_YEAR = range(1, 13)


def month_columns(
    layout: Layout, rows: list[list[str]], first_line: str
) -> tuple[int, list[int]] | None:
    """The columns of the year and of January to December; None if it is not such a table.

    Twelve columns without names may also be stations, unless the file's first line gives the first
    and the last year.
    """
    if layout.header_lines:
        named = [MONTHS.get(name.strip(" .").lower()) for name in layout.names]
        months = [number for number, month in enumerate(named) if month]
        in_order = [named[number] for number in months] == list(MONTHS_OF_A_YEAR)
        year = months[0] - 1 if in_order else -1
    else:
        span, months = first_line.split(), list(MONTHS_OF_A_YEAR)
        says_years = len(span) == 2 and span[0] == rows[0][0]
        year = 0 if says_years and len(layout.names) == len(months) + 1 else -1
    is_table = year >= 0 and all(YEAR.fullmatch(row[year]) for row in rows)
    return (year, months) if is_table else None


def by_month(grid: Grid, options: ReadOptions, record: ReadingRecord, findings: Findings) -> Grid:
    """A table of years as one channel by month; any other, or one with options, as it is."""
    first_line = record.lines[0].text if record.lines else ""
    found = month_columns(grid.layout, grid.first_rows, first_line)
    if found is None or options.columns or options.timestamp:
        return grid
    year, months = found
    years = [text.strip() for text in grid.columns[year].to_pylist()]
    if len(set(years)) < len(years):
        return grid  # rows of several stations
    _report(grid.layout, {year, *months}, findings)
    # Reports show the rows made here, which have no delimiter.
    record.dialect["delimiter"] = None
    times = [f"{text}-{month:02}" for text in years for month in MONTHS_OF_A_YEAR]
    values = zip(*(grid.columns[number].to_pylist() for number in months), strict=True)
    cells = [cell.strip() for row in values for cell in row]
    while cells and kind_of(cells[-1]) == CellKind.NOTHING:
        cells.pop()  # months in the future
    columns = [arrow.texts(times[: len(cells)]), arrow.texts(cells)]
    lines = np.repeat(grid.layout.body.numbers, len(months))[: len(cells)]
    layout = Layout(
        names=("time", CHANNEL),
        header_lines=max(grid.layout.header_lines, 1),
        kinds=(CellKind.MOMENT, CellKind.NUMBER),
        body=Lines(RowTexts(columns, np.arange(len(cells))), lines),
        rows_read=grid.layout.rows_read * len(months),
    )
    return Grid(layout, columns, grid.delimiter)


def _report(layout: Layout, used: set[int], findings: Findings) -> None:
    others = [name for number, name in enumerate(layout.names) if number not in used and name]
    left_out = f" Left out: {', '.join(others)}." if others else ""
    findings.report(
        "year_table",
        "The table has a row for each year and a column for each month. It was read as the channel "
        f"{CHANNEL!r} by month.{left_out}",
        len(layout.body),
    )
