"""Split a file of several series by the column that names the series of each row."""

from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from app.parsing.arrow import to_integers
from app.parsing.columns import ChosenColumns
from app.parsing.contents import ReadRows, read_rows
from app.parsing.errors import OptionInvalid, UnknownColumn
from app.parsing.findings import Findings, Rejected
from app.parsing.options import ReadOptions
from app.parsing.reader import NO_DIALECT, WHOLE_BYTES, Table, field_names, find_columns, with_names
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.grids import Grid, read_grid
from app.parsing.sources.unpacking import unpacked
from app.parsing.sources.wide_tables import by_time
from models.errors import Problem

MOST_PARTS = 200
SHOWN_COLUMNS = 50
NO_SERIES = -1

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """The rows of one series of a file, and the value that names it in the split column."""

    label: str
    table: Table


def read_parts(
    file: IO[bytes],
    options: ReadOptions,
    *,
    limit_bytes: int,
    record: ReadingRecord | None = None,
    findings: Findings | None = None,
) -> list[SeriesPart]:
    """Read a table as `read_table` does, and split it by the column `options.split`.

    Proofs, such as the one for the order of day and month, use the rows of the whole file.
    Lines without a series are quarantined with the first part.

    Raises:
        FileTooLarge: If it is larger than the limit once unpacked.
        UnreadableFile: If it cannot be read, has no such column, or too many series.
    """
    record, findings = record or ReadingRecord(), findings or Findings()
    with unpacked(file, limit_bytes) as (content, compression):
        record.dialect["compression"] = compression
        whole = min(limit_bytes, WHOLE_BYTES)
        grid = read_grid(content, options, findings, record, limit_bytes=whole)
    grid = by_time(grid, options, record, findings)
    grid, options = with_names(grid, options, record, findings)
    grid, chosen = find_columns(grid, options, record)
    column = _column(grid, chosen, options)
    labels, codes = _labels(grid.columns[column])
    if len(labels) > MOST_PARTS:
        raise split_invalid(
            f"`split` must name a column with at most {MOST_PARTS} different values. "
            f"{grid.layout.names[column]!r} has {len(labels)}"
        )
    read = read_rows(grid, _without_column(chosen, column), options, findings)
    read.rows.reject(
        codes == NO_SERIES, "no_symbol", lambda _: "no value in the column of the series"
    )
    record.time_copies, record.channels = read.time_copies, read.channels.names
    fields = field_names(grid.layout, read.channels.names)
    record.dialect |= read.dialect | {"fields": fields}
    dialect = NO_DIALECT | record.dialect
    return _parts(labels, codes, read, options, findings, dialect=dialect)


def split_invalid(message: str) -> OptionInvalid:
    """The error for a `split` that cannot work."""
    return OptionInvalid(message, [Problem("/query/split", message)])


def _column(grid: Grid, chosen: ChosenColumns, options: ReadOptions) -> int:
    """The column that `split` names, or whose number it is."""
    names, wanted = grid.layout.names, options.split or ""
    shown = ", ".join(repr(name) for name in names[:SHOWN_COLUMNS] if name)
    rule = f"`split` must name a column of the file ({shown}), or be its number from 1"
    if wanted in names:
        column = names.index(wanted)
    elif wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        column = int(wanted) - 1
    else:
        message = f"{rule}. Received: {wanted!r}"
        raise UnknownColumn(message, [Problem("/query/split", message)])
    if column in chosen.time:
        raise split_invalid(f"{rule}, and not the one of the time. Received: {wanted!r}")
    return column


def _without_column(chosen: ChosenColumns, column: int) -> ChosenColumns:
    channels = {number: name for number, name in chosen.channels.items() if number != column}
    text = tuple(number for number in chosen.text if number != column)
    return replace(chosen, channels=channels, text=text)


def _labels(column: Any) -> tuple[list[str], Codes]:
    """The different values of a column, sorted, and the index of each row's value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    labels = sorted(text for text in pc.unique(texts).to_pylist() if text)
    codes = pc.fill_null(pc.index_in(texts, value_set=pa.array(labels, pa.string())), NO_SERIES)
    return labels, to_integers(codes)


def _parts(
    labels: list[str],
    codes: Codes,
    read: ReadRows,
    options: ReadOptions,
    findings: Findings,
    *,
    dialect: dict[str, Any],
) -> list[SeriesPart]:
    rejected_codes = _codes_of_rejected(findings.rejected, read, codes)
    parts: list[SeriesPart] = []
    for code, label in enumerate(labels):
        usable = read.rows.usable & (codes == code)
        if not usable.any():
            rejected_codes[rejected_codes == code] = NO_SERIES
            continue
        found = Findings(issues=list(findings.issues))
        ordered = read.in_order(usable, options, found)
        found.rejected = _where(findings.rejected, rejected_codes == code)
        table = Table(
            kind=read.channels.kind,
            channels=tuple(read.channels.names.values()),
            times=ordered.times,
            values=ordered.values,
            rows_read=int((codes == code).sum()),
            rows_duplicate=ordered.duplicates,
            rejected=found.rejected,
            dialect=dialect,
            issues=found.all_issues(),
            settings={},
        )
        parts.append(SeriesPart(label, table))
    if not parts:
        raise split_invalid("`split` must name a column with values. Received: only empty fields")
    without_series = _where(findings.rejected, rejected_codes == NO_SERIES)
    parts[0] = _with_lines(parts[0], without_series, int((codes == NO_SERIES).sum()))
    return parts


def _codes_of_rejected(rejected: list[Rejected], read: ReadRows, codes: Codes) -> Codes:
    """The code of the series of each rejected line, found by its line number."""
    numbers = read.rows.lines.numbers
    lines = np.array([one.line for one in rejected], dtype=np.int64)
    if not len(lines) or not len(numbers):
        return np.full(len(lines), NO_SERIES)
    place = np.minimum(np.searchsorted(numbers, lines), len(numbers) - 1)
    return np.where(numbers[place] == lines, codes[place], NO_SERIES)


def _where(rejected: list[Rejected], mask: npt.NDArray[np.bool_]) -> list[Rejected]:
    chosen = [one for one, is_chosen in zip(rejected, mask.tolist(), strict=True) if is_chosen]
    return sorted(chosen, key=lambda one: one.line)


def _with_lines(part: SeriesPart, lines: list[Rejected], rows: int) -> SeriesPart:
    """The part with the lines that have no series."""
    rejected = sorted([*part.table.rejected, *lines], key=lambda one: one.line)
    causes = Findings(rejected=rejected).all_issues()
    codes = {cause.code for cause in causes}
    issues = [issue for issue in part.table.issues if issue.code not in codes]
    table = replace(
        part.table,
        rejected=rejected,
        issues=[*issues, *causes],
        rows_read=part.table.rows_read + rows,
    )
    return replace(part, table=table)
