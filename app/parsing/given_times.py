"""Give times to the rows of a file without times: `start`, and steps of `cadence`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.arrow import to_integers
from app.parsing.errors import SeveralSeries
from app.parsing.findings import Findings
from app.parsing.lines import Numbers
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.grids import Grid
from app.parsing.sources.layout import Layout
from app.parsing.times.steps import option_invalid, start_and_cadence, steps_from
from app.parsing.values.cells import CellKind

NAME = "time"
# Empty lines of a file with one column are missing values if there are fewer than this share.
MOST_EMPTY_SHARE = 1 / 3
SHOWN_LABELS = 3


def with_given_times(
    grid: Grid, options: ReadOptions, record: ReadingRecord, findings: Findings
) -> tuple[Grid, ReadOptions]:
    """The table with a column of times behind its own, and the options that name it.

    A row that cannot be used keeps its place, so that the times after it stay right.

    Raises:
        OptionInvalid: If only one of the two options is given or cannot be read, or if the file
            has times itself.
    """
    if grid.has_given_times or (options.start is None and options.cadence is None):
        return grid, options
    if not options.columns:
        _refuse_times(grid, options)
        if options.split is None:
            _refuse_series(grid)
    start, cadence = start_and_cadence(options)
    layout = grid.layout
    times = steps_from(start, cadence, _places(grid, options, findings), options.zone)
    first, last = times[0], times[-1]
    message = f"The rows have times from {first} to {last}, as `start` and `cadence` say."
    findings.report("given_times", message, len(times))
    name = next(n for n in (NAME, *(f"{NAME}_{k}" for k in range(2, 99))) if n not in layout.names)
    # A quarantined row is shown with its time, so that it can be corrected and sent again.
    texts = _TimedTexts(layout.body.texts, times, _mark(grid, record))
    made = replace(
        layout,
        names=(*layout.names, name),
        kinds=(*layout.kinds, CellKind.MOMENT),
        body=replace(layout.body, texts=texts),
    )
    columns = [*grid.columns, arrow.texts(times)]
    return (
        replace(grid, layout=made, columns=columns, has_given_times=True),
        replace(options, timestamp=(name,), timestamp_format=None),
    )


def _mark(grid: Grid, record: ReadingRecord) -> str:
    """What separates the fields of a row's text."""
    delimiter = str(grid.delimiter or record.dialect.get("delimiter") or ",")
    return delimiter if len(delimiter) == 1 else " "


class _TimedTexts(Sequence[str]):
    """The texts of rows with their times behind them, made when a report shows them."""

    def __init__(self, texts: Sequence[str], times: Sequence[str], mark: str) -> None:
        self._texts, self._times, self._mark = texts, times, mark

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _TimedTexts(self._texts[index], self._times[index], self._mark)
        return f"{self._texts[index]}{self._mark}{self._times[index]}"


def _refuse_times(grid: Grid, options: ReadOptions) -> None:
    names, kinds = grid.layout.names, grid.layout.kinds
    found = [name for name, kind in zip(names, kinds, strict=True) if kind == CellKind.MOMENT]
    if found:
        raise option_invalid(
            "start",
            "`start=` and `cadence=` are for files without times. Leave them out, or name the "
            f"channels with `columns=`, if {found[0]!r} is not the time of the row",
            str(options.start),
        )


def _refuse_series(grid: Grid) -> None:
    """Refuse rows of several series: a text for each, in blocks or alternating.

    Raises:
        SeveralSeries: With the option that separates them.
    """
    for name, kind, column in zip(grid.layout.names, grid.layout.kinds, grid.columns, strict=True):
        labels = _labels(column) if kind == CellKind.TEXT else []
        if len(labels) > 1:
            shown = ", ".join(map(repr, labels[:SHOWN_LABELS]))
            raise SeveralSeries(
                f"The file holds several series: the column {name!r} has {len(labels)} values "
                f"({shown}), in blocks or alternating. Add `split={name}` to make each a series "
                "of its own, or name the channels with `columns=` to count all rows as one."
            )


def _labels(column: Any) -> list[str]:
    """The texts of a column that come in blocks, or in turns of the same order; else none."""
    import pyarrow.compute as pc

    labels = pc.unique(column)
    codes = to_integers(pc.index_in(column, value_set=labels))
    count, rows = len(labels), len(codes)
    blocks = int((np.diff(codes) != 0).sum()) == count - 1
    turns = bool((codes == np.arange(rows) % count).all())
    return labels.to_pylist() if rows >= 2 * count and (blocks or turns) else []


def _places(grid: Grid, options: ReadOptions, findings: Findings) -> Numbers:
    """The number of each row, counted from 0 in each series."""
    layout = grid.layout
    numbers = layout.body.numbers
    split = [layout.names.index(n) for n in _split_names(layout, options)]
    if split:
        return _places_in_series([grid.columns[number] for number in split])
    if _counts_lines(grid, numbers):
        return np.asarray(numbers - numbers[0], dtype=np.int64)
    rejected = [one.line for one in findings.rejected if one.line > numbers[0]]
    every = np.unique(np.concatenate([numbers, np.array(rejected, dtype=np.int64)]))
    return np.asarray(np.searchsorted(every, numbers), dtype=np.int64)


def _split_names(layout: Layout, options: ReadOptions) -> list[str]:
    if options.split is None or options.split in layout.names:
        return [options.split] if options.split else []
    if options.split.isdecimal() and 1 <= int(options.split) <= len(layout.names):
        return [layout.names[int(options.split) - 1]]
    return [name for name in options.split.split(",") if name in layout.names]


def _places_in_series(columns: list[Any]) -> Numbers:
    """The number of each row among the rows with the same labels."""
    import pyarrow.compute as pc

    codes = [to_integers(pc.index_in(one, value_set=pc.unique(one))) for one in columns]
    _, series = np.unique(np.stack(codes), axis=1, return_inverse=True)
    order = np.argsort(series, kind="stable")
    counts = np.bincount(series)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    places = np.empty(len(series), dtype=np.int64)
    places[order] = np.arange(len(series)) - starts
    return places


def _counts_lines(grid: Grid, numbers: Numbers) -> bool:
    """Whether a row's line is its place: in a sheet, and where empty lines are missing values."""
    lines = int(numbers[-1] - numbers[0]) + 1
    has_gaps = grid.delimiter is None or len(grid.columns) == 1
    return has_gaps and len(numbers) > (1 - MOST_EMPTY_SHARE) * lines
