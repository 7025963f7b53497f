"""Choose the columns of the time and of the channels, and name every column."""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from app.parsing.clocks.interval_columns import beginning_first
from app.parsing.errors import MissingColumns, OptionInvalid, UnknownColumn
from app.parsing.findings import Findings
from app.parsing.options import MOST_NAME_LENGTH, ReadOptions
from app.parsing.sources.layout import LEAST_SAMPLE_ROWS, Layout
from app.parsing.times.column_names import (
    CLOCK_NAME,
    clock_parts,
    columns_of_bare_parts,
    columns_of_parts,
    is_time_name,
)
from app.parsing.times.guesses import clock_format, guess_epoch, guess_formats, start_of_clocks
from app.parsing.times.rising_numbers import are_times, may_be_times
from app.parsing.times.zone_names import Clock, clock_in_name, clock_of, without_clock
from app.parsing.values.cells import CellKind

# A column with one of these names can only be the time.
TIMES = frozenset({"date", "datetime", "time", "timestamp"})
DATE_ALONE = re.compile(r"[\w]{1,9}([-/. ,]+\w{1,9}){0,2}")
# Hours, or hours and minutes.
BARE_CLOCK = re.compile(r"[01]?\d|2[0-4]|(?:[01]\d|2[0-4])[0-5]\d")
LONGEST_NAME = MOST_NAME_LENGTH - 10
# The directives of days and of hours.
DAYS, HOURS = frozenset("dju"), frozenset("HI")
VALUES = (CellKind.NUMBER, CellKind.MAYBE_MOMENT)


@dataclass(frozen=True, slots=True)
class ChosenColumns:
    """The columns in use, by index: those of the time, the name of each channel, and texts.

    `time_format` is the format of the joined time columns, if their names determine it; `asked`
    says whether the sender named the channels; `zone` is the column that names the clock of each
    row.
    """

    time: tuple[int, ...]
    channels: dict[int, str]
    text: tuple[int, ...]
    time_format: str | None = None
    asked: bool = False
    zone: int | None = None


def column_names(layout: Layout, options: ReadOptions, findings: Findings) -> tuple[str, ...]:
    """A name for every column: from the header, from the sender, or made of its number.

    Columns that have neither a name nor a value get an empty name and are left out.

    Raises:
        OptionInvalid: If the file lacks a header and the sender does not name all columns.
    """
    names, has_header = layout.names, layout.header_lines > 0
    if not has_header and options.columns:
        if len(options.columns) != len(names):
            raise OptionInvalid(
                f"`columns` must name all {len(names)} columns of a file without a header (an "
                f"empty name skips one). Received {len(options.columns)} names."
            )
        _require_different([name for name in options.columns if name])
        return options.columns
    if not has_header:
        count = len(names)
        findings.report("no_header", f"The file has no names for its {count} columns.", count)
    filled = [
        name or ("" if kind == CellKind.NOTHING else f"column_{number}")
        for number, (name, kind) in enumerate(zip(names, layout.kinds, strict=True), start=1)
    ]
    filled = _cut(filled, findings)
    unique = _unique(filled)
    if unique != filled:
        renamed = [new for old, new in zip(filled, unique, strict=True) if old != new]
        message = f"Columns with the same name were numbered: {', '.join(renamed)}."
        findings.report("same_names", message, len(renamed))
    return tuple(unique)


def choose_columns(layout: Layout, rows: list[list[str]], options: ReadOptions) -> ChosenColumns:
    """Find the time and the channels.

    Args:
        layout: Names and kinds of the columns.
        rows: The fields of the first rows.
        options: What the sender says.

    Raises:
        MissingColumns: If no column holds times, or none holds numbers.
        UnknownColumn: If a named column does not exist.
    """
    names, kinds = layout.names, layout.kinds
    has_header = layout.header_lines > 0
    time, form = _named_time(names, options, rows)
    if not time:
        time, form = _found_time(names, kinds, rows, has_header=has_header)
    if not time:
        raise MissingColumns(
            "No column holds times. Columns: "
            + ", ".join(f"{name} ({cell!r})" for name, cell in zip(names, rows[0], strict=True))
            + ". Name the column, or date and time, with `timestamp=`; if there is none, say when "
            "the rows are with `start=` and `cadence=`, such as start=2024-01-01 and cadence=1h."
        )
    others = [number for number in range(len(names)) if number not in time]
    if options.columns and has_header:
        return ChosenColumns(
            time, _asked_channels(names, others, options.columns), (), form, asked=True
        )
    text = [n for n in others if kinds[n] not in (*VALUES, CellKind.NOTHING)]
    channels = {n: names[n] for n in others if names[n] and n not in text}
    if not channels:
        raise MissingColumns(
            f"The file has times but no column of numbers. Columns: {', '.join(names)}."
        )
    return ChosenColumns(time, channels, tuple(text), form, asked=bool(options.columns))


def _named_time(
    names: tuple[str, ...], options: ReadOptions, rows: list[list[str]]
) -> tuple[tuple[int, ...], str | None]:
    """The columns that the sender names, and their format if they are parts of dates."""
    for name in options.timestamp:
        if name not in names:
            raise UnknownColumn(
                f"`timestamp` must name columns of the file: {', '.join(names)}. Received: {name!r}"
            )
    time = tuple(names.index(name) for name in options.timestamp)
    if len(time) > 1 and options.timestamp_format is None and rows:
        others = tuple(name if n in time else "" for n, name in enumerate(names))
        parts, form = columns_of_parts(others, rows)
        if set(parts.values()) == set(time):
            return tuple(parts.values()), form
    return time, None


def _found_time(
    names: tuple[str, ...], kinds: tuple[CellKind, ...], rows: list[list[str]], *, has_header: bool
) -> tuple[tuple[int, ...], str | None]:
    """The columns of the time, and their format if names or parts of dates determine it."""
    columns, first_row = range(len(names)), rows[0]
    named = [n for n in columns if is_time_name(names[n])]
    sure = [n for n in columns if kinds[n] == CellKind.MOMENT]
    possible = [n for n in columns if kinds[n] in VALUES and (n in named)]
    proven = [
        n for n in columns if kinds[n] in VALUES and are_times(names[n], [row[n] for row in rows])
    ]
    if not has_header:
        possible = [n for n in columns if kinds[n] == CellKind.MAYBE_MOMENT]
        possible = [n for n in possible if may_be_times([row[n] for row in rows])]
        bare, form = ((), "") if sure or possible else columns_of_bare_parts(rows)
        if bare:
            return bare, form
    dates = [n for n in possible if kinds[n] == CellKind.MAYBE_MOMENT]
    parts, form = columns_of_parts(names, rows) if has_header else ({}, "")
    if parts and not sure and not ("period" in parts and set(dates) - set(parts.values())):
        return _parts_and_clock(parts, form, kinds, first_row)
    first_cells = [row[0] for row in rows[:LEAST_SAMPLE_ROWS]]
    index = [0] if has_header and _is_index(names[0], first_cells) else []
    # A column with the name of a time whose texts cannot be read: the error message shows them.
    unknown = [n for n in named if kinds[n] == CellKind.TEXT]
    candidates = [n for n in sure if n in named] or sure or dates or proven
    candidates = candidates or possible or index or unknown
    candidates = [n for n in candidates if not _is_fixed([row[n] for row in rows])] or candidates
    candidates = universal_first(candidates, sure, names)
    candidates = beginning_first(candidates, [*sure, *proven], names)
    if not candidates:
        return (), None
    _require_named(names, kinds, candidates[0], named)
    date = candidates[0]
    clock = _clock_beside(date, names, kinds, rows, has_header=has_header)
    if clock is None:
        return (date,), None
    return (date, clock, *clock_parts(names, first_row, clock)), None


def universal_first(candidates: list[int], moments: list[int], names: tuple[str, ...]) -> list[int]:
    """The columns of times with one whose name says UTC first, also beside a local one."""
    universal = [n for n in (*candidates, *moments) if says_utc(names[n])]
    return [*universal[:1], *candidates] if universal else candidates


def says_utc(name: str) -> bool:
    """Whether a column's name says that its times are in UTC."""
    found = clock_in_name(name)
    return found is not None and clock_of(found) == Clock()


def _is_fixed(cells: list[str]) -> bool:
    """Whether a moment is the same on every row, such as the time of a download."""
    return len(set(cells)) == 1 and DATE_ALONE.fullmatch(cells[0]) is None


def _is_index(name: str, cells: list[str]) -> bool:
    """Whether a first column without a name holds increasing dates in digits."""
    in_order = all(one < other for one, other in pairwise(cells))
    return name == "column_1" and in_order and all(c.isdigit() and guess_formats(c) for c in cells)


def _require_named(
    names: tuple[str, ...], kinds: tuple[CellKind, ...], found: int, named: list[int]
) -> None:
    """Refuse a header whose names have shifted against the columns."""
    numbers = [n for n in named if kinds[n] == CellKind.NUMBER and _plain(names[n]) in TIMES]
    if found not in named and numbers:
        raise MissingColumns(
            f"The column {names[numbers[0]]!r} holds numbers and {names[found]!r} holds times: the "
            "names may have shifted. Name the column of the time with `timestamp=`."
        )


def _parts_and_clock(
    parts: dict[str, int], form: str, kinds: tuple[CellKind, ...], first_row: list[str]
) -> tuple[tuple[int, ...], str | None]:
    """The columns of year, month and day, and one of the time of day if there is one."""
    time = tuple(parts.values())
    clock = next((n for n, kind in enumerate(kinds) if kind == CellKind.CLOCK), None)
    if (
        clock is None
        or {"hour", "clock"} & set(parts)
        or not {"day", "day of the year"} & set(parts)
    ):
        return time, form
    text = start_of_clocks(first_row[clock]) or first_row[clock]
    return (*time, clock), f"{form} {clock_format(text, after_date=False)}"


def _clock_beside(
    date: int,
    names: tuple[str, ...],
    kinds: tuple[CellKind, ...],
    rows: list[list[str]],
    *,
    has_header: bool,
) -> int | None:
    """The column of the time of day, if the date does not contain it."""
    if not DATE_ALONE.fullmatch(rows[0][date]) or _takes_no_clock(rows[0][date]):
        return None
    others = [n for n in range(len(names)) if n != date]
    clocks = [n for n in others if kinds[n] == CellKind.CLOCK and _go_together(rows, date, n)]
    numbers = [n for n in others if kinds[n] in VALUES and _is_clock_name(names[n])]
    bare = [date + 1] if not has_header and _is_bare_clock(date, rows) else []
    found = [*clocks, *numbers, *bare]
    # Beside a date in UTC, a time of day that is in UTC too.
    is_utc = says_utc(names[date])
    alike = [n for n in found if n < len(names) and says_utc(names[n]) == is_utc]
    return next(iter([*alike, *found]), None)


def _is_clock_name(name: str) -> bool:
    return any(CLOCK_NAME.fullmatch(_plain(one)) for one in (name, without_clock(name)))


def _takes_no_clock(cell: str) -> bool:
    """Whether no time of day can follow: on a month, on a time of day, on seconds since 1970."""
    forms = guess_formats(cell) or guess_epoch(cell)
    parts = [set(form.directives) for form in forms]
    return bool(parts) and not any(DAYS & some and not HOURS & some for some in parts)


def _go_together(rows: list[list[str]], date: int, clock: int) -> bool:
    """Whether date and time of day are a moment: a month and a time of day are none."""
    pairs = ((row[date], row[clock]) for row in rows if row[date] and row[clock])
    first = next(pairs, None)
    if first is None or not guess_formats(first[0]):
        return True
    return bool(guess_formats(f"{first[0]} {start_of_clocks(first[1]) or first[1]}"))


def _is_bare_clock(date: int, rows: list[list[str]]) -> bool:
    """Whether the column after a date, both without names, counts the hours of each day.

    It does if date and number increase together on every row, and a date occurs more than once.
    """
    if date + 1 >= len(rows[0]) or not all(BARE_CLOCK.fullmatch(row[date + 1]) for row in rows):
        return False
    moments = [(row[date], row[date + 1].zfill(4)) for row in rows]
    is_going_up = all(one < other for one, other in pairwise(moments))
    return is_going_up and len({day for day, _ in moments}) < len(moments)


def _asked_channels(
    names: tuple[str, ...], others: list[int], columns: tuple[str, ...]
) -> dict[int, str]:
    """The columns that the sender wants, as `name` or `name in the file=channel`."""
    channels: dict[int, str] = {}
    for text in columns:
        old, mark, new = (text, "", "") if text in names else text.rpartition("=")
        old = old if mark or text in names else text
        if old not in names or names.index(old) not in others:
            known = ", ".join(names[number] for number in others)
            raise UnknownColumn(
                f"`columns` must name columns of the file: {known}. Received: {text!r}"
            )
        channels[names.index(old)] = new.strip() or old
    _require_different(list(channels.values()))
    return channels


def _require_different(names: list[str]) -> None:
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise OptionInvalid(f"`columns` must give different names. Received twice: {repeated[0]!r}")
    longest = max(names, key=len, default="")
    if len(longest) > MOST_NAME_LENGTH:
        raise OptionInvalid(
            f"`columns` must give names of at most {MOST_NAME_LENGTH} characters. Received: "
            f"{longest[:50]!r}... with {len(longest)}"
        )


def _cut(names: list[str], findings: Findings) -> list[str]:
    """Names short enough for a channel, with room for a number after them."""
    cut = [name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…" for name in names]
    long = sum(one != other for one, other in zip(names, cut, strict=True))
    if long:
        message = f"{long} names of columns were cut to {LONGEST_NAME} characters."
        findings.report("long_names", message, long)
    return cut


def _unique(names: list[str]) -> list[str]:
    seen: set[str] = set()
    unique = []
    for name in names:
        number, candidate = 2, name
        while candidate and candidate in seen:
            number, candidate = number + 1, f"{name}_{number}"
        seen.add(candidate)
        unique.append(candidate)
    return unique


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
