"""Read a sheet of a workbook (xlsx, ods) as a table."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import IO, Any

from app.parsing.errors import DamagedFile, NotATable, OptionInvalid, SeveralTables
from app.parsing.findings import Findings
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.cell_rows import read_cells
from app.parsing.sources.layout import Layout
from app.parsing.sources.workbook_limits import require_bounded, workbook_format
from app.parsing.times.column_names import is_time_name
from app.parsing.values.cells import CellKind, kind_of
from models.errors import Problem

INSTALL = (
    "The file is a workbook ({form}), and this service is installed without a reader of workbooks: "
    "save the sheet as CSV, or install the extra `excel`."
)
LEAST_ROWS = 2
SHOWN_SHEETS = 20
# Workbooks store times as fractions of a day, which are not exact below this.
ROUNDED = timedelta(milliseconds=1)
MOST_HEADER_ROWS = 3
TIMES = (CellKind.MOMENT, CellKind.CLOCK)

# The first and the last cell of a range, as row and column from 0.
Merged = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet's rows of texts, each with its number in the sheet."""

    name: str
    rows: list[tuple[int, list[str]]]
    is_hidden: bool = False

    @property
    def is_table(self) -> bool:
        """Whether there is a header or a row above a row with a number or a time."""
        return len(self.rows) >= LEAST_ROWS and any(map(_has_data, self._last_rows))

    @property
    def has_time(self) -> bool:
        """Whether a row holds a time, or a column has the name of one."""
        rows = [cells for _, cells in self.rows[: MOST_HEADER_ROWS + 1]]
        named = any(is_time_name(cell) for cells in rows for cell in cells if cell)
        return named or any(kind_of(cell) in TIMES for cells in self._last_rows for cell in cells)

    @property
    def _last_rows(self) -> list[list[str]]:
        return [cells for _, cells in self.rows[1:100]]


def read_workbook(
    file: IO[bytes],
    options: ReadOptions,
    findings: Findings,
    record: ReadingRecord,
    *,
    limit_bytes: int,
) -> tuple[Layout, list[Any]]:
    """The table in one sheet.

    Raises:
        FileTooLarge: If it takes more memory than the limit once unpacked.
        DamagedFile: If it is broken or locked.
        NotATable: If no sheet holds a table.
        SeveralTables: If several do, and none is asked for.
    """
    form = workbook_format(file)
    record.dialect |= {"format": form, "encoding": None}
    require_bounded(file, form, limit_bytes)
    sheets = _sheets(file, form)
    chosen = _chosen(sheets, options.sheet, findings)
    record.dialect["sheet"] = chosen.name
    return read_cells(chosen.rows, options, findings, record, limit_bytes=limit_bytes)


def _sheets(file: IO[bytes], form: str) -> list[Sheet]:
    """All sheets with their cells."""
    try:
        import python_calamine as calamine
    except ImportError as error:
        raise NotATable(INSTALL.format(form=form)) from error
    file.seek(0)
    visible = calamine.SheetVisibleEnum
    try:
        with calamine.CalamineWorkbook.from_filelike(file) as book:
            return [
                _sheet(book.get_sheet_by_name(one.name), one.visible != visible.Visible)
                for one in book.sheets_metadata
                if one.typ == calamine.SheetTypeEnum.WorkSheet
            ]
    except (calamine.CalamineError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise DamagedFile(f"The file is a damaged or locked workbook ({form}): {error}") from error
    except BaseException as error:
        # An error inside the reader, which Python raises outside of `Exception`.
        if type(error).__name__ != "PanicException":
            raise
        raise DamagedFile(f"The file is a damaged workbook ({form}).") from error


def _sheet(sheet: Any, is_hidden: bool) -> Sheet:
    first_row, first_column = sheet.start or (0, 0)
    merged = [
        ((top - first_row, left - first_column), (bottom - first_row, right - first_column))
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or []
    ]
    rows = [[_text(cell) for cell in cells] for cells in sheet.to_python(skip_empty_area=True)]
    merged_rows = sum(bottom - top + 1 for (top, _), (bottom, _) in merged)
    if merged_rows > len(rows) * max(map(len, rows), default=0):
        merged = []  # ranges that overlap are not of a table
    headers = _count_headers(rows, merged)
    _join_headers(rows, headers, [one for one in merged if one[0][0] == one[1][0]])
    _fill_down(rows, headers, [one for one in merged if one[0][1] == one[1][1]])
    return Sheet(sheet.name, list(_numbered(rows, first_row + 1)), is_hidden)


def _text(cell: Any) -> str:
    """A cell as text: dates in ISO form, numbers with all their digits."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return _moment(cell)
    if isinstance(cell, timedelta):
        return _duration(cell)
    return cell.isoformat() if isinstance(cell, (date, time)) else str(cell)


def _moment(cell: datetime) -> str:
    half = ROUNDED / 2
    rounded = cell + half
    rounded -= timedelta(microseconds=rounded.microsecond % 1000)
    return rounded.isoformat(sep=" ")


def _duration(cell: timedelta) -> str:
    """Hours, minutes and seconds; there may be more than 24 hours."""
    seconds = round(cell.total_seconds())
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _count_headers(rows: list[list[str]], merged: list[Merged]) -> int:
    """The rows above the first with data; years that are merged over columns are names."""
    over = [top for (top, left), (_, right) in merged if left < right and top < MOST_HEADER_ROWS]
    names = [row for row in over if 0 <= row < len(rows) and not _has_time(rows[row])]
    start = max(names, default=-1) + 1
    return next((n for n in range(start, len(rows)) if _has_data(rows[n])), 0)


def _has_time(cells: list[str]) -> bool:
    return any(kind_of(cell) in TIMES for cell in cells)


def _join_headers(rows: list[list[str]], headers: int, merged: list[Merged]) -> None:
    """Put the texts of cells that are merged over columns before the names below them."""
    by_row: dict[int, list[tuple[int, int]]] = {}
    for (row, first), (_, last) in merged:
        by_row.setdefault(row, []).append((first, last))
    for row in sorted(by_row):
        above = rows[row] if 0 <= row < headers - 1 else []
        if not above or (sum(map(bool, above)) < 2 and len(by_row[row]) < 2):
            continue  # a title over the whole table, or cells among the rows
        for first, last in by_row[row]:
            above[first : last + 1] = [above[first]] * (last + 1 - first)
        rows[row + 1] = [
            " ".join(dict.fromkeys(filter(None, pair)))
            for pair in zip(above, rows[row + 1], strict=True)
        ]
        rows[row] = [""] * len(above)


def _fill_down(rows: list[list[str]], headers: int, merged: list[Merged]) -> None:
    """Repeat cells that are merged over rows, such as a date over its hours."""
    for (first, column), (last, _) in merged:
        if 0 <= headers <= first and column >= 0:
            for row in range(first + 1, min(last + 1, len(rows))):
                rows[row][column] = rows[first][column]


def _numbered(rows: list[list[str]], first: int) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something; a title or a note has only its own cells, and no empty ones."""
    filled = [sum(map(bool, cells)) for cells in rows]
    usual = median([count for count in filled if count] or [0])
    columns = [n for n in range(max(map(len, rows), default=0)) if any(row[n] for row in rows)]
    is_before = True
    for number, (cells, count) in enumerate(zip(rows, filled, strict=True), start=first):
        is_before &= 2 * count < usual
        if count and is_before:
            yield number, [cell for cell in cells if cell]
        elif count:
            yield number, [cells[n] for n in columns]


def _has_data(cells: list[str]) -> bool:
    """Whether a row holds a number or a time, and is not of names alone."""
    kinds = [kind_of(cell) for cell in cells if cell]
    return any(kind not in (CellKind.TEXT, CellKind.NOTHING) for kind in kinds)


def _chosen(sheets: list[Sheet], asked: str | None, findings: Findings) -> Sheet:
    if asked is not None:
        return _asked(sheets, asked)
    tables = [sheet for sheet in sheets if sheet.is_table]
    tables = [sheet for sheet in tables if not sheet.is_hidden] or tables
    found = [sheet for sheet in tables if sheet.has_time] or tables
    if not found:
        names = ", ".join(sheet.name for sheet in sheets[:SHOWN_SHEETS])
        raise NotATable(f"The workbook has no sheet with a table. Sheets: {names}.")
    if len(found) > 1:
        names = ", ".join(f"`sheet={sheet.name}`" for sheet in found[:SHOWN_SHEETS])
        raise SeveralTables(
            f"The workbook has {len(found)} sheets with a table. Say which one is to be read with "
            f"{names}."
        )
    others = [sheet.name for sheet in sheets if sheet.rows and sheet is not found[0]]
    if others:
        message = (
            f"The sheet {found[0].name!r} was read. Left out: {', '.join(others[:SHOWN_SHEETS])}. "
            "`sheet=` reads another one."
        )
        findings.report("other_tables", message, len(others))
    return found[0]


def _asked(sheets: list[Sheet], asked: str) -> Sheet:
    """The sheet that a sender names, or whose number from 1 it is."""
    for sheet in sheets:
        if sheet.name == asked:
            return sheet
    alike = [sheet for sheet in sheets if sheet.name.strip().lower() == asked.strip().lower()]
    if len(alike) == 1:
        return alike[0]
    if asked.isdecimal() and 1 <= int(asked) <= len(sheets):
        return sheets[int(asked) - 1]
    names = ", ".join(repr(sheet.name) for sheet in sheets[:SHOWN_SHEETS])
    message = f"`sheet` must be one of {names}, or a number from 1. Received: {asked!r}"
    raise OptionInvalid(message, [Problem("/query/sheet", message)])
