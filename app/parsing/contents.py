"""The rows of a file as times and channels, from its columns or from a regular file's matrix."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from app.parsing.bars_of_rows import as_bars, begin_of_step
from app.parsing.channels import Channels
from app.parsing.clocks.file_clock import clock_of_layout, clock_of_names, take_clock
from app.parsing.clocks.naive_times import (
    report_exchange_clock,
    report_interval_ends,
    report_naive_times,
)
from app.parsing.clocks.periods import refuse_period_column
from app.parsing.clocks.time_copies import find_time_copies
from app.parsing.clocks.utc import in_utc
from app.parsing.columns import ChosenColumns
from app.parsing.derived.derived_columns import independent_columns
from app.parsing.duplicates import Combining
from app.parsing.findings import Findings
from app.parsing.keys.several_series import refuse_several_series
from app.parsing.options import ReadOptions
from app.parsing.order import OrderedRows, in_order
from app.parsing.regular import RegularFile
from app.parsing.rows import CheckedRows
from app.parsing.sources.delimiters import refuse_mixed
from app.parsing.sources.grids import Grid
from app.parsing.sources.layout import Layout
from app.parsing.time_columns import read_times
from app.parsing.times.fields import Integers
from app.parsing.value_columns import read_values, report_text
from app.parsing.value_findings import apply_missing, report_value_findings
from app.parsing.values import bars
from app.parsing.values.cells import CellKind
from app.parsing.values.matrix import taken, taken_channels
from app.parsing.values.odd_cells import report_odd_cells
from app.quality.missing_marks import MissingMarks
from models.arrays import Values
from models.series import SeriesKind

# Formats that hold a time of day.
WITH_CLOCK = re.compile(r"%[HI]|epoch|excel")


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of a file in time order, the channel of each column, and how fields are written."""

    kind: SeriesKind
    channels_of: dict[int, str]
    time_copies: frozenset[int]
    rows: OrderedRows
    dialect: dict[str, Any]
    units: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadRows:
    """The rows of a file in its own order: which are usable, their times and values."""

    rows: CheckedRows
    times: Integers
    channels: Channels
    time_copies: frozenset[int]
    dialect: dict[str, Any]

    def in_order(
        self, chosen: Integers | None, options: ReadOptions, findings: Findings
    ) -> OrderedRows:
        """The chosen rows in time order; findings about their values are reported.

        Args:
            chosen: The numbers of the rows; None takes all that are usable.
            options: How rows of one time are combined, and what is known about the channels.
            findings: Receives what is found.
        """
        lines, usable = self.rows.lines, self.rows.usable
        rows = chosen if chosen is not None else slice(None) if usable.all() else usable
        ordered = in_order(
            self.times[rows],
            self.channels.values[rows],
            lines.where(usable) if chosen is None else lines.at_rows(chosen),
            findings,
            combining=Combining.of(options, self.channels.rules),
        )
        names = list(self.channels.names.values())
        report_value_findings(names, self.channels.kind, ordered, options, findings)
        return ordered


def read_content(
    grid: Grid, chosen: ChosenColumns, options: ReadOptions, findings: Findings
) -> Content:
    """Read the rows of a file of one series."""
    read = read_rows(grid, chosen, options, findings)
    ordered = read.in_order(None, options, findings)
    channels = read.channels
    return Content(
        channels.kind, channels.names, read.time_copies, ordered, read.dialect, channels.units
    )


def read_rows(
    grid: Grid,
    chosen: ChosenColumns,
    options: ReadOptions,
    findings: Findings,
    key: tuple[int, ...] = (),
) -> ReadRows:
    """Read times and values of all rows; they must be of one series for each value of the `key`."""
    layout, columns = grid.layout, grid.columns
    chosen, clock = take_clock(columns, layout, grid.first_rows, chosen, options)
    rows = _rows(layout, chosen, findings)
    time_names = [layout.names[number] for number in chosen.time]
    clock = clock or clock_of_names(time_names, options.timezone)
    clock = clock or clock_of_layout(layout, options.timezone)
    read = read_times(
        [columns[n] for n in chosen.time],
        time_names,
        options,
        rows,
        known_format=chosen.time_format,
        clock=clock,
    )
    utc = read.utc
    has_clock = any(WITH_CLOCK.search(form) for form in read.formats)
    if options.split is None and not has_clock:
        _refuse_periods(columns, layout, chosen, utc.times[rows.usable])
    utc = replace(utc, times=begin_of_step(utc.times, options))
    refuse_several_series(grid, chosen, utc.times, rows, options=options, given=key)
    copies: frozenset[int] = frozenset()
    if not chosen.asked:
        moments = [n for n in chosen.text if layout.kinds[n] == CellKind.MOMENT]
        found = find_time_copies(
            columns, layout.names, chosen, utc, moments=moments, options=options, rows=rows
        )
        copies, utc = found.columns, found.utc
    asked = {number: name for number, name in chosen.channels.items() if number not in copies}
    values = _read_channels(grid, asked, _of_rows(options), rows, times=utc.times, chosen=chosen)
    channels = as_bars(values, len(columns), options)
    report_exchange_clock(channels.kind, utc, options, rows)
    rows.require_enough()
    if grid.delimiter and not options.delimiter:
        refuse_mixed(findings.rejected, grid.delimiter, len(columns))
    dialect = _dialect(read.formats, channels, asked) | {"timezone": utc.zone}
    return ReadRows(rows, utc.times, channels, copies, dialect)


def _refuse_periods(
    columns: list[Any],
    layout: Layout,
    chosen: ChosenColumns,
    times: Integers,
) -> None:
    """Refuse dates that repeat because another column counts the periods of each day."""
    repeated = int((np.diff(np.sort(times, kind="stable")) == 0).sum())
    if 2 * repeated < len(times):
        return
    numbers = (CellKind.NUMBER, CellKind.MAYBE_MOMENT)
    others = [n for n in range(len(columns)) if n not in chosen.time and layout.kinds[n] in numbers]
    refuse_period_column(columns, layout.names, chosen.time, others)


def _of_rows(options: ReadOptions) -> ReadOptions:
    """The options of the rows themselves, which are not bars before they are put together."""
    is_made = options.pivot is not None or options.duplicates == "ohlc"
    return replace(options, kind="generic") if is_made else options


def read_matrix(regular: RegularFile, options: ReadOptions, findings: Findings) -> Content:
    """Read the rows of a regular file, by the same rules as those of any other."""
    layout, chosen = regular.layout, regular.chosen
    rows = _rows(layout, chosen, findings)
    names = [layout.names[number] for number in chosen.time]
    clock = clock_of_names(names, options.timezone) or clock_of_layout(layout, options.timezone)
    utc = in_utc(regular.moments, clock, options, rows)
    report_naive_times(regular.moments, utc, names, options, rows)
    if options.times is None:
        report_interval_ends(names, len(utc.times), rows)
    times = utc.times
    regular.require_one_series(times)
    values, asked = regular.matrix.values(len(layout.body)), chosen.channels
    places = independent_columns(
        asked, values, times, layout=layout, chosen=chosen, options=options, rows=rows
    )
    if len(places) < len(asked):
        asked, values = _at(places, asked), taken_channels(values, places)
    channels = _named(asked, (values, "."), layout, options, rows)
    report_exchange_clock(channels.kind, utc, options, rows)
    rows.require_enough()
    lines = rows.lines
    if not rows.usable.all():
        usable = np.flatnonzero(rows.usable)
        times, values, lines = times[usable], taken(values, usable), lines.at_rows(usable)
    combining = Combining.of(options)
    ordered = in_order(times, values, lines, findings, combining=combining, take=taken)
    channel_names = list(channels.names.values())
    report_value_findings(channel_names, channels.kind, ordered, options, findings)
    dialect = _dialect(regular.moments.formats, channels, chosen.channels)
    dialect |= {"timezone": utc.zone}
    return Content(channels.kind, channels.names, frozenset(), ordered, dialect)


def _rows(layout: Layout, chosen: ChosenColumns, findings: Findings) -> CheckedRows:
    rows = CheckedRows(layout.body, findings)
    if chosen.text:
        report_text([layout.names[number] for number in chosen.text], rows)
    return rows


def _dialect(formats: tuple[str, ...], channels: Channels, asked: dict[int, str]) -> dict[str, Any]:
    """How the fields are written; `asked` has the name of each channel's column."""
    return {
        "timestamp_format": list(formats),
        "decimal": channels.decimal,
        "columns": {name: asked.get(number, name) for number, name in channels.names.items()},
    }


def _read_channels(
    grid: Grid,
    asked: dict[int, str],
    options: ReadOptions,
    rows: CheckedRows,
    *,
    times: Integers,
    chosen: ChosenColumns,
) -> Channels:
    """Columns as numbers; those of bars get the names of bars and are checked."""
    read = read_values(
        [grid.columns[number] for number in asked],
        list(asked.values()),
        options.decimal,
        rows,
        missing=_missing_of_columns(asked, options),
        points_are_sure=grid.delimiter in (None, ","),
    )
    columns, asked = list(asked), _at(read.places, asked)
    places = independent_columns(
        asked, read.values, times, layout=grid.layout, chosen=chosen, options=options, rows=rows
    )
    values = read.values if len(places) == len(asked) else read.values[:, places]
    asked = _at(places, asked)
    channels = _named(asked, (values, read.decimal), grid.layout, options, rows)
    names = channels.names
    odd = {names[columns[n]]: cells for n, cells in read.odd.items() if columns[n] in names}
    report_odd_cells(odd, options.missing, rows)
    return replace(channels, units={columns[place]: unit for place, unit in read.units.items()})


def _at(places: list[int], asked: dict[int, str]) -> dict[int, str]:
    """The columns at the given places of a choice."""
    columns = list(asked)
    return {columns[place]: asked[columns[place]] for place in places}


def _missing_of_columns(asked: dict[int, str], options: ReadOptions) -> MissingMarks:
    """The marks of missing values by the names of columns; those of bars have other channels."""
    names = list(asked.values())
    bars_of = bars.named_bars(names) if options.kind in (None, "ohlc") else {}
    missing = options.missing
    return {name: missing.get(bars_of.get(name, name), []) for name in names} if missing else {}


def _named(
    asked: dict[int, str],
    numbers: tuple[Values, str],
    layout: Layout,
    options: ReadOptions,
    rows: CheckedRows,
) -> Channels:
    """Columns of numbers under the names of channels; those of bars are checked.

    `asked` has a name for each column; `numbers` are their values and the decimal separator.
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
    return Channels(kind, dict(zip(asked, names, strict=True)), values, decimal)
