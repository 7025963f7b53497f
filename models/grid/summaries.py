"""Combine several observations into one row, by a rule for each channel."""

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
# For a single observation these differ from its value.
_NEVER_THE_VALUE = {"angle", "count"}


def rule_of(channel: Channel, aggregate: Aggregate | Rule) -> Rule:
    """The rule by which a channel's observations are combined.

    Args:
        channel: With `"ohlc"`, its name selects the rule: first `open`, highest `high`, lowest
            `low`, last `close`, summed `volume`, the last value of any other. The mean of angles
            is the direction of their mean vector.
        aggregate: The rule of the spec.
    """
    if aggregate == "ohlc":
        return OHLC_RULES.get(channel.name.lower(), "last")
    if aggregate == "mean" and channel.angular:
        return "angle"
    return aggregate


def summarise(values: Values, starts: Indices, rules: Sequence[Rule]) -> Values:
    """One row for each run of observations that begins at one of `starts`.

    Missing values are skipped.

    Args:
        values: `(observations, channels)`; NaN is missing.
        starts: `(rows,)`, increasing, beginning with 0.
        rules: One for each channel.

    Returns:
        `(rows, channels)`; NaN where a run has no values, and 0 for its count.
    """
    if len(starts) == len(values) and not _NEVER_THE_VALUE & set(rules):
        # Most grids are the series' rows themselves, so there is nothing to combine. The mean of
        # one angle, however, is that angle modulo 360 degrees.
        return values
    summaries = np.empty((len(starts), len(rules)))
    # Column by column: a summary's intermediate arrays are many times as large as the column.
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
