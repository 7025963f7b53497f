"""Read tables with a column for each time, such as a row of a country with a column for each year.

They become tables with a row for each time, in which the other columns say which series it is of.
"""

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.arrow import to_mask
from app.parsing.errors import AmbiguousTimes, FileTooLarge, NotATable, OptionInvalid
from app.parsing.findings import Findings
from app.parsing.lines import MOST_LINES, Lines, Mask, RowTexts
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.clock_columns import clock_columns, cover_a_day, ends_at_24, is_date
from app.parsing.sources.grids import Grid
from app.parsing.sources.layout import Layout
from app.parsing.times.column_names import is_time_name
from app.parsing.times.guesses import guess_formats, guess_year
from app.parsing.times.month_names import MONTHS
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import read_moments
from app.parsing.values.cells import NULLS, CellKind, kind_of
from models.errors import Problem

# Years further apart are other numbers.
YEAR_STEPS = (*range(-10, 0), *range(1, 11))
# Fewer columns of times prove nothing.
LEAST_TIMES = 3
SAMPLE_DATES = 20
# What programs put around a year that names a column: `X1960`, `1960 [YR1960]`, `YR1960`.
AROUND_TIME = re.compile(r"(?:X|YR)(\d.*)|(\d{4}) \[YR\d{4}\]")
QUARTER = re.compile(r"[Qq]([1-4])")
MONTH_NAME = re.compile(r"month|mon|mm|monat|mois|mes|mese|maand")
MONTH = re.compile(r"0?[1-9]|1[0-2]")
# Eurostat names its first column so, and writes flags behind values: `105.1 p`, `: c`.
EUROSTAT_NAME = re.compile(r".*\\(TIME_PERIOD|time)", re.IGNORECASE)
EUROSTAT_FLAG = r"^(\s*(?:[+-]?\d[\d.]*|:)) ?[a-z]{1,4}\s*$"
TIME, VALUE, ROW = "time", "value", "row"
SHOWN_NAMES = 10


@dataclass(frozen=True, slots=True)
class WideColumns:
    """The columns of times with the time of each, and the others.

    `date` is a column of dates whose times of day the columns are; `parts` holds for each row the
    part of a year, such as `-03` or `-Q2`, if the columns are years.
    """

    times: dict[int, str]
    labels: tuple[int, ...]
    date: int | None = None
    parts: tuple[str, ...] = ()


def by_time(grid: Grid, options: ReadOptions, record: ReadingRecord, findings: Findings) -> Grid:
    """A table with a column for each time as one with a row for each; any other as it is.

    Raises:
        OptionInvalid: If `wide` is true, and columns do not have the names of times; if it is not
            given, and columns of the times of a day stand beside numbers.
        FileTooLarge: If there are too many rows and times.
    """
    is_asked = bool(options.wide)
    says_times = options.columns or options.timestamp or options.start or options.cadence
    if options.wide is False:
        return grid
    named = _with_header(grid, options)
    if says_times and not is_asked:
        return named
    found = _wide_columns(named, is_asked=is_asked)
    if found is None and is_asked:
        names = ", ".join(repr(name) for name in named.layout.names[:SHOWN_NAMES])
        message = f"`wide=true` is for tables whose columns have the names of times. Names: {names}"
        raise OptionInvalid(message, [Problem("/query/wide", message)])
    if found is None:
        return grid
    rows = len(named.layout.body)
    message = (
        f"The table has {len(found.times)} columns of times. It was read as {len(found.times)} "
        f"times of each of its {rows} rows."
    )
    findings.report("wide_table", message, rows)
    if found.date is not None and options.times is None and ends_at_24(list(found.times.values())):
        message = (
            "The last column of times is 24:00: the times seem to end their intervals. With "
            "`times=end` each row has the time at which its interval begins."
        )
        findings.report("interval_ends", message, rows)
    # Reports show the rows made here, which have no delimiter.
    record.dialect["delimiter"] = None
    return _melted(named, found)


def _with_header(grid: Grid, options: ReadOptions) -> Grid:
    """The table with its first row as names, if that row holds years or months in order."""
    layout = grid.layout
    if layout.header_lines or options.header is False or len(layout.body) < 2:
        return grid
    first = tuple(grid.first_rows[0])
    others = [kind_of(cell) for cell in first if not _time_of(cell)]
    # Numbers beside would be a row of values that look like years.
    is_named = CellKind.TEXT in others and not set(others) - {CellKind.TEXT, CellKind.NOTHING}
    if not is_named or not _are_in_order([time for time in map(_time_of, first) if time]):
        return grid
    body = layout.body.slice(1)
    made = replace(layout, names=first, header_lines=1, body=body, rows_read=layout.rows_read - 1)
    return replace(grid, layout=made, columns=[column.slice(1) for column in grid.columns])


def _wide_columns(grid: Grid, *, is_asked: bool) -> WideColumns | None:
    layout = grid.layout
    names, kinds = layout.names, layout.kinds
    if not layout.header_lines:
        return None
    dates = [number for number, kind in enumerate(kinds) if kind == CellKind.MOMENT]
    clocks = clock_columns(names) if len(dates) == 1 else {}
    has_clocks = cover_a_day(list(clocks.values())) or (is_asked and len(clocks) > 1)
    if has_clocks and all(map(is_date, grid.columns[dates[0]].slice(0, SAMPLE_DATES).to_pylist())):
        others = _others(grid, {*clocks, dates[0]})
        if not is_asked:
            _require_labels(others, layout, len(clocks))
        return WideColumns(clocks, others, dates[0])
    times = {number: time for number, name in enumerate(names) if (time := _time_of(name))}
    if len(times) < (1 if is_asked else LEAST_TIMES):
        return None
    if not is_asked and (dates or not _are_in_order(list(times.values()))):
        return None
    labels = _others(grid, set(times))
    parts = _parts_of_years(grid, times, labels)
    counts = [names[n] for n in labels if kinds[n] != CellKind.TEXT and is_time_name(names[n])]
    if counts and not parts and not is_asked:
        return None  # a column of days, hours or seconds since 1970 says when the rows are
    return WideColumns(times, labels, parts=parts)


def _require_labels(others: tuple[int, ...], layout: Layout, clocks: int) -> None:
    """Refuse numbers beside the times of a day: they may be other channels, or sums of the row.

    Raises:
        OptionInvalid: With both ways to read the table.
    """
    numbers = [layout.names[n] for n in others if layout.kinds[n] != CellKind.TEXT]
    if numbers:
        listed = ", ".join(repr(name) for name in numbers[:SHOWN_NAMES])
        message = (
            f"{clocks} columns are the times of a day, and beside them are numbers: {listed}. "
            f"`wide=true` reads each row as {clocks} times and leaves {listed} out; `wide=false` "
            "reads each column as a channel."
        )
        raise OptionInvalid(message, [Problem("/query/wide", message)])


def _others(grid: Grid, used: set[int]) -> tuple[int, ...]:
    kinds = grid.layout.kinds
    return tuple(
        number
        for number, kind in enumerate(kinds)
        if number not in used and kind != CellKind.NOTHING
    )


def _time_of(name: str) -> str | None:
    """The time in a name: a date, a month or a year; None if it is another name."""
    match = AROUND_TIME.fullmatch(name.strip())
    text = (match[1] or match[2]) if match else name.strip()
    return text if guess_formats(text) or guess_year(text) else None


def _are_in_order(times: list[str]) -> bool:
    """Whether names are times that all come one after the other."""
    if len(times) < LEAST_TIMES:
        return False
    try:
        moments = read_moments(Column(arrow.texts(times)), None)
    except AmbiguousTimes:
        # The rows made of them are refused with the option that resolves it.
        return True
    steps = np.diff(moments.times)
    are_years = all(map(guess_year, times))
    if are_years and len({int(b) - int(a) for a, b in pairwise(times)} - set(YEAR_STEPS)):
        return False
    return bool(moments.read.all() and ((steps > 0).all() or (steps < 0).all()))


def _parts_of_years(grid: Grid, times: dict[int, str], labels: tuple[int, ...]) -> tuple[str, ...]:
    """The month or quarter of each row of a table whose columns are years; empty if it has none."""
    if len(labels) != 1 or not all(map(guess_year, times.values())):
        return ()
    is_month = MONTH_NAME.fullmatch(grid.layout.names[labels[0]].strip().lower()) is not None
    texts = (text.strip() for text in _texts(grid.columns[labels[0]]).to_pylist())
    parts = [_part_of_year(text, is_month=is_month) for text in texts]
    return tuple(parts) if all(parts) and len(set(parts)) == len(parts) > 1 else ()


def _part_of_year(text: str, *, is_month: bool) -> str:
    quarter = QUARTER.fullmatch(text)
    if quarter:
        return f"-Q{quarter[1]}"
    if is_month and MONTH.fullmatch(text):
        return f"-{int(text):02}-01"
    month = MONTHS.get(text.strip(" .").lower())
    return f"-{month:02}-01" if month else ""


def _melted(grid: Grid, wide: WideColumns) -> Grid:
    """A row for each time of each row; missing values before the first and after the last go."""
    import pyarrow as pa
    import pyarrow.compute as pc

    layout, count = grid.layout, len(wide.times)
    rows = len(layout.body)
    labels = [_texts(grid.columns[number]) for number in (() if wide.parts else wide.labels)]
    _require_size(labels, rows, count)
    # Row by row: the values of a row are `rows` places apart in the columns one after the other.
    places = (np.arange(rows)[:, None] + rows * np.arange(count)[None, :]).ravel()
    values = pa.concat_arrays([_texts(grid.columns[number]) for number in wide.times])
    if any(map(EUROSTAT_NAME.fullmatch, layout.names)):
        values = pc.replace_substring_regex(values, EUROSTAT_FLAG, r"\1")
    kept = np.flatnonzero(_between_values(values, places, rows))
    if not len(kept):
        raise NotATable("The columns of times hold no values.")
    row = kept // count
    names = [layout.names[number] for number in (() if wide.parts else wide.labels)]
    if not labels and not wide.parts and rows > 1 and wide.date is None:
        names, labels = [ROW], [arrow.texts([str(n) for n in range(1, rows + 1)])]
    columns = [
        *(pc.take(label, _indices(row)) for label in labels),
        _times(grid, wide, row, kept % count),
        pc.take(values, _indices(places[kept])),
    ]
    kinds = [CellKind.TEXT] * len(labels) + [CellKind.MOMENT, CellKind.NUMBER]
    made = Layout(
        names=(*names, *(_free(name, names) for name in (TIME, VALUE))),
        header_lines=max(layout.header_lines, 1),
        kinds=tuple(kinds),
        labels=frozenset(range(len(labels))),
        body=Lines(RowTexts(columns, np.arange(len(kept))), layout.body.numbers[row]),
        rows_read=len(kept),
        clock=layout.clock,
    )
    return replace(grid, layout=made, columns=columns)


def _require_size(labels: list[Any], rows: int, times: int) -> None:
    import pyarrow.compute as pc

    size = sum(pc.sum(pc.binary_length(label)).as_py() or 0 for label in labels) * times
    if rows * times > MOST_LINES or size > 2**31 - 1:
        raise FileTooLarge(
            f"A table with a column for each time must have at most {MOST_LINES} values. "
            f"Received: {rows} rows of {times} times. Send it in parts."
        )


def _between_values(values: Any, places: Any, rows: int) -> Mask:
    """The places, row by row, that are not before the first or after the last value of the row."""
    import pyarrow.compute as pc

    nulls = arrow.texts(sorted(NULLS))
    is_null = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(values)), value_set=nulls)
    present = ~to_mask(is_null)[places].reshape(rows, -1)
    since = np.logical_or.accumulate(present, axis=1)
    until = np.logical_or.accumulate(present[:, ::-1], axis=1)[:, ::-1]
    return (since & until).ravel()


def _times(grid: Grid, wide: WideColumns, row: Any, place: Any) -> Any:
    import pyarrow.compute as pc

    texts = pc.take(arrow.texts(list(wide.times.values())), _indices(place))
    if wide.parts:
        parts = pc.take(arrow.texts(list(wide.parts)), _indices(row))
        return pc.binary_join_element_wise(texts, parts, arrow.text(""))
    if wide.date is not None:
        dates = pc.take(_texts(grid.columns[wide.date]), _indices(row))
        return pc.binary_join_element_wise(dates, texts, arrow.text(" "))
    return texts


def _indices(places: Any) -> Any:
    import pyarrow as pa

    numbers = np.ascontiguousarray(places, dtype=np.int64)
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


def _texts(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.coalesce(pc.cast(column, pa.string()), arrow.text(""))


def _free(name: str, names: list[str]) -> str:
    return name if name not in names else f"{name}_2"
