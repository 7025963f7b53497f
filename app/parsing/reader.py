"""A file of any dialect to times and values, with a report of everything that was found."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import IO, Any

import numpy as np

from app.errors import TooLarge
from app.parsing.columns import Chosen, choose_columns, column_names
from app.parsing.findings import Findings, Issue, Rejected
from app.parsing.lines import Mask
from app.parsing.options import ReadOptions
from app.parsing.order import Ordered, in_order
from app.parsing.progress import Progress
from app.parsing.regular import Irregular, Regular, read_regular
from app.parsing.rows import Rows
from app.parsing.several_series import refuse_several_series
from app.parsing.sources.delimiters import refuse_mixed
from app.parsing.sources.grids import Grid, read_grid
from app.parsing.sources.layout import Layout
from app.parsing.sources.unpacking import unpacked
from app.parsing.sources.year_tables import by_month
from app.parsing.time_columns import in_utc, read_times, second_times
from app.parsing.times.fields import Integers
from app.parsing.value_columns import read_values, report_text
from app.parsing.value_findings import apply_missing, report_doubts
from app.parsing.values import bars
from app.parsing.values.matrix import taken
from models.arrays import Values
from models.series import SeriesKind

# From here on a file is read in pieces, if it is regular; any other is read in memory, at about ten
# times its size, and may not be larger than this.
REGULAR_BYTES = 32 * 1024 * 1024
WHOLE_BYTES = 256 * 1024 * 1024

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

    kind: SeriesKind
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
    tell: Callable[[float], None] = lambda _: None,
) -> Table:
    """Read a table: delimited text, JSON, Parquet or Arrow, plain or packed.

    Args:
        file: The file's bytes; it is read from its start.
        options: What the sender says about it.
        limit_bytes: The largest size once unpacked.
        progress: Filled while the file is read, for a caller that wants to know how far it came.
        findings: Filled likewise.
        tell: Called with the share of a very large file that is done.

    Raises:
        TooLarge: If it is larger than that.
        Invalid: If it cannot be read, or not in one way only; the message says what was
            seen and which option settles it.
    """
    progress, findings = progress or Progress(), findings or Findings()
    with unpacked(file, limit_bytes) as (content, compression):
        progress.dialect["compression"] = compression
        size_bytes = content.seek(0, 2)
        if size_bytes > REGULAR_BYTES:
            try:
                return _read_in_pieces(content, options, progress, findings, tell)
            except Irregular as error:
                _require_memory(size_bytes, error)
        whole = min(limit_bytes, WHOLE_BYTES)
        grid = read_grid(content, options, findings, progress, limit_bytes=whole)
    grid = by_month(grid, options, progress, findings)
    grid, chosen = find_columns(grid, options, progress, findings)
    content_read = _read_columns(grid, chosen, options, findings)
    return _table(grid.layout, content_read, progress, findings)


def find_columns(
    grid: Grid, options: ReadOptions, progress: Progress, findings: Findings
) -> tuple[Grid, Chosen]:
    """The columns under their names, and which of them are the time and the channels."""
    layout = replace(grid.layout, names=column_names(grid.layout, options, findings))
    progress.names, progress.kinds = layout.names, layout.kinds
    chosen = choose_columns(layout, grid.first_rows, options)
    progress.time = chosen.time
    progress.dialect["timestamp"] = [layout.names[number] for number in chosen.time]
    progress.dialect["timezone"] = options.timezone
    return replace(grid, layout=layout), chosen


def field_names(layout: Layout, channels_of: dict[int, str]) -> list[str]:
    """A name for each field of a row: of channels their own, and no other column has one of these.

    With them any of the rows can be read again on its own.
    """
    channels = set(channels_of.values())
    return [
        channels_of.get(number, "" if name in channels else name)
        for number, name in enumerate(layout.names)
    ]


def _read_in_pieces(
    content: IO[bytes],
    options: ReadOptions,
    progress: Progress,
    findings: Findings,
    tell: Callable[[float], None],
) -> Table:
    """Read a regular file; what was noted of one that is not is forgotten."""
    noted, found = Progress(dialect=dict(progress.dialect)), Findings()
    regular = read_regular(content, options, found, noted, tell)
    layout, chosen = regular.layout, regular.chosen
    noted.names, noted.kinds, noted.time = layout.names, layout.kinds, chosen.time
    noted.dialect["timestamp"] = [layout.names[number] for number in chosen.time]
    noted.dialect["timezone"] = options.timezone
    table = _table(layout, _read_matrix(regular, options, found), noted, found)
    progress.take(noted)
    findings.take(found)
    return table


def _require_memory(size_bytes: int, error: Irregular) -> None:
    if size_bytes > WHOLE_BYTES:
        raise TooLarge(
            f"A file of more than {WHOLE_BYTES} bytes must be a regular CSV, which can be read in "
            f"pieces. This one has {size_bytes} bytes once unpacked, and {error}. Send it in parts."
        ) from error


def _table(layout: Layout, content: "_Content", progress: Progress, findings: Findings) -> Table:
    progress.again = content.again
    progress.channels = content.channels_of
    progress.dialect |= content.dialect | {"fields": field_names(layout, content.channels_of)}
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
        settings=_settings(layout, content),
    )


def _settings(layout: Layout, content: "_Content") -> dict[str, dict[str, Any]]:
    """What the file says of its channels, in its schema or beside its numbers."""
    said = {number: {"unit": unit} for number, unit in content.units.items()} | layout.settings
    return {name: said[number] for number, name in content.channels_of.items() if number in said}


@dataclass(frozen=True, slots=True)
class _Content:
    """The rows of a file in order, the channel of each column, and how fields are written."""

    kind: SeriesKind
    channels_of: dict[int, str]
    again: frozenset[int]
    rows: Ordered
    dialect: dict[str, Any]
    units: dict[int, str] = field(default_factory=dict)


def _read_columns(grid: Grid, chosen: Chosen, options: ReadOptions, findings: Findings) -> _Content:
    read = read_rows(grid, chosen, options, findings)
    ordered = read.in_order(read.rows.usable, options, findings)
    channels = read.channels
    return _Content(
        channels.kind, channels.names, read.again, ordered, read.dialect, channels.units
    )


@dataclass(frozen=True, slots=True)
class ReadRows:
    """The rows of a file in its own order: which are usable, their times and values."""

    rows: Rows
    times: Integers
    channels: "_Channels"
    again: frozenset[int]
    dialect: dict[str, Any]

    def in_order(self, chosen: Mask, options: ReadOptions, findings: Findings) -> Ordered:
        """The chosen rows in the order of time, with what is doubtful about them."""
        ordered = in_order(
            self.times[chosen],
            self.channels.values[chosen],
            self.rows.lines.where(chosen),
            findings,
        )
        names = list(self.channels.names.values())
        report_doubts(names, self.channels.kind, ordered, options, findings)
        return ordered


def read_rows(grid: Grid, chosen: Chosen, options: ReadOptions, findings: Findings) -> ReadRows:
    """Read times and values of all rows; unless it is to be split, the file holds one series."""
    layout, columns = grid.layout, grid.columns
    rows = Rows(layout.body, findings)
    if chosen.text:
        report_text([layout.names[number] for number in chosen.text], rows)
    time_names = [layout.names[number] for number in chosen.time]
    times, formats = read_times(
        [columns[n] for n in chosen.time], time_names, chosen.time_format, options, rows
    )
    if options.split is None:
        refuse_several_series(columns, layout, chosen, times, rows)
    again: frozenset[int] = frozenset()
    if not chosen.asked:
        again = second_times(columns, layout.names, chosen, times, rows)
    asked = {number: name for number, name in chosen.channels.items() if number not in again}
    channels = _read_channels(grid, asked, options, rows)
    rows.require_enough()
    if grid.delimiter and not options.delimiter:
        refuse_mixed(findings.rejected, grid.delimiter, len(columns))
    dialect = {
        "timestamp_format": list(formats),
        "decimal": channels.decimal,
        "columns": {name: asked[number] for number, name in channels.names.items()},
    }
    return ReadRows(rows, times, channels, again, dialect)


def _read_matrix(regular: Regular, options: ReadOptions, findings: Findings) -> _Content:
    """What the columns of a regular file hold, by the same rules as those of any other."""
    layout, chosen = regular.layout, regular.chosen
    rows = Rows(layout.body, findings)
    if chosen.text:
        report_text([layout.names[number] for number in chosen.text], rows)
    times = in_utc(regular.moments, options.timezone, rows)
    regular.require_one_series(int((np.diff(np.sort(times)) == 0).sum()))
    values = regular.matrix.values(len(layout.body))
    channels = _named(chosen.channels, (values, "."), layout, options, rows)
    rows.require_enough()
    if not rows.usable.all():
        usable = np.flatnonzero(rows.usable)
        times, values = times[usable], taken(values, usable)
    lines = rows.lines if rows.usable.all() else rows.lines.at_rows(np.flatnonzero(rows.usable))
    ordered = in_order(times, values, lines, findings, take=taken)
    report_doubts(list(channels.names.values()), channels.kind, ordered, options, findings)
    dialect = {
        "timestamp_format": list(regular.moments.formats),
        "decimal": channels.decimal,
        "columns": {name: chosen.channels[number] for number, name in channels.names.items()},
    }
    return _Content(channels.kind, channels.names, frozenset(), ordered, dialect)


@dataclass(frozen=True, slots=True)
class _Channels:
    """The names of the channels by their columns, and their values on all rows."""

    kind: SeriesKind
    names: dict[int, str]
    values: Values
    decimal: str
    units: dict[int, str] = field(default_factory=dict)


def _read_channels(
    grid: Grid, asked: dict[int, str], options: ReadOptions, rows: Rows
) -> _Channels:
    """Columns as numbers; bars under the names that bars have, and checked."""
    read = read_values(
        [grid.columns[number] for number in asked],
        list(asked.values()),
        options.decimal,
        rows,
        points_are_sure=grid.delimiter in (None, ","),
    )
    columns = list(asked)
    channels = _named(
        {columns[place]: asked[columns[place]] for place in read.places},
        (read.values, read.decimal),
        grid.layout,
        options,
        rows,
    )
    return replace(channels, units={columns[place]: unit for place, unit in read.units.items()})


def _named(
    asked: dict[int, str],
    numbers: tuple[Values, str],
    layout: Layout,
    options: ReadOptions,
    rows: Rows,
) -> _Channels:
    """Columns of numbers under the names of channels; those of bars are checked.

    `asked` has a name for each column, `numbers` are their values and the decimal sign.
    """
    values, decimal = numbers
    names, kind = bars.canonical_names(
        list(asked.values()),
        values,
        options.kind,
        has_header=layout.header_lines > 0,
        findings=rows.findings,
    )
    values = apply_missing(names, values, options.missing)
    if kind == "ohlc":
        broken = bars.broken_bars(names, values)
        rows.reject(broken, "ohlc_violation", lambda row: bars.describe(names, values[row]))
    return _Channels(kind, dict(zip(asked, names, strict=True)), values, decimal)
