"""Aggregate observations per bucket, in pieces, with the bins and rules of `models.grid`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from app.errors import Invalid
from app.series.channels import ChannelList
from app.series.observation_schemas import Aggregation, ObservationsQuery
from app.series.selection import Observations, Selection
from app.series.storage.row_reader import FIRST_TIME, LAST_TIME
from app.series.tables import Series
from models.calendars.cadence import Cadence, Indices
from models.errors import Problem
from models.grid.bins import Bins
from models.grid.summaries import OHLC_RULES, Rule, rule_of, summarise
from models.series import Channel

UNITLESS: dict[Aggregation, dict[str, Any]] = {
    "count": {"unit": None, "missing": [], "angular": False}
}
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)


@dataclass(frozen=True, slots=True)
class Buckets:
    """How observations are aggregated.

    Args:
        bins: Which observations belong to which bucket.
        rules: For every column of a bucket the position of its channel and its aggregation.
        channels: The settings of these columns.
        last_time: The last observation; a bucket that later ones can still fall into is left out.
    """

    bins: Bins
    rules: tuple[tuple[int, Rule], ...]
    channels: ChannelList
    last_time: int | None

    def selection(self, named: Selection) -> Selection:
        """The rows of all buckets whose names lie in a range: whole buckets."""
        ends = (
            None if named.start == FIRST_TIME else _moment(named.start),
            None if named.end == LAST_TIME else _moment(named.end),
        )
        first, last = self.bins.of_names(*ends)
        return replace(
            named,
            start=FIRST_TIME if first is None else int(first.astype(np.int64)),
            end=LAST_TIME if last is None else int(last.astype(np.int64)),
        )

    def aggregate(self, pieces: Iterator[Observations]) -> Iterator[Observations]:
        """The complete buckets that hold rows, in the order of time."""
        points = self.bins.points()
        rest: list[Observations] = []
        for piece in pieces:
            found = Observations.joined([*rest, piece])
            if not len(found):
                continue
            indices = points.index_at_or_after(found.times)
            # The last bucket of a piece continues in the next piece.
            whole = int(np.searchsorted(indices, indices[-1]))
            if whole:
                yield self._summarised(found.where(slice(whole)), indices[:whole])
            rest = [found.where(slice(whole, None))]
        if rest and self.last_time is not None:
            indices = points.index_at_or_after(rest[0].times)
            if indices[-1] <= points.index_at_or_before(np.array([_moment(self.last_time)]))[0]:
                yield self._summarised(rest[0], indices)

    def _summarised(self, found: Observations, indices: Indices) -> Observations:
        starts = np.flatnonzero(np.diff(indices, prepend=indices[0] - 1))
        places = [place for place, _ in self.rules]
        values = summarise(found.values[:, places], starts, [rule for _, rule in self.rules])
        return Observations(self.bins.names(indices[starts]), values)


def buckets_of(series: Series, wanted: Selection, query: ObservationsQuery) -> Buckets | None:
    """The buckets that a query asks for; None if it asks for rows without aggregation.

    Raises:
        Invalid: If the step is finer than the series', or an aggregate is unknown or impossible.
    """
    if query.every is None:
        if query.agg:
            raise _invalid("agg", "`agg` needs a step: add `every=`, such as `every=1h`.")
        return None
    step = Cadence.parse(query.every)
    cadence = None if series.cadence is None else Cadence.parse(series.cadence)
    if cadence is not None and step.approximate_seconds < cadence.approximate_seconds:
        raise _invalid(
            "every",
            f"`every` must be at least the series' own step, {cadence.text}. "
            f"Received: {query.every}",
        )
    chosen = _aggregations(series, wanted, query)
    rules, channels = [], []
    for place, settings in enumerate(wanted.channels):
        channel = Channel(settings["name"], settings["unit"], settings["angular"])
        for aggregation in chosen:
            name = channel.name if len(chosen) == 1 else f"{channel.name}_{aggregation}"
            rules.append((place, rule_of(channel, aggregation)))
            channels.append({**settings, **UNITLESS.get(aggregation, {}), "name": name})
    bins = Bins(step, cadence, series.timezone, bars=series.kind == "ohlc")
    return Buckets(bins, tuple(rules), channels, wanted.last_time)


def _aggregations(
    series: Series, wanted: Selection, query: ObservationsQuery
) -> tuple[Aggregation, ...]:
    texts = [part for text in query.agg for part in text.split(",")]
    for text in texts:
        if text not in AGGREGATIONS:
            listed = ", ".join(AGGREGATIONS)
            raise _invalid("agg", f"`agg` must be of {listed}. Received: {text!r}")
    names = {name.lower() for name in wanted.names}
    has_bars = bool(names & OHLC_RULES.keys())
    if "ohlc" in texts and not has_bars:
        raise _invalid(
            "agg",
            "`agg=ohlc` needs channels named open, high, low, close or volume. "
            f"Received: {', '.join(wanted.names)}",
        )
    usual: Aggregation = "ohlc" if series.kind == "ohlc" and has_bars else "mean"
    known: dict[str, Aggregation] = {each: each for each in AGGREGATIONS}
    return tuple(dict.fromkeys(known[text] for text in texts)) or (usual,)


def _moment(microseconds: int) -> np.datetime64:
    return np.datetime64(microseconds, "us")


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, errors=[Problem(f"/query/{field}", message)])
