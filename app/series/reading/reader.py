"""A file of any dialect to times and values, with a report of everything that was found."""

from dataclasses import dataclass, replace
from typing import IO, Any

from app.errors import Invalid
from app.series.reading import bars
from app.series.reading.columns import Chosen, choose_columns, column_names
from app.series.reading.delimiters import (
    detect_delimiter,
    named_delimiter,
    split_fields,
    to_columns,
    without_blanks_before_quotes,
)
from app.series.reading.doubts import apply_missing, report_doubts
from app.series.reading.findings import Findings, Issue, Rejected
from app.series.reading.layout import Layout, find_layout
from app.series.reading.lines import Lines, split_lines, unquoted, without_blank
from app.series.reading.options import Kind, ReadOptions
from app.series.reading.order import Ordered, in_order
from app.series.reading.rows import Rows
from app.series.reading.source import read_source
from app.series.reading.time_columns import read_times, refuse_several_series
from app.series.reading.time_fields import Integers
from app.series.reading.value_columns import read_values, report_text
from models.series import Values


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds, and how it was read.

    Args:
        kind: What the rows are, as asked for or as the columns' names say.
        channels: The names of the columns of `values`.
        times: Microseconds since 1970, UTC, strictly increasing.
        values: One row for each time; NaN is a missing value.
        rows_read: Rows of the file that hold anything.
        rows_duplicate: Rows with the time of a later row.
        rejected: Lines that are kept aside, in the order of the file.
        dialect: How the file is written, in the words of the options.
        issues: Everything that a reader of the data should know.
    """

    kind: Kind
    channels: tuple[str, ...]
    times: Integers
    values: Values
    rows_read: int
    rows_duplicate: int
    rejected: list[Rejected]
    dialect: dict[str, Any]
    issues: list[Issue]


def read_table(file: IO[bytes], options: ReadOptions, *, limit_bytes: int) -> Table:
    """Read a delimited text file, plain or packed.

    Args:
        file: The file's bytes; it is read from its start.
        options: What the sender says about it.
        limit_bytes: The largest size once unpacked.

    Raises:
        TooLarge: If it is larger than that.
        Invalid: If it cannot be read, or not in one way only; the message says what was
            seen and which option settles it.
    """
    findings = Findings()
    source = read_source(file, limit_bytes=limit_bytes)
    lines, delimiter = _split(source.text, options, findings)
    layout = find_layout(lines, delimiter, options.header, findings)
    layout = replace(layout, names=column_names(layout, options, findings))
    first_row = split_fields(layout.body.texts[0], delimiter)
    chosen = choose_columns(layout, first_row, options)
    columns = to_columns(layout.body, delimiter, len(layout.names))
    content = _read_columns(columns, layout, chosen, options, findings)
    dialect = {
        "encoding": source.encoding,
        "compression": source.compression,
        "delimiter": delimiter,
        "header_lines": layout.header_lines,
        "timestamp": [layout.names[number] for number in chosen.time],
        "timezone": options.timezone,
        **content.dialect,
    }
    return Table(
        kind=content.kind,
        channels=content.channels,
        times=content.rows.times,
        values=content.rows.values,
        rows_read=layout.rows_read,
        rows_duplicate=content.rows.duplicates,
        rejected=sorted(findings.rejected, key=lambda rejected: rejected.line),
        dialect=dialect,
        issues=findings.all_issues(),
    )


def _split(text: str, options: ReadOptions, findings: Findings) -> tuple[Lines, str]:
    """The lines that hold anything, and what separates their fields."""
    lines = unquoted(split_lines(text))
    delimiter = named_delimiter(options.delimiter) if options.delimiter else detect_delimiter(lines)
    lines, blank = without_blank(without_blanks_before_quotes(lines, delimiter), delimiter)
    if not len(lines):
        raise Invalid("The file is empty: no line holds anything but separators.")
    if blank:
        findings.report("blank_rows", f"{blank} rows without any value were passed over.", blank)
    return lines, delimiter


@dataclass(frozen=True, slots=True)
class _Content:
    """The rows of a file in order, and how their fields are written."""

    kind: Kind
    channels: tuple[str, ...]
    rows: Ordered
    dialect: dict[str, Any]


def _read_columns(
    columns: list[Any], layout: Layout, chosen: Chosen, options: ReadOptions, findings: Findings
) -> _Content:
    rows = Rows(layout.body, findings)
    if chosen.text:
        report_text([layout.names[number] for number in chosen.text], rows)
    time_names = [layout.names[number] for number in chosen.time]
    times, formats = read_times([columns[n] for n in chosen.time], time_names, options, rows)
    refuse_several_series(columns, layout.names, chosen, times, rows)
    cells = [columns[number] for number in chosen.channels]
    asked_names = list(chosen.channels.values())
    old_names, values, decimal = read_values(cells, asked_names, options.decimal, rows)
    channels, kind = bars.canonical_names(
        old_names, values, options.kind, has_header=layout.header_lines > 0, findings=findings
    )
    values = apply_missing(channels, values, options.missing)
    if kind == "ohlc":
        broken = bars.broken_bars(channels, values)
        rows.reject(broken, "ohlc_violation", lambda row: bars.describe(channels, values[row]))
    rows.require_enough()
    usable = rows.usable
    ordered = in_order(times[usable], values[usable], rows.lines.where(usable), findings)
    report_doubts(channels, ordered.values, findings)
    dialect = {
        "timestamp_format": list(formats),
        "decimal": decimal,
        "columns": dict(zip(channels, old_names, strict=True)),
    }
    return _Content(kind, tuple(channels), ordered, dialect)
