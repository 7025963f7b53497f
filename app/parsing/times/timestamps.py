"""Read columns of text as moments: detect the formats and prove the order of day and month."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from app.parsing.errors import AmbiguousTimes
from app.parsing.lines import Mask
from app.parsing.times.fields import Reading, apply_format
from app.parsing.times.formats import ORDERS, TimeFormat, compile_format
from app.parsing.times.guesses import (
    guess_decimal_year,
    guess_epoch,
    guess_formats,
    guess_year,
)
from app.parsing.times.likelihood import is_enough, require_years, without_weeks
from app.parsing.times.periods import is_unlikely
from app.parsing.times.regularity import the_regular_one
from app.parsing.times.texts import Column

Integers = npt.NDArray[np.int64]

MOST_FORMATS = 6
MOST_UNKNOWN = 1000
# A typing error must not change the order of a whole file: the other order may be supported by
# at most this share of the number of rows that prove the chosen one.
CONTRARY_SHARE = 0.05
# Fewer rows may be in time order by chance.
LEAST_STEPS = 10


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments in a column of text.

    Args:
        times: Microseconds since 1970: UTC where `has_offset`, wall clock elsewhere.
        has_offset: Rows whose text contains its offset from UTC (seconds since 1970 do).
        read: Rows that could be read; the times of others are undefined.
        formats: The formats in use, most frequent first.
        offsets: The offsets that the texts contain, in microseconds; 0 where there is none.
        occurrence: Which of two equal hours the marks of rows mean, if there are marks.
    """

    times: Integers
    has_offset: Mask
    read: Mask
    formats: tuple[str, ...]
    offsets: Integers | None = None
    occurrence: Integers | None = None


def read_moments(column: Column, timestamp_format: str | None) -> Moments:
    """Read a column of moments.

    Args:
        column: The texts.
        timestamp_format: A format, an order, or None to detect it.

    Raises:
        AmbiguousTimes: If no row proves the order of day and month.
    """
    if timestamp_format is not None and timestamp_format not in ORDERS:
        return _combined([apply_format(column, compile_format(timestamp_format))], len(column))
    order = ORDERS[timestamp_format] if timestamp_format else None
    groups = _readings_by_format(column)
    proven = [_proven(column, groups, group, order) for group in groups]
    return _combined(_without_strays(proven), len(column))


def _readings_by_format(column: Column) -> list[list[Reading]]:
    """For each format that occurs: its readings, one for each order it may be in."""
    remaining = np.ones(len(column), dtype=bool)
    groups: list[list[Reading]] = []
    unknown = 0
    while remaining.any() and len(groups) < MOST_FORMATS and unknown < MOST_UNKNOWN:
        row = int(np.argmax(remaining))
        text = column.text(row)
        forms = [form for form in guess_any(text) if is_enough(column, form, text)]
        readings = [apply_format(column, form) for form in forms]
        if not any(reading.valid[row] for reading in readings):
            unknown += 1
            remaining[row] = False
            continue
        groups.append(readings)
        for reading in readings:
            remaining &= ~reading.valid
    return groups


def guess_any(text: str) -> list[TimeFormat]:
    """The formats of a text as a date, else as seconds since 1970, else as a year."""
    return guess_formats(text) or guess_epoch(text) or guess_year(text) or guess_decimal_year(text)


def _proven(
    column: Column, groups: list[list[Reading]], group: list[Reading], order: str | None
) -> Reading:
    """The one reading of a format that its rows prove."""
    if order is not None:
        asked = [reading for reading in group if reading.format.order == order]
        return (asked or group)[0]
    group = _in_time_order(without_weeks(column, group))
    if len(group) == 1:
        require_years(column, group[0])
        return group[0]
    skeleton = group[0].format.skeleton
    alike = [other for other in groups if other[0].format.skeleton == skeleton]
    group = _regular(alike, group)
    best = max(group, key=lambda reading: _support(alike, reading.format.order))
    for other in group:
        if other is not best and not _same(best, other):
            _require_proof(column, alike, best, other)
    return best


def _regular(alike: list[list[Reading]], group: list[Reading]) -> list[Reading]:
    """The only reading with equal steps among those that read the most rows; else all of them.

    `1/1/1985`, `2/1/1985`, ... are months if the month comes first, and else days that jump by a
    year; `2001-1` to `2001-4` are quarters, and else four months of each year.
    """
    support = [_support(alike, reading.format.order) for reading in group]
    likely = [r for r, rows in zip(group, support, strict=True) if rows == max(support)]
    place = None
    if len(likely) > 1:
        place = the_regular_one([_times_in(alike, reading.format.order) for reading in likely])
    if place is not None:
        return [likely[place]]
    return [reading for reading in group if not is_unlikely(reading.format.text)]


def _times_in(alike: list[list[Reading]], order: str) -> Integers:
    readings = [reading for group in alike for reading in group if reading.format.order == order]
    return np.concatenate([reading.times[reading.valid] for reading in readings])


def _in_time_order(group: list[Reading]) -> list[Reading]:
    """The readings in which the rows are in time order, if two digits may be the year or the day.

    `03/01/22` is a date in three orders, and nearly every row allows two of them: the order of the
    rows shows whether the year comes first. It does not distinguish day and month.
    """
    by_year = [reading for reading in group if reading.format.text.startswith("%y")]
    others = [reading for reading in group if not reading.format.text.startswith("%y")]
    if not by_year or not others:
        return group
    years_run, others_run = (any(map(_is_sorted, some)) for some in (by_year, others))
    if years_run == others_run:
        return group
    return by_year if years_run else others


def _is_sorted(reading: Reading) -> bool:
    steps = np.diff(reading.times[reading.valid])
    return len(steps) >= LEAST_STEPS and bool((steps >= 0).all() or (steps <= 0).all())


def _without_strays(readings: list[Reading]) -> list[Reading]:
    """The readings without numbers in a column of dates that only look like times.

    Beside dates with separators, digits alone are a time only if they lie within the others' span
    or one such span away from it. Years alone are dropped if there are more times of other
    formats: a table by year may follow one by month.
    """
    years = [reading for reading in readings if reading.format.text == "%Y"]
    others = [reading for reading in readings if reading.format.text != "%Y"]
    if sum(int(each.valid.sum()) for each in years) < sum(int(r.valid.sum()) for r in others):
        readings = others
    written = [reading for reading in readings if not reading.format.is_digits]
    if not written or len(written) == len(readings):
        return readings
    times = np.concatenate([reading.times[reading.valid] for reading in written])
    first, last = int(times.min()), int(times.max())
    span = last - first
    return [
        reading
        if not reading.format.is_digits
        else replace(
            reading,
            valid=reading.valid & (reading.times >= first - span) & (reading.times <= last + span),
        )
        for reading in readings
    ]


def _support(alike: list[list[Reading]], order: str) -> int:
    readings = [reading for group in alike for reading in group]
    return sum(int(r.valid.sum()) for r in readings if r.format.order == order)


def _same(one: Reading, other: Reading) -> bool:
    equal = np.array_equal(one.valid, other.valid)
    return equal and np.array_equal(one.times[one.valid], other.times[one.valid])


def _require_proof(
    column: Column, alike: list[list[Reading]], best: Reading, other: Reading
) -> None:
    """Refuse an order that no row proves, or that too many rows contradict."""
    valid_best = _valid_in(alike, best.format.order)
    valid_other = _valid_in(alike, other.format.order)
    proof = int((valid_best & ~valid_other).sum())
    contrary = int((valid_other & ~valid_best).sum())
    if proof and contrary <= proof * CONTRARY_SHARE:
        return
    rows = np.flatnonzero(best.valid & other.valid & (best.times != other.times))[:3]
    readings = "; ".join(
        f"{column.text(int(row))!r} is {_day(best, row)} by {best.format.text} "
        f"and {_day(other, row)} by {other.format.text}"
        for row in rows
    )
    seen = (
        f"{proof} rows can only be read by the first and {contrary} only by the second"
        if proof
        else "no row proves one of them"
    )
    are_dates = set(best.format.order) == set(other.format.order) == set("dmy")
    words = " (or `dayfirst` or `monthfirst`)" if are_dates else ""
    raise AmbiguousTimes(
        f"The dates can be read in two ways, and {seen}: {readings}. Say which it is with "
        f"`timestamp_format={best.format.text}` or `timestamp_format={other.format.text}`{words}."
    )


def _valid_in(alike: list[list[Reading]], order: str) -> Mask:
    masks = [r.valid for group in alike for r in group if r.format.order == order]
    return np.asarray(np.logical_or.reduce(masks))


def _day(reading: Reading, row: int) -> str:
    return str(reading.times[row].astype("datetime64[us]").astype("datetime64[D]"))


def _combined(readings: list[Reading], rows: int) -> Moments:
    times = np.zeros(rows, dtype=np.int64)
    has_offset = np.zeros(rows, dtype=bool)
    read = np.zeros(rows, dtype=bool)
    counts: dict[str, int] = {}
    offsets = np.zeros(rows, dtype=np.int64) if any(_has_offsets(one) for one in readings) else None
    for reading in readings:
        new = reading.valid & ~read
        np.copyto(times, reading.times, where=new)
        if offsets is not None and reading.offsets is not None:
            np.copyto(offsets, reading.offsets, where=new)
        has_offset[new] = bool({"z", "epoch"} & set(reading.format.directives))
        read |= new
        counts[reading.format.text] = int(new.sum())
    used = [text for text, count in counts.items() if count]
    formats = tuple(sorted(used, key=lambda text: -counts[text]))
    return Moments(times, has_offset, read, formats, offsets)


def _has_offsets(reading: Reading) -> bool:
    return reading.offsets is not None and bool(reading.offsets.any())
