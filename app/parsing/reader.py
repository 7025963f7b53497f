"""Read a file of any dialect: times and values, with a report of everything that was found."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, Any

from app.parsing.columns import ChosenColumns, choose_columns, column_names
from app.parsing.contents import Content, read_content, read_matrix
from app.parsing.errors import FileTooLarge
from app.parsing.findings import Findings, Issue, Rejected
from app.parsing.given_times import with_given_times
from app.parsing.mixed_columns import with_mixed_columns
from app.parsing.options import ReadOptions
from app.parsing.pieces import Irregular
from app.parsing.reading_record import ReadingRecord
from app.parsing.regular import read_regular
from app.parsing.sources.grids import Grid, read_grid
from app.parsing.sources.layout import Layout
from app.parsing.sources.unpacking import unpacked
from app.parsing.sources.wide_tables import by_time
from app.parsing.sources.year_tables import by_month
from app.parsing.split.pivot import read_pivoted
from app.parsing.times.fields import Integers
from models.arrays import Values
from models.series import SeriesKind

# A larger file is read in pieces if it is regular. Any other is read in memory, which takes about
# ten times its size, and may not be larger than `WHOLE_BYTES`.
REGULAR_BYTES = 32 * 1024 * 1024
WHOLE_BYTES = 256 * 1024 * 1024

# Parts of a dialect that some formats do not have.
NO_DIALECT = {
    **dict.fromkeys(("encoding", "compression", "delimiter", "sheet")),
    "header_lines": 0,
}


@dataclass(frozen=True, slots=True)
class Table:
    r"""What a file holds, and how it was read.

    Args:
        kind: What the rows are, as asked for or as the columns' names say.
        channels: The names of the columns of `values`.
        times: Microseconds since 1970, UTC, int64, strictly increasing.
        values: One row for each time, one column for each channel; NaN is a missing value.
        rows_read: Rows of the file that are not blank.
        rows_duplicate: Rows with the time of a later row.
        rejected: Quarantined lines, in the order of the file.
        dialect: How the file is written, in terms of the options.
        issues: Everything that a reader of the data should know.
        settings: What the file says about its channels, by name: units and the like.

    Example:
        >>> import io
        >>> content = b"time;temperature\n02.01.2024 01:00;3,5\n02.01.2024 02:00;\n"
        >>> options = ReadOptions(timestamp_format="%d.%m.%Y %H:%M")
        >>> table = read_table(io.BytesIO(content), options, limit_bytes=1_000_000)
        >>> table.channels, table.values.tolist()
        (('temperature',), [[3.5], [nan]])
        >>> print(table.times.view("datetime64[us]").astype("datetime64[m]"))
        ['2024-01-02T01:00' '2024-01-02T02:00']
        >>> table.dialect["delimiter"], table.dialect["decimal"]
        (';', ',')
        >>> [issue.message for issue in table.issues]
        ['Stored as missing: temperature (1 of 2 rows).']
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
    record: ReadingRecord | None = None,
    findings: Findings | None = None,
    report_progress: Callable[[float], None] = lambda _: None,
) -> Table:
    """Read a table: delimited text, JSON, Parquet or Arrow, plain or packed.

    Args:
        file: The file's bytes; it is read from its start.
        options: What the sender says about it.
        limit_bytes: The largest size once unpacked.
        record: Filled while the file is read, for a caller that describes a failed reading.
        findings: Filled likewise.
        report_progress: Called with the share of a very large file that is read.

    Raises:
        FileTooLarge: If it is larger than the limit.
        UnreadableFile: If it cannot be read, or not in one way only; the message says what was
            found and which option resolves it.
        DiskError: If it cannot be unpacked on the disk.
    """
    record, findings = record or ReadingRecord(), findings or Findings()
    with unpacked(file, limit_bytes) as (content, compression):
        record.dialect["compression"] = compression
        size_bytes = content.seek(0, 2)
        if size_bytes > REGULAR_BYTES:
            try:
                return _read_in_pieces(content, options, record, findings, report_progress)
            except Irregular as error:
                _require_memory(size_bytes, error)
        whole = min(limit_bytes, WHOLE_BYTES)
        grid = read_grid(content, options, findings, record, limit_bytes=whole)
    grid = by_month(grid, options, record, findings)
    grid = by_time(grid, options, record, findings)
    grid, options = with_names(grid, options, record, findings)
    grid, chosen = find_columns(grid, options, record)
    read = read_content if options.pivot is None else read_pivoted
    return _table(grid.layout, read(grid, chosen, options, findings), record, findings)


def with_names(
    grid: Grid, options: ReadOptions, record: ReadingRecord, findings: Findings
) -> tuple[Grid, ReadOptions]:
    """The columns under their names, with one of times if `start` and `cadence` give them."""
    layout = replace(grid.layout, names=column_names(grid.layout, options, findings))
    return with_given_times(replace(grid, layout=layout), options, record, findings)


def find_columns(
    grid: Grid, options: ReadOptions, record: ReadingRecord
) -> tuple[Grid, ChosenColumns]:
    """Which columns are the time and the channels."""
    layout = with_mixed_columns(grid, options)
    record.names, record.kinds = layout.names, layout.kinds
    chosen = choose_columns(layout, grid.first_rows, options)
    _record_time(layout, chosen, options, record)
    return replace(grid, layout=layout), chosen


def field_names(layout: Layout, channels_of: dict[int, str]) -> list[str]:
    """A name for each field of a row: a channel's name stands for its column only.

    With these names each row can be read again without the rest of the file.
    """
    channels = set(channels_of.values())
    return [
        channels_of.get(number, "" if name in channels else name)
        for number, name in enumerate(layout.names)
    ]


def _record_time(
    layout: Layout, chosen: ChosenColumns, options: ReadOptions, record: ReadingRecord
) -> None:
    record.time = chosen.time
    record.dialect["timestamp"] = [layout.names[number] for number in chosen.time]
    record.dialect["timezone"] = options.zone


def _read_in_pieces(
    content: IO[bytes],
    options: ReadOptions,
    record: ReadingRecord,
    findings: Findings,
    report_progress: Callable[[float], None],
) -> Table:
    """Read a regular file; of one that is not regular, nothing is recorded or reported."""
    if options.pivot or options.every or options.duplicates == "ohlc":
        raise Irregular("its rows become others by `pivot` or `every`")
    recorded, found = ReadingRecord(dialect=dict(record.dialect)), Findings()
    regular = read_regular(content, options, found, recorded, report_progress)
    layout, chosen = regular.layout, regular.chosen
    recorded.names, recorded.kinds = layout.names, layout.kinds
    _record_time(layout, chosen, options, recorded)
    table = _table(layout, read_matrix(regular, options, found), recorded, found)
    record.take(recorded)
    findings.take(found)
    return table


def _require_memory(size_bytes: int, error: Irregular) -> None:
    if size_bytes > WHOLE_BYTES:
        raise FileTooLarge(
            f"A file of more than {WHOLE_BYTES} bytes must be a regular CSV, which can be read in "
            f"pieces. This one has {size_bytes} bytes once unpacked, and {error}. Send it in parts."
        ) from error


def _table(layout: Layout, content: Content, record: ReadingRecord, findings: Findings) -> Table:
    record.time_copies = content.time_copies
    record.channels = content.channels_of
    record.dialect |= content.dialect | {"fields": field_names(layout, content.channels_of)}
    return Table(
        kind=content.kind,
        channels=tuple(content.channels_of.values()),
        times=content.rows.times,
        values=content.rows.values,
        rows_read=layout.rows_read,
        rows_duplicate=content.rows.duplicates,
        rejected=sorted(findings.rejected, key=lambda rejected: rejected.line),
        dialect=NO_DIALECT | record.dialect,
        issues=findings.all_issues(),
        settings=_settings(layout, content),
    )


def _settings(layout: Layout, content: Content) -> dict[str, dict[str, Any]]:
    """What the file says about its channels, in its schema or beside its numbers."""
    by_column = {number: {"unit": unit} for number, unit in content.units.items()}
    by_column |= layout.settings
    return {
        name: by_column[number]
        for number, name in content.channels_of.items()
        if number in by_column
    }
