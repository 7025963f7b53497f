"""Look at the rows of an append: which of them cannot be, or are far from what is expected."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.ingest.plausibility.expectations import Expected, expectations, forecast_times
from app.ingest.plausibility.recent import Recent, columns_of
from app.ingest.plausibility.usual_values import LEVEL_ROWS, levels
from app.series.changes import Batch
from app.series.tables import Series
from app.times import to_wire
from models.arrays import Times, Values

# A value this many widths of the 95 % interval beyond it is far from a forecast.
FAR_WIDTHS = 5.0
# One this close to the interval is expected, even if it is a large step.
NEAR_WIDTHS = 1.0

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowIssue:
    """What is implausible about a row: its time, or the value of one channel."""

    row: int
    code: str
    message: str
    time: np.datetime64
    channel: str | None = None
    value: float | None = None


def check(session: Session, series: Series, batch: Batch, recent: Recent | None) -> list[RowIssue]:
    """The issues of a batch's rows, in the order of the rows; one for each value and each time.

    Args:
        session: The caller's transaction.
        series: The series, locked, before the write.
        batch: The rows.
        recent: What the series' recent rows show; None for a series without rows.
    """
    if recent is not None and len(batch.times) == 1 and is_usual(series, batch, recent):
        return []
    issues = list(_outside_limits(series, batch))
    if recent is not None:
        seen = {(issue.row, issue.channel) for issue in issues}
        unexpected = _unexpected(session, series, batch, recent)
        issues += [issue for issue in unexpected if (issue.row, issue.channel) not in seen]
        issues += _unusual_times(session, series, batch, recent)
    return sorted(issues, key=lambda issue: issue.row)


def is_usual(series: Series, batch: Batch, recent: Recent) -> bool:
    """Whether a single row is certainly usual, from plain numbers: the same bounds as below.

    Most appends bring one usual row.
    """
    time = int(batch.times[0])
    if time not in recent.expected and not recent.times.is_far_enough(time, recent.last):
        return False
    for value, column in zip(batch.values[0].tolist(), columns_of(series, batch), strict=True):
        if math.isnan(value):
            continue
        low, high, step = recent.bounds[column]
        before = sorted(row[column] for _, row in recent.tail if not math.isnan(row[column]))
        level = before[(len(before) - 1) // 2] if before else value
        if not low <= value <= high or abs(value - level) > step:
            return False
    return True


def _outside_limits(series: Series, batch: Batch) -> Iterator[RowIssue]:
    """Values outside of the channels' `minimum` and `maximum`."""
    limits = {channel["name"]: channel for channel in series.channels}
    for column, name in enumerate(batch.channels):
        low, high = limits[name].get("minimum"), limits[name].get("maximum")
        if low is None and high is None:
            continue
        values = batch.values[:, column]
        outside = np.zeros(len(values), bool)
        if low is not None:
            outside |= values < low
        if high is not None:
            outside |= values > high
        for row in np.flatnonzero(outside).tolist():
            value, low_is_broken = float(values[row]), low is not None and values[row] < low
            limit = f"its minimum {low:g}" if low_is_broken else f"its maximum {high:g}"
            side = "below" if low_is_broken else "above"
            message = f"{name} = {value:g} is {side} {limit}."
            yield RowIssue(row, "outside_limits", message, _time(batch, row), name, value)


@dataclass(frozen=True, slots=True)
class _Distances:
    """How far the values of a batch are from what is usual, `(rows, channels)`.

    Args:
        unusual: Beyond what nearly all recent values are.
        beyond: Far beyond the recent values.
        jumped: Far from the rows before.
    """

    unusual: Mask
    beyond: Mask
    jumped: Mask


def _unexpected(
    session: Session, series: Series, batch: Batch, recent: Recent
) -> Iterator[RowIssue]:
    """Values far from the recent ones, and far from forecasts."""
    columns = columns_of(series, batch)
    distances = _distances(batch, recent, columns)
    if not distances.unusual.any():
        return
    expected = expectations(session, series, batch) if recent.is_forecast else {}
    for row, column in np.argwhere(distances.unusual).tolist():
        name, value = batch.channels[column], float(batch.values[row, column])
        forecast = expected.get((int(batch.times[row]), name))
        reason = _reason(distances, (row, column), value, forecast)
        if reason is not None:
            usual = recent.values
            low, high = usual.low[columns[column]], usual.high[columns[column]]
            text = reason or f"the recent values, {low:g} to {high:g}"
            message = f"{name} = {value:g} is far from {text}."
            yield RowIssue(row, "unexpected_value", message, _time(batch, row), name, value)


def _reason(
    distances: _Distances, place: tuple[int, int], value: float, forecast: Expected | None
) -> str | None:
    """What a value is far from: a forecast, the rows before, the recent values (""); else None."""
    if forecast is not None and forecast.is_far(value, FAR_WIDTHS):
        return f"what {forecast.version} expects, {forecast.lower:g} to {forecast.upper:g}"
    if distances.beyond[place]:
        return ""
    is_expected = forecast is not None and not forecast.is_far(value, NEAR_WIDTHS)
    is_jump = distances.jumped[place] and not is_expected
    return "the rows just before it: the step is larger than recent ones" if is_jump else None


def _distances(batch: Batch, recent: Recent, columns: list[int]) -> _Distances:
    usual, values, times = recent.values, batch.values, batch.times
    # Before and after the recent rows, values may be farther away: by the distance in time as a
    # share of their span.
    away = np.maximum(times - recent.last, recent.first - times)
    span = max(recent.last - recent.first, 1)
    wider = (1 + np.maximum(away, 0) / span)[:, np.newaxis]
    from_middle = values - usual.middle[columns]
    beyond = (from_middle > wider * usual.above[columns]) | (
        -from_middle > wider * usual.below[columns]
    )
    share = usual.share[columns] ** wider
    beyond |= (values > 0) & (values < share * usual.middle[columns])
    steps, longer = _steps(batch, recent, columns)
    large = steps > longer * usual.step[columns]
    unusual = (values < usual.low[columns]) | (values > usual.high[columns]) | large
    jumped = steps > longer * usual.far_step[columns]
    return _Distances(unusual | beyond | jumped, beyond, jumped)


def _steps(batch: Batch, recent: Recent, columns: list[int]) -> tuple[Values, Values]:
    """Distances from the level of the rows before, and how much a gap lengthens usual ones.

    Rows that are not after the last one have no such level.
    """
    is_later = batch.times > recent.last
    tail = np.array([row for _, row in recent.tail])
    padding = np.full((max(LEVEL_ROWS - len(tail), 0), len(columns)), np.nan)
    level = levels(np.concatenate([padding, tail[:, columns], batch.values]))
    steps = np.where(is_later[:, np.newaxis], np.abs(batch.values - level), np.nan)
    gaps = np.diff(batch.times, prepend=recent.last)
    # A random walk moves by the square root of the time; rows of one request are steps alike.
    longer = np.sqrt(np.maximum(gaps / max(recent.step, 1), 1))
    return steps, longer[:, np.newaxis]


def _unusual_times(
    session: Session, series: Series, batch: Batch, recent: Recent
) -> Iterator[RowIssue]:
    """Times while the calendar is closed, finer than the cadence or off the grid.

    A time that a forecast has named is expected, whatever later rows show.
    """
    times: Times = batch.times.view("datetime64[us]")
    broken = recent.times.broken_by(times)
    finer = recent.times.finer(times, recent.last, broken.off_grid)
    unusual = np.flatnonzero(broken.closed | broken.off_grid | finer)
    if not len(unusual):
        return
    expected = forecast_times(session, series, batch.times[unusual])
    for row in unusual.tolist():
        if int(batch.times[row]) in expected:
            continue
        if broken.closed[row]:
            code, what = "calendar_closed", f"the calendar {series.calendar} is closed then"
        elif finer[row]:
            code, what = "finer_than_cadence", f"rows are {series.cadence} apart"
        else:
            code, what = "off_grid", f"it lies between the steps of {series.cadence}"
        message = f"A row at {to_wire(times[row])} is not expected: {what}."
        yield RowIssue(row, code, message, times[row])


def _time(batch: Batch, row: int) -> np.datetime64:
    found: np.datetime64 = batch.times.view("datetime64[us]")[row]
    return found
