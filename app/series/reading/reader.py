"""A file of any dialect to times and values, with a report of everything that was found."""

from dataclasses import dataclass, replace
from typing import IO, Any

from app.series.reading import bars
from app.series.reading.columns import Chosen, choose_columns, column_names
from app.series.reading.delimiters import refuse_mixed
from app.series.reading.doubts import apply_missing, report_doubts
from app.series.reading.findings import Findings, Issue, Rejected
from app.series.reading.grids import Grid, read_grid
from app.series.reading.options import Kind, ReadOptions
from app.series.reading.order import Ordered, in_order
from app.series.reading.progress import Progress
from app.series.reading.rows import Rows
from app.series.reading.several_series import refuse_several_series
from app.series.reading.time_columns import read_times, second_times
from app.series.reading.time_fields import Integers
from app.series.reading.value_columns import read_values, report_text
from models.series import Values

# What a dialect says of a file that has none of it.
NO_DIALECT = {"encoding": None, "compression": None, "delimiter": None, "header_lines": 0}


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
        settings: What the file says of its channels by name: units and the like.
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
    settings: dict[str, dict[str, Any]]


def read_table(
    file: IO[bytes],
    options: ReadOptions,
    *,
    limit_bytes: int,
    progress: Progress | None = None,
    findings: Findings | None = None,
) -> Table:
    """Read a table: delimited text, JSON, Parquet or Arrow, plain or packed.

    Args:
        file: The file's bytes; it is read from its start.
        options: What the sender says about it.
        limit_bytes: The largest size once unpacked.
        progress: Filled while the file is read, for a caller that wants to know how far it came.
        findings: Filled likewise.

    Raises:
        TooLarge: If it is larger than that.
        Invalid: If it cannot be read, or not in one way only; the message says what was
            seen and which option settles it.
    """
    progress, findings = progress or Progress(), findings or Findings()
    grid = read_grid(file, options, findings, progress, limit_bytes=limit_bytes)
    layout = replace(grid.layout, names=column_names(grid.layout, options, findings))
    progress.names, progress.kinds = layout.names, layout.kinds
    chosen = choose_columns(layout, grid.first_row, options)
    progress.time = chosen.time
    progress.dialect["timestamp"] = [layout.names[number] for number in chosen.time]
    progress.dialect["timezone"] = options.timezone
    content = _read_columns(replace(grid, layout=layout), chosen, options, findings)
    progress.again = content.again
    progress.channels = content.channels_of
    progress.dialect |= content.dialect
    return Table(
        kind=content.kind,
        channels=tuple(content.channels_of.values()),
        times=content.rows.times,
        values=content.rows.values,
        rows_read=layout.rows_read,
        rows_duplicate=content.rows.duplicates,
        rejected=sorted(findings.rejected, key=lambda rejected: rejected.line),
        dialect=NO_DIALECT | progress.dialect,
        issues=findings.all_issues(),
        settings={
            name: layout.settings[number]
            for number, name in content.channels_of.items()
            if number in layout.settings
        },
    )


@dataclass(frozen=True, slots=True)
class _Content:
    """The rows of a file in order, the channel of each column, and how fields are written."""

    kind: Kind
    channels_of: dict[int, str]
    again: frozenset[int]
    rows: Ordered
    dialect: dict[str, Any]


def _read_columns(grid: Grid, chosen: Chosen, options: ReadOptions, findings: Findings) -> _Content:
    layout, columns = grid.layout, grid.columns
    rows = Rows(layout.body, findings)
    if chosen.text:
        report_text([layout.names[number] for number in chosen.text], rows)
    time_names = [layout.names[number] for number in chosen.time]
    times, formats = read_times(
        [columns[n] for n in chosen.time], time_names, chosen.time_format, options, rows
    )
    refuse_several_series(columns, layout, chosen, times, rows)
    again: frozenset[int] = frozenset()
    if not chosen.asked:
        again = second_times(columns, layout.names, chosen, times, rows)
    asked = {number: name for number, name in chosen.channels.items() if number not in again}
    channels = _read_channels(grid, asked, options, rows)
    rows.require_enough()
    if grid.delimiter and not options.delimiter:
        refuse_mixed(findings.rejected, grid.delimiter, len(columns))
    usable = rows.usable
    ordered = in_order(times[usable], channels.values[usable], rows.lines.where(usable), findings)
    report_doubts(list(channels.names.values()), ordered.values, findings)
    dialect = {
        "timestamp_format": list(formats),
        "decimal": channels.decimal,
        "columns": {name: asked[number] for number, name in channels.names.items()},
    }
    return _Content(channels.kind, channels.names, again, ordered, dialect)


@dataclass(frozen=True, slots=True)
class _Channels:
    """The names of the channels by their columns, and their values on all rows."""

    kind: Kind
    names: dict[int, str]
    values: Values
    decimal: str


def _read_channels(
    grid: Grid, asked: dict[int, str], options: ReadOptions, rows: Rows
) -> _Channels:
    """Columns as numbers; bars under the names that bars have, and checked."""
    places, values, decimal = read_values(
        [grid.columns[number] for number in asked],
        list(asked.values()),
        options.decimal,
        rows,
        points_are_sure=grid.delimiter in (None, ","),
    )
    numbers = [list(asked)[place] for place in places]
    names, kind = bars.canonical_names(
        [asked[number] for number in numbers],
        values,
        options.kind,
        has_header=grid.layout.header_lines > 0,
        findings=rows.findings,
    )
    values = apply_missing(names, values, options.missing)
    if kind == "ohlc":
        broken = bars.broken_bars(names, values)
        rows.reject(broken, "ohlc_violation", lambda row: bars.describe(names, values[row]))
    return _Channels(kind, dict(zip(numbers, names, strict=True)), values, decimal)
