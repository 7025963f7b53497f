"""Tidy tables: a column names the channel of each row, and another one holds its value."""

from dataclasses import dataclass

import numpy as np

from app.parsing.channels import Channels
from app.parsing.columns import ChosenColumns
from app.parsing.contents import Content, ReadRows, read_rows
from app.parsing.duplicates import Combining, RowsOfOneTime
from app.parsing.findings import Findings
from app.parsing.keys.label_columns import columns_of, invalid, without
from app.parsing.keys.labels import NO_LABEL, coded
from app.parsing.names import require_storable
from app.parsing.options import MOST_NAME_LENGTH, ReadOptions
from app.parsing.order import OrderedRows
from app.parsing.sources.grids import Grid
from app.parsing.times.fields import Integers
from app.parsing.value_findings import apply_missing, report_value_findings
from app.parsing.values import bars
from models.arrays import Values

MOST_CHANNELS = 1_000
MOST_CELLS = 100_000_000


@dataclass(frozen=True, slots=True)
class PivotColumns:
    """The column of the channels' names, and the one of their values."""

    names: int
    value: int


@dataclass(frozen=True, slots=True)
class Pivoted:
    """The rows of a tidy table with a column for each channel."""

    channels: Channels
    rows: OrderedRows


def find_pivot(
    grid: Grid, chosen: ChosenColumns, options: ReadOptions, key: tuple[int, ...] = ()
) -> PivotColumns:
    """The columns that `pivot` and `value` name.

    Raises:
        OptionInvalid: If they are not two columns, or `value` is needed.
    """
    names = grid.layout.names
    found = columns_of(options.pivot or "", names, chosen, "pivot")
    if len(found) != 1:
        raise invalid("pivot", f"must name one column. Received: {options.pivot!r}")
    if found[0] in key:
        raise invalid("pivot", f"must not be a column of `split`. Received: {options.pivot!r}")
    numbers = [n for n in chosen.channels if n not in (*found, *key)]
    if options.value is None and len(numbers) != 1:
        listed = ", ".join(repr(names[n]) for n in numbers)
        raise invalid("value", f"must name the column of the values: {listed}")
    value = (
        numbers[0]
        if options.value is None
        else columns_of(options.value, names, chosen, "value")[0]
    )
    if value == found[0] or value in key:
        raise invalid("value", f"must be another column than that. Received: {options.value!r}")
    return PivotColumns(found[0], value)


def only_value(
    chosen: ChosenColumns, columns: PivotColumns, names: tuple[str, ...]
) -> ChosenColumns:
    """The chosen columns with the values as the only channel."""
    others = [n for n in (*chosen.channels, *chosen.text) if n != columns.value]
    kept = without(chosen, others)
    return ChosenColumns(
        chosen.time, {columns.value: names[columns.value]}, kept.text, chosen.time_format, True
    )


def read_pivoted(
    grid: Grid, chosen: ChosenColumns, options: ReadOptions, findings: Findings
) -> Content:
    """Read a tidy table of one series.

    Raises:
        SeveralSeries: If rows of one time and name are of several series.
        ConflictingRows: If rows of one time and name contradict each other.
    """
    columns = find_pivot(grid, chosen, options)
    read = read_rows(
        grid, only_value(chosen, columns, grid.layout.names), options, findings, (columns.names,)
    )
    names = coded(grid.columns[columns.names])
    _reject_nameless(read, names[0])
    chosen_rows = np.flatnonzero(read.rows.usable)
    found = pivoted(read, names, chosen_rows, options, findings)
    dialect = {**read.dialect, "columns": {name: name for name in found.channels.names.values()}}
    new = {len(grid.layout.names) + n: name for n, name in enumerate(found.channels.names.values())}
    return Content(found.channels.kind, new, read.time_copies, found.rows, dialect)


def _reject_nameless(read: ReadRows, codes: Integers) -> None:
    read.rows.reject(
        codes == NO_LABEL, "no_symbol", lambda _: "no value in the column of the channel"
    )


def pivoted(
    read: ReadRows,
    names: tuple[Integers, tuple[str, ...]],
    chosen: Integers,
    options: ReadOptions,
    findings: Findings,
) -> Pivoted:
    """The chosen rows with a column for each name.

    Args:
        read: The rows of the file.
        names: A code for each row, and the names that they stand for.
        chosen: The numbers of the rows.
        options: How rows of the same time and name are combined.
        findings: Receives what is found.
    """
    codes, texts = names[0][chosen], names[1]
    used = np.unique(codes)
    times = np.unique(read.times[chosen])
    if len(used) > MOST_CHANNELS or len(used) * len(times) > MOST_CELLS:
        raise invalid(
            "pivot",
            f"must name a column with at most {MOST_CHANNELS} different values and with "
            f"{MOST_CELLS} cells in all. Received: {len(used)} values at {len(times)} times; "
            "`split` makes a series of each",
        )
    order = np.lexsort((codes, read.times[chosen]))
    values, duplicates, conflicts, last = _combined(
        read, chosen[order], codes[order], options, findings
    )
    rows = np.searchsorted(times, read.times[last])
    matrix = np.full((len(times), len(used)), np.nan)
    matrix[rows, np.searchsorted(used, names[0][last])] = values
    places = np.zeros(len(times), dtype=np.int64)
    places[rows] = last
    labels = _channel_names([texts[code] for code in used.tolist()])
    labels, kind = bars.canonical_names(
        labels, matrix, options.kind, has_header=True, findings=findings
    )
    matrix = apply_missing(labels, matrix, options.missing)
    ordered = OrderedRows(times, matrix, duplicates, read.rows.lines, places, conflicts)
    report_value_findings(labels, kind, ordered, options, findings)
    numbers = dict(enumerate(labels))
    return Pivoted(Channels(kind, numbers, matrix, read.channels.decimal), ordered)


def _combined(
    read: ReadRows, order: Integers, codes: Integers, options: ReadOptions, findings: Findings
) -> tuple[Values, int, int, Integers]:
    """The value of each time and name, how many rows others stand for, and the last row of each."""
    times = read.times[order]
    is_new = np.append(True, (np.diff(times) != 0) | (np.diff(codes) != 0))
    starts = np.flatnonzero(is_new)
    last = order[np.append(starts[1:], len(order)) - 1]
    values = read.channels.values[last, 0]
    conflicts = 0
    if len(starts) < len(order):
        combining = Combining.of(options)
        met = RowsOfOneTime.find(read.channels.values[:, :1], order, starts)
        values[met.groups] = met.combined(combining.rules(1))[:, 0]
        conflicts = combining.check(met, read.rows.lines, findings)
    return values, len(order) - len(starts), conflicts, last


def _channel_names(texts: list[str]) -> list[str]:
    """Different names, short enough for a channel."""
    names: list[str] = []
    seen: set[str] = set()
    for text in texts:
        require_storable(text)
        name = text[: MOST_NAME_LENGTH - 10]
        number, candidate = 2, name
        while candidate in seen:
            number, candidate = number + 1, f"{name}_{number}"
        seen.add(candidate)
        names.append(candidate)
    return names
