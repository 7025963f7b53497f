"""Find columns that repeat the time or end its intervals, and compare their clocks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.parsing.clocks.interval_columns import is_other_end
from app.parsing.clocks.utc import UtcTimes
from app.parsing.columns import ChosenColumns
from app.parsing.errors import UnreadableFile
from app.parsing.lines import Mask
from app.parsing.options import ReadOptions
from app.parsing.rows import CheckedRows
from app.parsing.times.column_names import is_time_name
from app.parsing.times.fields import Integers
from app.parsing.times.guesses import guess_decimal_year, guess_epoch
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import read_moments
from app.parsing.times.zone_proof import HOUR

DAY = 24 * HOUR
# A smaller difference is rounding.
LEAST_DIFFERENCE = HOUR // 4
# If more rows differ, the columns are not two clocks of the same times.
MOST_DIFFERING = 0.1


@dataclass(frozen=True, slots=True)
class TimeCopies:
    """Columns that hold nothing but the time, by index, and the times of all rows in UTC."""

    columns: frozenset[int]
    utc: UtcTimes


def find_time_copies(
    columns: list[Any],
    names: tuple[str, ...],
    chosen: ChosenColumns,
    utc: UtcTimes,
    *,
    moments: list[int],
    options: ReadOptions,
    rows: CheckedRows,
) -> TimeCopies:
    """Report columns that only repeat the time, such as `unix` beside `date`; they are left out.

    So are columns of the other end of each row's interval, such as `close_time`.

    Seconds since 1970 are in UTC. Where local times differ from them, and neither the sender nor
    the file names their zone, the seconds are the time. Other texts of times, the columns
    `moments`, are compared with the time.
    """
    for number in moments:
        _report_other_texts(columns[number], names[number], utc.times, rows)
    found = dict(_times_beside(columns, names, chosen, rows))
    ends = [
        number
        for number, differences in _differences(found, utc.times, rows).items()
        if names[number] not in options.known
        and is_other_end(names[number], differences, is_time=is_time_name(names[number]))
    ]
    _report_ends([names[number] for number in ends], rows)
    copies = {n: times for n, times in found.items() if n not in ends and is_time_name(names[n])}
    copies = {
        number: copies[number]
        for number, differences in _differences(copies, utc.times, rows).items()
        if np.ptp(differences) < DAY
    }
    if not copies:
        return TimeCopies(frozenset(ends), utc)
    shown = ", ".join(names[number] for number in copies)
    message = f"Columns that repeat the time were left out: {shown}."
    rows.findings.report("second_time", message, len(copies))
    for number, epoch in copies.items():
        differs = _differing(utc.times - epoch, rows.usable)
        if differs.any():
            is_unknown = options.timezone is None and not utc.is_named
            _report(names[number], differs, rows, taken=is_unknown)
            taken = replace(utc, times=epoch) if is_unknown else utc
            return TimeCopies(frozenset([*copies, *ends]), taken)
    return TimeCopies(frozenset([*copies, *ends]), utc)


def _differences(
    found: dict[int, Integers], times: Integers, rows: CheckedRows
) -> dict[int, Integers]:
    return {number: (other - times)[rows.usable] for number, other in found.items()}


def _times_beside(
    columns: list[Any],
    names: tuple[str, ...],
    chosen: ChosenColumns,
    rows: CheckedRows,
) -> Iterator[tuple[int, Integers]]:
    """The columns of seconds since 1970 with a time in all usable rows, and these times."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for number in chosen.channels:
        cell = str(columns[number][0])
        is_decimal = is_time_name(names[number]) and guess_decimal_year(cell)
        if not (guess_epoch(cell) or is_decimal):
            continue
        moments = read_moments(Column(pc.cast(columns[number], pa.string())), None)
        both = moments.read & rows.usable
        if both.any() and both.sum() == rows.usable.sum():
            yield number, moments.times


def _report_ends(names: list[str], rows: CheckedRows) -> None:
    if names:
        message = (
            f"Columns of the other end of each row's interval were left out: {', '.join(names)}. "
            "To store them, name all columns to store with `columns=`."
        )
        rows.findings.report("interval_columns", message, len(names))


def _report_other_texts(column: Any, name: str, times: Integers, rows: CheckedRows) -> None:
    """Report rows at which a second column of times differs otherwise than on most rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        moments = read_moments(Column(pc.cast(column, pa.string())), None)
    except UnreadableFile:
        return
    both = moments.read & rows.usable
    if both.any():
        differences = moments.times - times
        usual = int(np.median(differences[both]))
        differs = _differing(differences - usual, both)
        if 0 < differs.sum() <= MOST_DIFFERING * both.sum():
            _report(name, differs, rows, taken=False)


def _differing(differences: Integers, usable: Mask) -> Mask:
    """Rows at which two clocks differ by a quarter of an hour or more."""
    return (np.abs(differences) >= LEAST_DIFFERENCE) & usable


def _report(name: str, differs: Mask, rows: CheckedRows, *, taken: bool) -> None:
    count = int(differs.sum())
    message = f"{count} times differ from those in {name!r} by a quarter of an hour or more. " + (
        f"Seconds since 1970 are in UTC: the times of {name!r} were taken. If the other column is "
        "right, name it with `timestamp=` and its zone with `timezone=`."
        if taken
        else f"If {name!r} is right, name it with `timestamp=`."
    )
    rows.findings.report("clocks_disagree", message, count, rows.lines.examples(differs))
