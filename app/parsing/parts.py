"""Files of several series, taken apart by the column that says which row is whose."""

from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from app.errors import Invalid
from app.parsing.arrow import to_integers
from app.parsing.columns import Chosen
from app.parsing.findings import Findings, Rejected
from app.parsing.options import ReadOptions
from app.parsing.progress import Progress
from app.parsing.reader import (
    NO_DIALECT,
    WHOLE_BYTES,
    ReadRows,
    Table,
    field_names,
    find_columns,
    read_rows,
)
from app.parsing.sources.grids import Grid, read_grid
from app.parsing.sources.unpacking import unpacked
from models.errors import Problem

MOST_PARTS = 200
SHOWN_COLUMNS = 50
NOBODY = -1

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one of the series of a file: what the column says of them, and what they are."""

    label: str
    table: Table


def read_parts(
    file: IO[bytes],
    options: ReadOptions,
    *,
    limit_bytes: int,
    progress: Progress | None = None,
    findings: Findings | None = None,
) -> list[Part]:
    """Read a table as `read_table` does, and take it apart by the column `options.split`.

    What is proven over a file, such as the order of day and month, is proven over all of its rows.
    Lines that belong to nobody are kept aside with the first part.

    Raises:
        TooLarge: If it is larger than the limit once unpacked.
        Invalid: If it cannot be read, has no such column, or too many series.
    """
    progress, findings = progress or Progress(), findings or Findings()
    with unpacked(file, limit_bytes) as (content, compression):
        progress.dialect["compression"] = compression
        whole = min(limit_bytes, WHOLE_BYTES)
        grid = read_grid(content, options, findings, progress, limit_bytes=whole)
    grid, chosen = find_columns(grid, options, progress, findings)
    column = _column(grid, chosen, options)
    labels, codes = _labels(grid.columns[column])
    if len(labels) > MOST_PARTS:
        raise _refusal(
            f"`split` must name a column with at most {MOST_PARTS} different values. "
            f"{grid.layout.names[column]!r} has {len(labels)}"
        )
    kept = {number: name for number, name in chosen.channels.items() if number != column}
    text = tuple(number for number in chosen.text if number != column)
    read = read_rows(grid, replace(chosen, channels=kept, text=text), options, findings)
    read.rows.reject(codes == NOBODY, "no_symbol", lambda _: "no value in the column of the series")
    progress.again, progress.channels = read.again, read.channels.names
    fields = field_names(grid.layout, read.channels.names)
    progress.dialect |= read.dialect | {"fields": fields}
    dialect = NO_DIALECT | progress.dialect
    return _parts(labels, codes, read, options, findings, dialect=dialect)


def _column(grid: Grid, chosen: Chosen, options: ReadOptions) -> int:
    """The column that `split` names, or whose number it is."""
    names, wanted = grid.layout.names, options.split or ""
    shown = ", ".join(repr(name) for name in names[:SHOWN_COLUMNS] if name)
    rule = f"`split` must name a column of the file ({shown}), or be its number from 1"
    if wanted in names:
        column = names.index(wanted)
    elif wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        column = int(wanted) - 1
    else:
        raise _refusal(f"{rule}. Received: {wanted!r}")
    if column in chosen.time:
        raise _refusal(f"{rule}, and not the one of the time. Received: {wanted!r}")
    return column


def _refusal(message: str) -> Invalid:
    return Invalid(message, errors=[Problem("/query/split", message)])


def _labels(column: Any) -> tuple[list[str], Codes]:
    """The different values of a column, in their order, and the number of each row's."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    labels = sorted(text for text in pc.unique(texts).to_pylist() if text)
    codes = pc.fill_null(pc.index_in(texts, value_set=pa.array(labels, pa.string())), NOBODY)
    return labels, to_integers(codes)


def _parts(
    labels: list[str],
    codes: Codes,
    read: ReadRows,
    options: ReadOptions,
    findings: Findings,
    *,
    dialect: dict[str, Any],
) -> list[Part]:
    owners = _owners(findings.rejected, read, codes)
    parts: list[Part] = []
    for code, label in enumerate(labels):
        mine = read.rows.usable & (codes == code)
        if not mine.any():
            owners[owners == code] = NOBODY
            continue
        found = Findings(issues=list(findings.issues))
        ordered = read.in_order(mine, options, found)
        found.rejected = _of(findings.rejected, owners == code)
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
        parts.append(Part(label, table))
    if not parts:
        raise _refusal("`split` must name a column with values. Received: only empty fields")
    nobodys = _of(findings.rejected, owners == NOBODY)
    parts[0] = _with_lines(parts[0], nobodys, int((codes == NOBODY).sum()))
    return parts


def _owners(rejected: list[Rejected], read: ReadRows, codes: Codes) -> Codes:
    """Whose each rejected line is, by its number."""
    numbers = read.rows.lines.numbers
    lines = np.array([one.line for one in rejected], dtype=np.int64)
    if not len(lines) or not len(numbers):
        return np.full(len(lines), NOBODY)
    place = np.minimum(np.searchsorted(numbers, lines), len(numbers) - 1)
    return np.where(numbers[place] == lines, codes[place], NOBODY)


def _of(rejected: list[Rejected], mine: npt.NDArray[np.bool_]) -> list[Rejected]:
    chosen = [one for one, is_mine in zip(rejected, mine.tolist(), strict=True) if is_mine]
    return sorted(chosen, key=lambda one: one.line)


def _with_lines(part: Part, lines: list[Rejected], rows: int) -> Part:
    """The part with lines that belong to nobody."""
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
