"""Give times to the rows of a file without times: `start`, and steps of `cadence`."""

from dataclasses import replace
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.arrow import to_integers
from app.parsing.errors import AmbiguousTimes, OptionInvalid, SeveralSeries
from app.parsing.findings import Findings
from app.parsing.lines import Numbers
from app.parsing.options import ReadOptions
from app.parsing.sources.grids import Grid
from app.parsing.sources.layout import Layout
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import read_moments
from app.parsing.times.zones import localise
from app.parsing.values.cells import CellKind
from models.arrays import Times
from models.calendars.cadence import Cadence
from models.calendars.timezones import to_local
from models.errors import DataError, Problem

NAME = "time"
# Empty lines of a file with one column are missing values if there are fewer than this share.
MOST_EMPTY_SHARE = 1 / 3
SHOWN_LABELS = 3
EXAMPLE = "such as start=2024-01-01 and cadence=1h"


def with_given_times(
    grid: Grid, options: ReadOptions, findings: Findings
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
    times = steps_from(start, cadence, _places(grid, options, findings), options.timezone)
    first, last = times[0], times[-1]
    message = f"The rows have times from {first} to {last}, as `start` and `cadence` say."
    findings.report("given_times", message, len(times))
    name = next(n for n in (NAME, *(f"{NAME}_{k}" for k in range(2, 99))) if n not in layout.names)
    made = replace(layout, names=(*layout.names, name), kinds=(*layout.kinds, CellKind.MOMENT))
    columns = [*grid.columns, arrow.texts(times)]
    return (
        replace(grid, layout=made, columns=columns, has_given_times=True),
        replace(options, timestamp=(name,), timestamp_format=None),
    )


def start_and_cadence(options: ReadOptions) -> tuple[np.datetime64, Cadence]:
    """The first time, in UTC for steps within a day and else in local time, and the step.

    Raises:
        OptionInvalid: If one is not given or cannot be read.
    """
    for name, value in (("start", options.start), ("cadence", options.cadence)):
        if value is None:
            raise _invalid(name, "`start=` and `cadence=` must be given together", "only one")
    cadence = read_cadence(str(options.cadence))
    start = read_start(str(options.start), cadence, options.timezone)
    if cadence.add(np.array([start]), 0)[0] != start:
        before = as_texts(cadence.add(np.array([start]), 0), cadence)[0]
        rule = f"`start` must be a point of the cadence {cadence.text}, such as {before}"
        raise _invalid("start", rule, str(options.start))
    return start, cadence


def read_cadence(text: str) -> Cadence:
    """The step that a sender says."""
    try:
        return Cadence.parse(text)
    except DataError as error:
        raise OptionInvalid(str(error), [Problem("/query/cadence", str(error))]) from error


def read_start(text: str, cadence: Cadence, timezone: str) -> np.datetime64:
    """The first time: in UTC for steps within a day, else in local time."""
    rule = f"`start` must be a date or a time that can be read in one way, {EXAMPLE}"
    try:
        moments = read_moments(Column(arrow.texts([text.strip()])), None)
    except AmbiguousTimes as error:
        raise _invalid("start", rule, text) from error
    if not moments.read[0]:
        raise _invalid("start", rule, text)
    times = moments.times
    if moments.has_offset[0]:
        if cadence.counts_days:
            times = to_local(times.view("datetime64[us]"), timezone).view(np.int64)
    elif not cadence.counts_days:
        localised = localise(times, timezone)
        if localised.skipped[0]:
            raise _invalid("start", f"`start` must be a time that clocks in {timezone} show", text)
        times = localised.times
    return np.datetime64(int(times[0]), "us")


def steps_from(start: np.datetime64, cadence: Cadence, places: Numbers, timezone: str) -> list[str]:
    """The times of places counted from 0, as texts; those within a day are in UTC."""
    return as_texts(cadence.add(np.full(len(places), start), places), cadence)


def as_texts(times: Times, cadence: Cadence) -> list[str]:
    """Times as texts, without the parts that are zero on all."""
    unit = next((u for u in "ms" if (times == times.astype(f"datetime64[{u}]")).all()), "us")
    days = cadence.counts_days and (times == times.astype("datetime64[D]")).all()
    unit = "D" if days else unit
    mark = "" if cadence.counts_days else "Z"
    shown: list[str] = np.datetime_as_string(times.astype(f"datetime64[{unit}]")).tolist()
    return [f"{text}{mark}" for text in shown]


def _refuse_times(grid: Grid, options: ReadOptions) -> None:
    names, kinds = grid.layout.names, grid.layout.kinds
    found = [name for name, kind in zip(names, kinds, strict=True) if kind == CellKind.MOMENT]
    if found:
        raise _invalid(
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


def _invalid(name: str, rule: str, received: str) -> OptionInvalid:
    message = f"{rule}. Received: {received}"
    return OptionInvalid(message, [Problem(f"/query/{name}", message)])


def _places(grid: Grid, options: ReadOptions, findings: Findings) -> Numbers:
    """The number of each row, counted from 0 in each series."""
    layout = grid.layout
    numbers = layout.body.numbers
    split = [layout.names.index(n) for n in _split_names(layout, options)]
    if split:
        return _places_in_series([grid.columns[number] for number in split])
    if _counts_lines(grid, numbers):
        return numbers - numbers[0]
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
