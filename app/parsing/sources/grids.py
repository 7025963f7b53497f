"""Read a file of any format as columns with names; the only place that lists the formats."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Protocol

from app.parsing.errors import AmbiguousNumbers, FileTooLarge, NotATable, OptionInvalid
from app.parsing.findings import Findings
from app.parsing.lines import TextLines
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources import arrow_files, json_rows, line_protocol, series_files, workbooks
from app.parsing.sources.delimiters import (
    detect_delimiter,
    named_delimiter,
    to_columns,
    without_blanks_before_quotes,
)
from app.parsing.sources.layout import Layout, find_layout, sample_rows
from app.parsing.sources.text_lines import split_lines, unquoted, without_blank
from app.parsing.sources.unpacking import HEAD_BYTES, read_text
from app.parsing.sources.workbook_limits import office_format
from models.errors import Problem


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of a file as columns.

    Args:
        layout: Names, kinds and rows.
        columns: An Arrow array for each name: strings, or numbers if the format has them.
        delimiter: What separates the fields; None if the format has no delimiters.
        has_given_times: Whether `start` and `cadence`, if given, are in the times already.
    """

    layout: Layout
    columns: list[Any]
    delimiter: str | None = None
    has_given_times: bool = False

    @property
    def first_rows(self) -> list[list[str]]:
        """The fields of the first rows as text."""
        count = sample_rows(len(self.columns))
        columns = (column.slice(0, count).to_pylist() for column in self.columns)
        return [
            ["" if cell is None else str(cell).strip() for cell in row]
            for row in zip(*columns, strict=True)
        ]


class Reader(Protocol):
    """Reads a text of one format."""

    def __call__(
        self,
        text: str,
        options: ReadOptions,
        findings: Findings,
        record: ReadingRecord,
        *,
        limit_bytes: int,
    ) -> tuple[Layout, list[Any]]:
        """The layout and the columns."""


@dataclass(frozen=True, slots=True)
class TextFormat:
    """A format of text: how it is recognised and read.

    `has_steps` says that `start` and `cadence` are used by the reader.
    """

    name: str
    matches: Callable[[str], bool]
    read: Reader
    has_steps: bool = False


# In the order in which they are tried; any other text is delimited.
TEXT_FORMATS = (
    TextFormat("json", json_rows.is_json, json_rows.read_json),
    TextFormat("tsf", series_files.is_series_file, series_files.read_series_file, has_steps=True),
    TextFormat("line protocol", line_protocol.is_line_protocol, line_protocol.read_line_protocol),
)
TIME = "time"
SAMPLE_LINES = 300
# A longer cell is not a value, a time or a name.
MOST_CELL_BYTES = 100_000
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def read_grid(
    content: IO[bytes],
    options: ReadOptions,
    findings: Findings,
    record: ReadingRecord,
    *,
    limit_bytes: int,
) -> Grid:
    """Read CSV, JSON, Parquet or Arrow, unpacked.

    Raises:
        FileTooLarge: If the file needs more memory than the limit, or a cell is too long.
        UnreadableFile: If it is not a table, or damaged.
    """
    grid = _read(content, options, findings, record, limit_bytes=limit_bytes)
    _require_short_cells(grid)
    return grid


def _require_short_cells(grid: Grid) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, column in zip(grid.layout.names, grid.columns, strict=True):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            longest = pc.max(pc.binary_length(column)).as_py() or 0
            if longest > MOST_CELL_BYTES:
                raise FileTooLarge(
                    f"A cell must have at most {MOST_CELL_BYTES} bytes. Received: {longest} in "
                    f"the column {name[:100]!r}. Leave that column out of the file."
                )


def _read(
    content: IO[bytes],
    options: ReadOptions,
    findings: Findings,
    record: ReadingRecord,
    *,
    limit_bytes: int,
) -> Grid:
    content.seek(0)
    file_format = arrow_files.format_of(content.read(HEAD_BYTES))
    if file_format is not None:
        _refuse_sheet(options)
        record.dialect |= {"format": file_format, "encoding": None}
        layout, columns = arrow_files.read_arrow(
            content, file_format, findings, limit_bytes=limit_bytes
        )
        return Grid(layout, columns)
    if office_format(content) is not None:
        return Grid(
            *workbooks.read_workbook(content, options, findings, record, limit_bytes=limit_bytes)
        )
    text, encoding = read_text(content)
    record.dialect |= {"format": "csv", "encoding": encoding}
    for form in TEXT_FORMATS:
        if form.matches(text):
            record.dialect["format"] = form.name
            layout, columns = form.read(text, options, findings, record, limit_bytes=limit_bytes)
            return Grid(layout, columns, has_given_times=TIME in layout.names and form.has_steps)
    return _delimited(text, options, findings, record)


def is_plain(text: str) -> bool:
    """Whether a text is delimited, and not in another format."""
    return not any(form.matches(text) for form in TEXT_FORMATS)


def _refuse_sheet(options: ReadOptions) -> None:
    """Refuse `sheet` for a file that can only hold one table."""
    if options.sheet is not None:
        message = f"`sheet=` is for workbooks and JSON documents. Received: {options.sheet!r}"
        raise OptionInvalid(message, [Problem("/query/sheet", message)])


def _delimited(text: str, options: ReadOptions, findings: Findings, record: ReadingRecord) -> Grid:
    _refuse_sheet(options)
    lines, delimiter = split_text(text, options, findings, record)
    single = options.start is not None
    layout = find_layout(lines, delimiter, options.header, findings, single_column=single)
    record.dialect["header_lines"] = layout.header_lines
    columns = to_columns(layout.body, delimiter, len(layout.names))
    return Grid(layout, columns, delimiter)


def _comma_of_one_column(lines: TextLines, options: ReadOptions) -> str:
    """The delimiter of a file without times: its commas may be those of one column of decimals.

    Raises:
        AmbiguousNumbers: If two columns of whole numbers would look the same.
    """
    sample = [text.strip() for text in lines.texts[:SAMPLE_LINES] if text.strip()]
    rows = [text for text in sample if DECIMAL_COMMA.fullmatch(text)]
    if len(rows) < len(sample) - 1 or not rows:
        return ","
    if options.decimal == "," or (rows != sample and "," not in sample[0]):
        return ";"
    if options.decimal is None and rows == sample:
        raise AmbiguousNumbers(
            f"Lines such as {rows[0]!r} may hold one number with a decimal comma, or two numbers. "
            "Say which it is with `delimiter=;` or `delimiter=,`."
        )
    return ","


def split_text(
    text: str, options: ReadOptions, findings: Findings, record: ReadingRecord
) -> tuple[TextLines, str]:
    """The lines that are not blank, and their delimiter."""
    lines = unquoted(split_lines(text))
    delimiter = named_delimiter(options.delimiter) if options.delimiter else detect_delimiter(lines)
    if options.start and not options.delimiter and delimiter == ",":
        delimiter = _comma_of_one_column(lines, options)
    record.dialect["delimiter"] = delimiter
    if '"' in text and f'{delimiter} "' in text:
        lines = without_blanks_before_quotes(lines, delimiter)
    lines, blank = without_blank(lines, delimiter, keep_rows=options.start is not None)
    record.lines = list(lines.slice(0, record.MOST_LINES).examples())
    if not len(lines):
        raise NotATable("The file is empty: its lines hold only separators.")
    if blank:
        findings.report("blank_rows", f"{blank} rows without values were skipped.", blank)
    return lines, delimiter
