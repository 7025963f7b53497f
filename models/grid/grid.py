"""Put observations onto a grid of rows: with gaps, or resampled to a coarser step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Times, Values
from models.calendars.cadence import Cadence, Indices
from models.calendars.calendar import Calendar, Continuous
from models.errors import DataError
from models.grid.bins import Bins
from models.grid.summaries import Aggregate, rule_of, summarise
from models.series import Channel
from models.spec.base import MOST_ROWS


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows at the steps of a cadence.

    Args:
        times: `(rows,)` of `datetime64[us]`, UTC, strictly increasing: the time at which
            everything in the row is known.
        values: `(rows, channels)` of float64; NaN is missing.

    Example:
        Half-hourly values become hourly means; the hour 02:00 is not complete yet.

        >>> import numpy as np
        >>> from models.calendars.cadence import Cadence
        >>> from models.calendars.calendar import learn_calendar
        >>> from models.series import Channel
        >>> half, hour = Cadence.parse("30min"), Cadence.parse("1h")
        >>> times = np.datetime64("2024-01-01T00:30", "us") + np.arange(3) * np.timedelta64(30, "m")
        >>> grid = to_grid(
        ...     times,
        ...     np.array([[1.0], [3.0], [5.0]]),
        ...     cadence=half,
        ...     step=hour,
        ...     calendar=learn_calendar(times, half, "continuous", "UTC"),
        ...     channels=[Channel("load")],
        ...     aggregate="mean",
        ... )
        >>> grid.times.astype(str).tolist(), grid.values.tolist()
        (['2024-01-01T01:00:00.000000'], [[2.0]])
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
    bars: bool = False,
    phase: int = 0,
    after: np.datetime64 | None = None,
) -> Grid:
    """Put observations onto the rows of a grid.

    A row labelled t contains the observations after the previous row up to and including t. It
    is returned once something was observed at or after t, so a row never changes later. On a
    continuous calendar, gaps become rows of NaN; with sessions, observed rows are returned
    unchanged, and resampling omits empty rows. If the step is the series' cadence, labels are
    the series' times (as the calendar learnt them); coarser steps begin at whole hours, local
    midnights, Mondays, or the first days of months.

    Observations whose times differ from rows by a jitter belong to the nearest row
    (`Continuous.rounds`); of several in a row the first one counts.

    Streaming gives the same rows as one call: pass the last row's time as `after`, and all
    observations later than it.

    Args:
        times: `(observations,)` of `datetime64[us]`, UTC, strictly increasing.
        values: `(observations, channels)` of float64; NaN is missing.
        cadence: The step between observations.
        step: The step between rows: `cadence` or a multiple of it.
        calendar: When observations are expected, as `learn_calendar` learnt it with `cadence`.
        channels: One entry per column: `"ohlc"` depends on names, `"mean"` on angles.
        aggregate: How a row's observations are combined, see `rule_of`. Missing values are
            skipped.
        bars: Whether observations are market bars, see `Bins`.
        phase: Number of observation steps by which rows lie later, if `step` is a multiple.
        after: Only rows later than this are returned.

    Raises:
        DataError: If `phase` is not 0 for months or business days, or if there are more than
            20 million rows.
    """
    if isinstance(calendar, Continuous) and calendar.rounds and step == cadence:
        # The first observation makes the row; later ones of the row must not change it.
        times, first_of_row = np.unique(calendar.nearest(times), return_index=True)
        values = values[first_of_row]
    if after is not None:
        later = int(np.searchsorted(times, after, side="right"))
        times, values = times[later:], values[later:]
    sessions = not isinstance(calendar, Continuous)
    if len(times) == 0 or (sessions and step == cadence):
        return Grid(times, values)
    points = _points(cadence, step, calendar, bars, phase)
    indices = points.index_at_or_after(times)
    last = int(points.index_at_or_before(times[-1:])[0])
    complete = int(np.searchsorted(indices, last, side="right"))
    starts = np.flatnonzero(np.diff(indices[:complete], prepend=indices[0] - 1))
    filled = indices[starts]
    rules = [rule_of(channel, aggregate) for channel in channels]
    summaries = summarise(values[:complete], starts, rules)
    if sessions:
        return Grid(points.labels(filled), summaries)
    first = (
        int(indices[0])
        if after is None
        else int(points.index_at_or_before(np.array([after]))[0]) + 1
    )
    return _with_holes(points, first, last, filled, summaries)


def _points(
    cadence: Cadence, step: Cadence, calendar: Calendar, bars: bool, phase: int
) -> Continuous:
    if step == cadence and isinstance(calendar, Continuous) and not phase:
        return calendar
    if phase and not (cadence.fixed and step != cadence):
        raise DataError(
            "`phase` must be 0 unless steps of a fixed length are put into coarser ones. "
            f"Received: {phase} with {cadence.text} in {step.text}"
        )
    return Bins(step, cadence, calendar.timezone, bars=bars).points(phase)


def _with_holes(
    points: Continuous, first: int, last: int, filled: Indices, summaries: Values
) -> Grid:
    rows = max(0, last - first + 1)
    if rows > MOST_ROWS:
        raise DataError(
            f"A grid must have at most {MOST_ROWS:,} rows; steps of {points.cadence.text} "
            f"over this span give {rows:,}. A coarser `cadence` gives fewer."
        )
    times = points.labels(np.arange(first, first + rows))
    if len(filled) == rows:
        return Grid(times, summaries)
    values = np.full((rows, summaries.shape[1]), np.nan)
    values[filled - first] = summaries
    return Grid(times, values)
