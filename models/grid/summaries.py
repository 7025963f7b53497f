"""What stands for several observations: the rules of rows that are coarser than their series."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from models.arrays import Values
from models.calendars.cadence import Indices
from models.series import Channel

Aggregate = Literal["last", "mean", "sum", "ohlc"]
Rule = Literal["first", "last", "min", "max", "mean", "angle", "sum", "count"]

OHLC_RULES: dict[str, Rule] = {
    "open": "first",
    "high": "max",
    "low": "min",
    "close": "last",
    "volume": "sum",
}
# Of a single observation these say something else than its value.
_NEVER_THE_VALUE = {"angle", "count"}


def rule_of(channel: Channel, aggregate: Aggregate | Rule) -> Rule:
    """How a channel's observations become one.

    Args:
        channel: Its name decides for `"ohlc"`: first `open`, highest `high`, lowest `low`, last
            `close`, summed `volume`, the last of any other. Angles have a mean of their own.
        aggregate: What is asked for.
    """
    if aggregate == "ohlc":
        return OHLC_RULES.get(channel.name.lower(), "last")
    if aggregate == "mean" and channel.angular:
        return "angle"
    return aggregate


def summarise(values: Values, starts: Indices, rules: Sequence[Rule]) -> Values:
    """One row for each run of rows that begins at one of `starts`; missing values do not count.

    Args:
        values: `(observations, channels)`; NaN is missing.
        starts: `(rows,)`, increasing, beginning with 0.
        rules: One for each channel.

    Returns:
        `(rows, channels)`; NaN where a run holds no value, 0 for its count.
    """
    if len(starts) == len(values) and not _NEVER_THE_VALUE & set(rules):
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


def _count(values: Values, starts: Indices) -> Values:
    counts: Values = np.add.reduceat(~np.isnan(values), starts, axis=0, dtype=np.float64)
    return counts


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
    "count": _count,
}
