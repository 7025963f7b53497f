"""Read the time of every row: join its columns, read their texts, convert them to UTC."""

from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.arrow import to_mask
from app.parsing.columns import ChosenColumns
from app.parsing.errors import UnreadableTimes
from app.parsing.options import ReadOptions
from app.parsing.rows import CheckedRows
from app.parsing.time_reports import leave_out_means, report_fiscal_years
from app.parsing.times.clock_numbers import with_full_clocks
from app.parsing.times.column_names import is_time_name
from app.parsing.times.decimal_years import with_octobers
from app.parsing.times.fields import Integers
from app.parsing.times.formats import ORDERS
from app.parsing.times.guesses import ZONED, guess_decimal_year, guess_epoch, interval_pattern
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import Moments, read_moments
from app.parsing.times.zones import localise
from models.calendars.timezones import find_zone
from models.errors import DataError

LEAST_READ_SHARE = 0.5
DAY = 86_400_000_000


def read_times(
    columns: list[Any],
    names: list[str],
    known_format: str | None,
    options: ReadOptions,
    rows: CheckedRows,
) -> tuple[Integers, tuple[str, ...]]:
    """The times of all rows in UTC, and the formats they are written in.

    Raises:
        UnreadableTimes: If most cannot be read.
        AmbiguousTimes: If they can be read in two ways.
    """
    form = options.timestamp_format or known_format
    columns = with_full_clocks(columns, form)
    texts = _starts(joined(columns, pad=form is None or form in ORDERS), rows)
    texts, zone = _without_zone(with_octobers(texts), form, rows)
    column = Column(texts)
    moments = read_moments(column, form)
    if moments.read.sum() < LEAST_READ_SHARE * len(moments.read):
        _refuse(column, moments, names)
    leave_out_means(column, moments, rows)
    rows.reject(
        ~moments.read,
        "unreadable_time",
        lambda row: f"{column.text(row)!r} cannot be read as a time",
    )
    _report_centuries(moments, rows)
    report_fiscal_years(moments, names, rows)
    return in_utc(moments, zone or options.timezone, rows), moments.formats


def _starts(texts: Any, rows: CheckedRows) -> Any:
    """The starts of intervals such as `01.01.2020 00:00 - 01.01.2020 01:00`; other texts as is."""
    import pyarrow.compute as pc

    interval = interval_pattern(str(texts[0])) if len(texts) else None
    if interval is None:
        return texts
    found = pc.extract_regex(texts, f"^{interval.pattern}$")
    starts = pc.struct_field(found, "start")
    count = len(texts) - starts.null_count
    message = f"{count} times are intervals: each row has the time at which its interval begins."
    rows.findings.report("intervals", message, count)
    return pc.coalesce(starts, texts)


def _without_zone(texts: Any, form: str | None, rows: CheckedRows) -> tuple[Any, str | None]:
    """Times without their zone's name, such as `20220103 09:30:00 US/Eastern`, and that name.

    Times of several zones stay as they are and cannot be read.
    """
    import pyarrow.compute as pc

    first = ZONED.fullmatch(str(texts[0])) if len(texts) else None
    if first is None or (form or "").endswith(first["zone"]) or not _is_zone(first["zone"]):
        return texts, None
    zone = first["zone"]
    if not pc.all(pc.ends_with(texts, f" {zone}")).as_py():
        return texts, None
    message = f"The times name the zone {zone} and were read in it."
    rows.findings.report("zone_names", message, len(texts))
    return pc.utf8_slice_codeunits(texts, 0, -len(zone) - 1), zone


def _is_zone(name: str) -> bool:
    try:
        find_zone(name)
    except DataError:
        return False
    return True


def _report_centuries(moments: Moments, rows: CheckedRows) -> None:
    """Report the century given to two-digit years: nothing in a file can prove it."""
    if any("%y" in form for form in moments.formats):
        years = moments.times[moments.read].astype("datetime64[us]").astype("datetime64[Y]")
        message = f"Two-digit years were read as {years.min()} to {years.max()}."
        rows.findings.report("two_digit_years", message, len(years))


def find_time_copies(
    columns: list[Any],
    names: tuple[str, ...],
    chosen: ChosenColumns,
    times: Integers,
    rows: CheckedRows,
) -> frozenset[int]:
    """Report columns that only repeat the time, such as `unix` beside `date`; they are left out."""
    found = [
        number
        for number in chosen.channels
        if is_time_name(names[number])
        and (guess_epoch(cell := str(columns[number][0])) or guess_decimal_year(cell))
        and _repeats_the_time(columns[number], times, rows)
    ]
    if found:
        shown = ", ".join(names[number] for number in found)
        message = f"Columns that repeat the time were left out: {shown}."
        rows.findings.report("second_time", message, len(found))
    return frozenset(found)


def _repeats_the_time(column: Any, times: Integers, rows: CheckedRows) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = read_moments(Column(pc.cast(column, pa.string())), None)
    both = moments.read & rows.usable
    differences = (moments.times - times)[both]
    is_complete = both.sum() == rows.usable.sum() and len(differences)
    return bool(is_complete and np.ptp(differences) < DAY)


def joined(columns: list[Any], *, pad: bool) -> Any:
    """One text for each row; empty where a part is missing, so that midnight is not assumed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [pc.cast(column, pa.string()) for column in columns]
    first, *others = [pc.utf8_trim_whitespace(column) for column in texts]
    parts = [first, *(_padded(column) if pad else column for column in others)]
    joined, empty = parts[0], arrow.text("")
    for part in parts[1:]:
        complete = pc.and_(pc.not_equal(joined, empty), pc.not_equal(part, empty))
        both = pc.binary_join_element_wise(joined, part, arrow.text(" "))
        joined = pc.if_else(complete, both, empty)
    return joined


def _padded(column: Any) -> Any:
    """Times of day that are written as numbers, 5 or 930, with leading zeros: 0005, 0930.

    The longest number shows whether there are seconds; up to two digits are hours.
    """
    import pyarrow.compute as pc

    digits = pc.match_substring_regex(column, r"^\d{1,6}$")
    longest = pc.max(pc.utf8_length(column)).as_py() or 0
    if not 3 <= longest <= 6 or not to_mask(pc.or_(digits, pc.equal(column, arrow.text("")))).all():
        return column
    return pc.if_else(digits, pc.utf8_lpad(column, longest + longest % 2, "0"), column)


def _refuse(column: Column, moments: Moments, names: list[str]) -> None:
    unread = [column.text(row) for row in np.flatnonzero(~moments.read)[:3].tolist()]
    shown = ", ".join(repr(text) for text in unread)
    formats = " and ".join(moments.formats) or "any known format"
    raise UnreadableTimes(
        f"{int((~moments.read).sum())} of {len(moments.read)} times in {' + '.join(names)!r} "
        f"cannot be read by {formats}, such as {shown}. Say how they are written with "
        "`timestamp_format=`, for example %d.%m.%Y %H:%M, excel for spreadsheet days, or "
        "decimal_month for months as decimal years, or name the right columns with `timestamp=`."
    )


def in_utc(moments: Moments, timezone: str, rows: CheckedRows) -> Integers:
    """The times in UTC; rows at times that no clock showed are quarantined."""
    naive = moments.read & ~moments.has_offset
    times = moments.times.copy()
    if timezone == "UTC" or not naive.any():
        return times
    localised = localise(moments.times[naive], timezone)
    times[naive] = localised.times

    def on_all_rows(mask: Any) -> Any:
        spread = np.zeros(len(times), dtype=bool)
        spread[naive] = mask
        return spread

    rows.reject(
        on_all_rows(localised.skipped),
        "skipped_hour",
        lambda row: f"no clock in {timezone} showed this time: clocks were set forward",
    )
    rows.reject(
        on_all_rows(localised.unclear),
        "unclear_hour",
        lambda row: (
            f"clocks in {timezone} showed this time twice, and the order does not show which it is"
        ),
    )
    repeated = int(localised.repeated.sum())
    if repeated:
        message = f"{repeated} rows in hours that occurred twice were resolved by their order."
        places = on_all_rows(localised.repeated)
        rows.findings.report("repeated_hour", message, repeated, rows.lines.examples(places))
    return times
