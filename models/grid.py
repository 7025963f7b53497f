"""Observations onto the rows that a forecaster steps through: with holes, or resampled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.cadence import Cadence, Indices
from models.calendars import Calendar, Continuous
from models.errors import DataError
from models.series import Channel, Times, Values

Aggregate = Literal["last", "mean", "sum", "ohlc"]
Rule = Literal["first", "last", "min", "max", "mean", "angle", "sum"]

_OHLC_RULES: dict[str, Rule] = {
    "open": "first",
    "high": "max",
    "low": "min",
    "close": "last",
    "volume": "sum",
}
# A bound on memory: thirty-eight years of minutes.
_MOST_ROWS = 20_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows at the steps of a cadence.

    Args:
        times: `(rows,)` of `datetime64[us]`, UTC, strictly increasing: the moment at which
            everything in the row is known.
        values: `(rows, channels)` of float64; NaN is missing.
    """

    times: Times
    values: Values


def to_grid(
    times: Times,
    values: Values,
    *,
    cadence: Cadence,
    step: Cadence,
    calendar: Calendar,
    channels: Sequence[Channel],
    aggregate: Aggregate = "last",
    phase: int = 0,
    after: np.datetime64 | None = None,
) -> Grid:
    """Put observations onto the rows of a grid.

    A row labelled t holds what was observed after the row before and up to t. It is given out
    once something was observed at or after t, so a row never changes later. On a continuous
    calendar holes are rows of NaN; of sessions, observed rows come as they are, and
    resampling them leaves empty rows out. Where a grid is the series' own cadence its labels
    are the series' own times (as the calendar learnt them); coarser steps begin at whole
    hours, local midnights, Mondays, or the first days of months.

    Streaming gives the same rows as one go: pass as `after` the last row's time, and all
    observations later than it.

    Args:
        times: `(observations,)` of `datetime64[us]`, UTC, strictly increasing.
        values: `(observations, channels)` of float64; NaN is missing.
        cadence: The step between observations.
        step: The step between rows: `cadence` or a multiple of it.
        calendar: When observations come, as learnt by `learn_calendar` with `cadence`.
        channels: One entry per column: names decide for `"ohlc"`, angles for `"mean"`.
        aggregate: What stands for the observations of a row. Missing ones are left out;
            `"ohlc"` takes the first `open`, highest `high`, lowest `low`, last `close`,
            summed `volume` and the last of any other channel.
        phase: By how many observation steps the rows lie later, if `step` is a multiple.
        after: Only rows later than this are wanted.

    Raises:
        DataError: If `phase` is asked of months or business days, or if there are too many rows.
    """
    if after is not None:
        later = int(np.searchsorted(times, after, side="right"))
        times, values = times[later:], values[later:]
    sessions = not isinstance(calendar, Continuous)
    if len(times) == 0 or (sessions and step == cadence):
        return Grid(times, values)
    points = _points(cadence, step, calendar, phase)
    indices = points.index_at_or_after(times)
    last = int(points.index_at_or_before(times[-1:])[0])
    complete = int(np.searchsorted(indices, last, side="right"))
    starts = np.flatnonzero(np.diff(indices[:complete], prepend=indices[0] - 1))
    filled = indices[starts]
    rules = [_rule(channel, aggregate) for channel in channels]
    summaries = _summarise(values[:complete], starts, rules)
    if sessions:
        return Grid(points.labels(filled), summaries)
    first = (
        int(indices[0])
        if after is None
        else int(points.index_at_or_before(np.array([after]))[0]) + 1
    )
    return _with_holes(points, first, last, filled, summaries)


def _points(cadence: Cadence, step: Cadence, calendar: Calendar, phase: int) -> Continuous:
    if step == cadence and isinstance(calendar, Continuous) and not phase:
        return calendar
    if phase and not (cadence.fixed and step != cadence):
        raise DataError(
            "`phase` must be 0 unless steps of a fixed length are put into coarser ones. "
            f"Received: {phase} with {cadence.text} in {step.text}"
        )
    return Continuous(step, phase * cadence.count, calendar.timezone)


def _with_holes(
    points: Continuous, first: int, last: int, filled: Indices, summaries: Values
) -> Grid:
    rows = max(0, last - first + 1)
    if rows > _MOST_ROWS:
        raise DataError(
            f"A grid must have at most {_MOST_ROWS:,} rows; steps of {points.cadence.text} "
            f"over this span give {rows:,}."
        )
    times = points.labels(np.arange(first, first + rows))
    if len(filled) == rows:
        return Grid(times, summaries)
    values = np.full((rows, summaries.shape[1]), np.nan)
    values[filled - first] = summaries
    return Grid(times, values)


def _rule(channel: Channel, aggregate: Aggregate) -> Rule:
    if aggregate == "ohlc":
        return _OHLC_RULES.get(channel.name.lower(), "last")
    if aggregate == "mean" and channel.angular:
        return "angle"
    return aggregate


def _summarise(values: Values, starts: Indices, rules: Sequence[Rule]) -> Values:
    """One row for each run of rows that begins at one of `starts`."""
    if len(starts) == len(values) and "angle" not in rules:
        # Most grids are a series' own rows: there is nothing to put together. The mean of one
        # direction, however, is that direction between 0 and 360 degrees.
        return values
    summaries = np.empty((len(starts), len(rules)))
    # Column by column: what a summary makes on its way is many times as large as the column.
    for column, rule in enumerate(rules):
        summaries[:, [column]] = _SUMMARIES[rule](values[:, [column]], starts)
    return summaries


def _last(values: Values, starts: Indices) -> Values:
    rows = np.arange(len(values))[:, np.newaxis]
    chosen = np.maximum.reduceat(np.where(np.isnan(values), -1, rows), starts, axis=0)
    return np.take_along_axis(values, np.where(chosen < 0, starts[:, np.newaxis], chosen), axis=0)


def _first(values: Values, starts: Indices) -> Values:
    rows = np.arange(len(values))[:, np.newaxis]
    chosen = np.minimum.reduceat(np.where(np.isnan(values), len(values), rows), starts, axis=0)
    missing = chosen == len(values)
    return np.take_along_axis(values, np.where(missing, starts[:, np.newaxis], chosen), axis=0)


def _smallest(values: Values, starts: Indices) -> Values:
    return np.fmin.reduceat(values, starts, axis=0)


def _largest(values: Values, starts: Indices) -> Values:
    return np.fmax.reduceat(values, starts, axis=0)


def _sum(values: Values, starts: Indices) -> Values:
    present = np.maximum.reduceat(~np.isnan(values), starts, axis=0)
    sums = np.add.reduceat(np.nan_to_num(values, nan=0.0), starts, axis=0)
    return np.where(present, sums, np.nan)


def _mean(values: Values, starts: Indices) -> Values:
    counts = np.add.reduceat(~np.isnan(values), starts, axis=0, dtype=np.int64)
    return _sum(values, starts) / np.maximum(counts, 1)


def _mean_angle(values: Values, starts: Indices) -> Values:
    radians = np.radians(values)
    sines, cosines = _sum(np.sin(radians), starts), _sum(np.cos(radians), starts)
    angles: Values = np.degrees(np.arctan2(sines, cosines)) % 360
    return angles


_SUMMARIES: dict[Rule, Callable[[Values, Indices], Values]] = {
    "first": _first,
    "last": _last,
    "min": _smallest,
    "max": _largest,
    "mean": _mean,
    "angle": _mean_angle,
    "sum": _sum,
}
