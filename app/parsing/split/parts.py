"""Split a file of several series by the columns that name the series of each row."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import IO, Any

import numpy as np

from app.parsing.channels import Channels
from app.parsing.columns import ChosenColumns
from app.parsing.contents import ReadRows, read_rows
from app.parsing.duplicates import require_few_conflicts
from app.parsing.findings import Findings, Rejected
from app.parsing.keys.label_columns import columns_of, invalid, without
from app.parsing.keys.labels import NO_LABEL, coded
from app.parsing.options import MOST_PARTS, ReadOptions
from app.parsing.order import OrderedRows
from app.parsing.reader import NO_DIALECT, WHOLE_BYTES, Table, field_names, find_columns, with_names
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.grids import Grid, read_grid
from app.parsing.sources.unpacking import unpacked
from app.parsing.sources.wide_tables import by_time
from app.parsing.split.part_facts import Fact, Facts, facts_of_columns
from app.parsing.split.pivot import PivotColumns, find_pivot, only_value, pivoted
from app.parsing.split.rows_of_parts import PartRows, rows_of_parts
from app.parsing.times.fields import Integers


class MoreSeries(Exception):
    """A file has more series than its caller takes."""


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """The rows of one series of a file, and the values that name it in the split columns.

    Args:
        label: The values in one text.
        table: The rows.
        values: The value in each column of the split.
        facts: Texts that are the same in all rows of the series, by column.
        constants: Channels that are the same in all rows of the series.
    """

    label: str
    table: Table
    values: dict[str, str]
    facts: dict[str, Fact] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Split:
    """What the columns of the split hold: a code for each row, and the texts of each code."""

    columns: tuple[str, ...]
    codes: Integers
    texts: list[tuple[str, ...]]


def read_parts(
    file: IO[bytes],
    options: ReadOptions,
    *,
    limit_bytes: int,
    most_series: int = MOST_PARTS,
    record: ReadingRecord | None = None,
    findings: Findings | None = None,
    report_progress: Callable[[float], None] = lambda _: None,
) -> list[SeriesPart]:
    """Read a table as `read_table` does, and split it by the columns of `options.split`.

    Proofs, such as the one for the order of day and month, use the rows of the whole file.
    Lines without a series are quarantined with the first part.

    Raises:
        FileTooLarge: If it is larger than the limit once unpacked.
        UnreadableFile: If it cannot be read, has no such column, too many series, or rows of
            several series under one value.
        MoreSeries: If it has more than `most_series`; their rows are not read then.
    """
    record, findings = record or ReadingRecord(), findings or Findings()
    with unpacked(file, limit_bytes) as (content, compression):
        record.dialect["compression"] = compression
        whole = min(limit_bytes, WHOLE_BYTES)
        grid = read_grid(content, options, findings, record, limit_bytes=whole)
    grid = by_time(grid, options, record, findings)
    grid, options = with_names(grid, options, record, findings)
    grid, chosen = find_columns(grid, options, record)
    names = grid.layout.names
    columns = columns_of(options.split or "", names, chosen, "split")
    split = _split(grid, columns)
    if len(split.texts) > most_series:
        raise MoreSeries
    rest = without(chosen, columns)
    pivot = find_pivot(grid, rest, options, columns) if options.pivot else None
    if pivot is not None:
        rest = only_value(rest, pivot, names)
    key = columns if pivot is None else (*columns, pivot.names)
    read = read_rows(grid, rest, options, findings, key)
    read.rows.reject(
        split.codes == NO_LABEL, "no_symbol", lambda _: "no value in the column of the series"
    )
    record.time_copies, record.channels = read.time_copies, read.channels.names
    record.dialect |= read.dialect | {"fields": field_names(grid.layout, read.channels.names)}
    reading = _Reading(grid, rest, read, options, findings, NO_DIALECT | record.dialect)
    return reading.parts(split, pivot, report_progress)


def _split(grid: Grid, columns: tuple[int, ...]) -> _Split:
    """The combinations of values that occur, in order, and each row's.

    Raises:
        OptionInvalid: If there are too many.
    """
    found = [coded(grid.columns[column]) for column in columns]
    whole, missing = np.zeros(len(found[0][0]), dtype=np.int64), np.zeros(len(found[0][0]), bool)
    for codes, texts in found:
        whole = whole * max(1, len(texts)) + np.maximum(codes, 0)
        missing |= codes == NO_LABEL
    used, codes = np.unique(whole[~missing], return_inverse=True)
    names = tuple(grid.layout.names[column] for column in columns)
    if len(used) > MOST_PARTS:
        listed = " and ".join(map(repr, names))
        raise invalid(
            "split", f"must name columns of at most {MOST_PARTS} series. {listed} make {len(used)}"
        )
    all_codes = np.full(len(whole), NO_LABEL)
    all_codes[~missing] = codes
    return _Split(names, all_codes, [_texts(code, found) for code in used.tolist()])


def _texts(code: int, found: list[tuple[Integers, tuple[str, ...]]]) -> tuple[str, ...]:
    texts = []
    for _, values in reversed(found):
        code, place = divmod(code, len(values))
        texts.append(values[place])
    return tuple(reversed(texts))


@dataclass(frozen=True, slots=True)
class _Reading:
    """A file that was read as a whole, and is to be split."""

    grid: Grid
    chosen: ChosenColumns
    read: ReadRows
    options: ReadOptions
    findings: Findings
    dialect: dict[str, Any]

    def parts(
        self,
        split: _Split,
        pivot: PivotColumns | None,
        report_progress: Callable[[float], None],
    ) -> list[SeriesPart]:
        """The series of the file that have rows."""
        rows = rows_of_parts(split.codes, len(split.texts), self.read, self.findings)
        facts = facts_of_columns(self.grid, self.chosen, self.read, rows)
        names = None if pivot is None else coded(self.grid.columns[pivot.names])
        parts = []
        for code in range(len(split.texts)):
            if len(rows.usable[code]):
                parts.append(self._part(split, rows, code, facts, names))
            report_progress((code + 1) / len(split.texts))
        if not parts:
            raise invalid("split", "must name a column with values. Received: only empty fields")
        conflicts = sum(conflicts for _, conflicts in parts)
        require_few_conflicts(conflicts, int(self.read.rows.usable.sum()), self.options)
        return [_with_lines(parts[0][0], rows), *(part for part, _ in parts[1:])]

    def _part(
        self,
        split: _Split,
        rows: PartRows,
        code: int,
        facts: Facts,
        names: tuple[Integers, tuple[str, ...]] | None,
    ) -> tuple[SeriesPart, int]:
        """One series, and the number of its rows that contradict another one."""
        found = Findings(issues=list(self.findings.issues))
        channels, ordered = self._ordered(rows.usable[code], names, found)
        found.rejected = rows.rejected[code]
        table = Table(
            kind=channels.kind,
            channels=tuple(channels.names.values()),
            times=ordered.times,
            values=ordered.values,
            rows_read=rows.read[code],
            rows_duplicate=ordered.duplicates,
            rejected=found.rejected,
            dialect=self.dialect,
            issues=found.all_issues(),
            settings={},
        )
        values = dict(zip(split.columns, split.texts[code], strict=True))
        constants = {} if self.chosen.asked or names is not None else _constants(table)
        label = ", ".join(split.texts[code])
        return SeriesPart(label, table, values, facts.of(code), constants), ordered.conflicts

    def _ordered(
        self,
        rows: Integers,
        names: tuple[Integers, tuple[str, ...]] | None,
        found: Findings,
    ) -> tuple[Channels, OrderedRows]:
        options = replace(self.options, duplicates=self.options.duplicates or "last")
        if names is None:
            return self.read.channels, self.read.in_order(rows, options, found)
        pivot = pivoted(self.read, names, rows, options, found)
        return pivot.channels, pivot.rows


def _constants(table: Table) -> dict[str, float]:
    """The channels of a series of several rows that have one value in all of them."""
    if len(table.times) < 2:
        return {}
    is_constant = (table.values == table.values[:1]).all(axis=0)
    return {
        name: float(table.values[0, place])
        for place, name in enumerate(table.channels)
        if is_constant[place]
    }


def _with_lines(part: SeriesPart, rows: PartRows) -> SeriesPart:
    """The part with the lines that have no series."""
    lines: list[Rejected] = rows.rejected[NO_LABEL]
    rejected = sorted([*part.table.rejected, *lines], key=lambda one: one.line)
    causes = Findings(rejected=rejected).all_issues()
    codes = {cause.code for cause in causes}
    issues = [issue for issue in part.table.issues if issue.code not in codes]
    table = replace(
        part.table,
        rejected=rejected,
        issues=[*issues, *causes],
        rows_read=part.table.rows_read + rows.read_without_series,
    )
    return replace(part, table=table)
