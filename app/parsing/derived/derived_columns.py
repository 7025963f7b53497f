"""Leave out columns that hold nothing of their own: counters of rows, and parts of the time."""

from dataclasses import dataclass, field

import numpy as np

from app.parsing.columns import ChosenColumns
from app.parsing.derived.row_counters import Counting, Place, counting
from app.parsing.derived.time_parts import TimeParts
from app.parsing.options import ReadOptions
from app.parsing.rows import CheckedRows
from app.parsing.sources.layout import Layout
from app.parsing.times.fields import Integers
from app.parsing.values.bars import named_bars
from models.arrays import Values

SHOWN_COLUMNS = 20
LONGEST_REMEDY = 300


@dataclass(slots=True)
class _Found:
    """Names of columns by what was found about them."""

    counters: list[str] = field(default_factory=list)
    possible: list[str] = field(default_factory=list)
    parts: dict[str, str] = field(default_factory=dict)
    possible_parts: dict[str, str] = field(default_factory=dict)


def independent_columns(
    asked: dict[int, str],
    values: Values,
    times: Integers,
    *,
    layout: Layout,
    chosen: ChosenColumns,
    options: ReadOptions,
    rows: CheckedRows,
) -> list[int]:
    """The places of the columns to keep, which are neither counters nor parts of the time.

    A column stays if the sender named the channels, if the series has the channel already, if it
    is one of a bar, or if only a measurement could rise so. At least one column stays.

    Args:
        asked: The channel of each column, in the order of `values`.
        values: One row for each line.
        times: The times of all lines, in UTC.
        layout: The names of the columns.
        chosen: The columns of the time.
        options: What is known about the file and the series.
        rows: The rows in the order of the file.
    """
    everything = list(range(len(asked)))
    if chosen.asked or not len(asked) or not rows.usable.any():
        return everything
    found = _found(asked, values, times, layout=layout, chosen=chosen, options=options, rows=rows)
    left_out = {*found.counters, *found.parts}
    if len(left_out) == len(asked):
        found.possible, found.counters = [*found.possible, *found.counters], []
        found.possible_parts, found.parts = found.possible_parts | found.parts, {}
        left_out = set()
    _report(found, list(asked.values()), layout, rows)
    return [place for place, name in enumerate(asked.values()) if name not in left_out]


def _found(
    asked: dict[int, str],
    values: Values,
    times: Integers,
    *,
    layout: Layout,
    chosen: ChosenColumns,
    options: ReadOptions,
    rows: CheckedRows,
) -> _Found:
    found = _Found()
    bars = named_bars(list(asked.values())) if options.kind in (None, "ohlc") else {}
    usable = slice(None) if rows.usable.all() else np.flatnonzero(rows.usable)
    parts = TimeParts(np.ascontiguousarray(times[usable]), options.zone)
    first_time = min(chosen.time)
    for place, (number, name) in enumerate(asked.items()):
        if name in bars or name in options.known:
            continue
        numbers = values[usable, place]
        if not _is_whole(numbers):
            continue
        is_new = bool(options.known)
        is_made_up = layout.header_lines > 0 and name == f"column_{number + 1}"
        where = Place("" if is_made_up else name, number < first_time, is_new)
        verdict = counting(numbers, where)
        if verdict is Counting.PROVEN:
            found.counters.append(name)
        elif (part := parts.named(name, numbers, is_new=is_new)) is not None:
            found.parts[name] = part
        elif verdict is Counting.POSSIBLE:
            found.possible.append(name)
        elif (part := parts.unnamed(numbers)) is not None:
            found.possible_parts[name] = part
    return found


def _is_whole(numbers: Values) -> bool:
    """Whether all are whole numbers; the first ones rule out most columns."""
    head = numbers[:50]
    return bool((head == np.floor(head)).all() and (numbers == np.floor(numbers)).all())


def _report(found: _Found, names: list[str], layout: Layout, rows: CheckedRows) -> None:
    report = rows.findings.report
    everything = _remedy(names, layout)
    if found.counters:
        message = f"Columns that count the rows were left out: {_listed(found.counters)}."
        back = f" To store them, name all columns to store with {everything}."
        report("row_counters", message + back, len(found.counters))
    if found.parts:
        message = f"Columns that repeat a part of the time were left out: {_parts(found.parts)}."
        back = f" To store them, name all columns to store with {everything}."
        report("time_parts", message + back, len(found.parts))
    doubtful = [*found.possible, *found.possible_parts]
    others = [name for name in names if name not in (*doubtful, *found.counters, *found.parts)]
    without = f" To leave them out, name the others with {_remedy(others, layout)}."
    without = without if others and layout.header_lines else ""
    if found.possible:
        message = f"Channels that rise by one on each row were kept: {_listed(found.possible)}."
        question = " They may be counters of rows."
        report("possible_counters", message + question + without, len(found.possible))
    if found.possible_parts:
        message = (
            "Channels that equal a part of the time on each row were kept: "
            f"{_parts(found.possible_parts)}."
        )
        report("possible_time_parts", message + without, len(found.possible_parts))


def _remedy(names: list[str], layout: Layout) -> str:
    """The option that names the columns to store; without a header it names all of the file."""
    wanted = names if layout.header_lines else list(layout.names)
    text = f"`columns={','.join(wanted)}`"
    is_short = len(text) <= LONGEST_REMEDY and not any("," in name for name in wanted)
    return text if is_short else "`columns=`"


def _listed(names: list[str]) -> str:
    others = len(names) - SHOWN_COLUMNS
    shown = ", ".join(names[:SHOWN_COLUMNS])
    return f"{shown} and {others} more" if others > 0 else shown


def _parts(parts: dict[str, str]) -> str:
    return _listed([f"{name} ({part})" for name, part in parts.items()])
