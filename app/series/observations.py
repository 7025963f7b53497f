"""Observations by the row: written as JSON, read back by range, thinned out for charts."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.db import to_microseconds
from app.errors import Invalid
from app.series import storage, writing
from app.series.channels import channels_of_names, require_known, sentinels_of
from app.series.observation_schemas import ObservationsWrite
from app.series.reading.bars import PRICES, broken_bars, describe
from app.series.reading.doubts import apply_missing
from app.series.tables import Series
from models.errors import Problem
from models.series import Times, Values

MOST_PROBLEMS = 100
# An integer of JSON may be too large for a float64.
LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which observations are wanted; None where there is no limit."""

    start: datetime | None
    end: datetime | None
    channels: tuple[str, ...]
    as_of_revision: int | None


@dataclass(frozen=True, slots=True)
class Observations:
    """Rows of a series with the chosen channels."""

    channels: tuple[str, ...]
    times: Times
    values: Values
    revision: int


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that a client sent: names of channels, microseconds since 1970, values."""

    names: tuple[str, ...]
    times: npt.NDArray[np.int64]
    values: Values


def read_table(columns: list[str], rows: list[list[Any]], *, at: str = "") -> Table:
    """Read columns and rows of JSON.

    Args:
        columns: "time" and names of channels.
        rows: A time in ISO 8601 with an offset, and numbers or null, in this order.
        at: Where in the request they are, for pointers.

    Raises:
        Invalid: With a pointer to each field that cannot be read.
    """
    time_column = _time_column(columns, at)
    names = tuple(name for place, name in enumerate(columns) if place != time_column)
    return Table(names, *_parsed(columns, rows, time_column, at))


def put_observations(
    session: Session, series: Series, request: ObservationsWrite
) -> writing.Written:
    """Insert or replace rows in the caller's transaction; the caller holds the series' lock.

    Raises:
        Invalid: With a pointer to each field that cannot be stored.
        Conflict: If a column is no channel of the series.
    """
    table = read_table(request.columns, request.rows)
    names, times = table.names, table.times
    if series.revision:
        require_known(names, series.channels)
    else:
        series.channels = channels_of_names(names, series.channels)
    values = apply_missing(list(names), table.values, sentinels_of(series.channels))
    if series.kind == "ohlc" and set(PRICES) <= set(names):
        _refuse_broken_bars(names, values)
    order = np.argsort(times, kind="stable")
    is_last = np.append(np.diff(times[order]) > 0, True)
    chosen = order[is_last]
    batch = writing.Batch(times[chosen], values[chosen], names)
    return writing.write(session, series, batch, source="put")


def select(
    session: Session, series: Series, wanted: Selection, *, after: int | None, limit: int | None
) -> Observations:
    """Rows in the order of time, as they are or as they were at a revision.

    Args:
        session: The database.
        series: Where to read.
        wanted: Range, channels and revision.
        after: Only rows later than this, in microseconds since 1970.
        limit: At most so many rows.

    Raises:
        Invalid: If a channel or a revision does not exist.
    """
    columns = columns_of(series, wanted.channels)
    _check_revision(series, wanted.as_of_revision)
    start = storage.FIRST_TIME if wanted.start is None else to_microseconds(wanted.start)
    if after is not None:
        start = max(start, after + 1)
    rows = storage.read_rows(
        session,
        series.id,
        len(series.channels),
        start=start,
        end=storage.LAST_TIME if wanted.end is None else to_microseconds(wanted.end),
        until_revision=wanted.as_of_revision,
        limit=limit,
    )
    return Observations(
        channels=tuple(series.channels[column]["name"] for column in columns),
        times=rows.times.view("datetime64[us]"),
        values=rows.values[:, columns],
        revision=wanted.as_of_revision or series.revision,
    )


def thinned(found: Observations, max_points: int) -> Observations:
    """At most `max_points` of the rows, chosen so that a line through them looks the same.

    Every channel chooses its share by MinMaxLTTB (arXiv 2305.00332); all rows are real ones.
    """
    if len(found.times) <= max_points:
        return found
    from tsdownsample import MinMaxLTTBDownsampler

    share = max(max_points // max(found.values.shape[1], 1), 3)
    chosen = [np.array([0, len(found.times) - 1])]
    for column in found.values.T:
        present = np.flatnonzero(~np.isnan(column))
        if len(present) <= share:
            chosen.append(present)
        else:
            places = MinMaxLTTBDownsampler().downsample(
                found.times[present], np.ascontiguousarray(column[present]), n_out=share
            )
            chosen.append(present[places])
    rows = np.unique(np.concatenate(chosen))
    if len(rows) > max_points:
        rows = rows[np.linspace(0, len(rows) - 1, max_points).astype(np.int64)]
    return Observations(found.channels, found.times[rows], found.values[rows], found.revision)


def _time_column(columns: list[str], at: str) -> int:
    if columns.count("time") != 1 or len(set(columns)) != len(columns) or len(columns) < 2:
        message = (
            '`columns` must name "time" and at least one channel, each once. '
            f"Received: {columns[:20]}"
        )
        raise Invalid(message, errors=[Problem(f"{at}/columns", message)])
    return columns.index("time")


def _parsed(
    columns: list[str], rows: list[list[Any]], time_column: int, at: str
) -> tuple[npt.NDArray[np.int64], Values]:
    problems: list[Problem] = []
    times: list[int] = []
    values: list[list[float]] = []
    for number, row in enumerate(rows):
        pointer = f"{at}/rows/{number}"
        if len(problems) >= MOST_PROBLEMS:
            break
        if len(row) != len(columns):
            expected = len(columns)
            message = f"`rows` must have {expected} fields each. Received: {len(row)}"
            problems.append(Problem(pointer, message))
            continue
        times.append(_time(row[time_column], f"{pointer}/{time_column}", problems))
        values.append(
            [
                _number(cell, f"{pointer}/{column}", problems)
                for column, cell in enumerate(row)
                if column != time_column
            ]
        )
    if problems:
        more = f" ({len(problems)} such fields)" if len(problems) > 1 else ""
        raise Invalid(f"{problems[0].pointer}: {problems[0].message}{more}", errors=problems)
    return np.array(times, dtype=np.int64), np.array(values, dtype=np.float64)


def _time(cell: object, pointer: str, problems: list[Problem]) -> int:
    try:
        moment = datetime.fromisoformat(cell if isinstance(cell, str) else "")
        if moment.tzinfo is not None:
            return to_microseconds(moment)
    except (ValueError, OverflowError):
        pass
    message = (
        "a time must be ISO 8601 with an offset, such as 2024-01-01T00:00:00Z. "
        f"Received: {str(cell)[:100]!r}"
    )
    problems.append(Problem(pointer, message))
    return 0


def _number(cell: object, pointer: str, problems: list[Problem]) -> float:
    if cell is None:
        return math.nan
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        number = float(cell) if abs(cell) <= LARGEST else math.inf
        if math.isfinite(number):
            return number
    message = f"a value must be a finite number or null. Received: {str(cell)[:100]!r}"
    problems.append(Problem(pointer, message))
    return math.nan


def _refuse_broken_bars(names: tuple[str, ...], values: Values) -> None:
    broken = np.flatnonzero(broken_bars(list(names), values))[:MOST_PROBLEMS].tolist()
    if broken:
        problems = [Problem(f"/rows/{row}", describe(list(names), values[row])) for row in broken]
        raise Invalid(f"{problems[0].pointer}: {problems[0].message}", errors=problems)


def columns_of(series: Series, texts: tuple[str, ...]) -> list[int]:
    """The columns of channels that are named one by one or with commas between.

    Raises:
        Invalid: If a channel does not exist.
    """
    known = [channel["name"] for channel in series.channels]
    names = [part for text in texts for part in ([text] if text in known else text.split(","))]
    for name in names:
        if name not in known:
            message = (
                f"`channels` must be channels of the series: {', '.join(known)}. Received: {name!r}"
            )
            raise Invalid(message, errors=[Problem("/query/channels", message)])
    return [known.index(name) for name in names] if names else list(range(len(known)))


def _check_revision(series: Series, revision: int | None) -> None:
    if revision is not None and revision > series.revision:
        message = f"`as_of_revision` must be at most {series.revision}. Received: {revision}"
        raise Invalid(message, errors=[Problem("/query/as_of_revision", message)])
