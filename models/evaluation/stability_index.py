"""Population stability index: how far new inputs have moved from the training inputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.arrays import Values
from models.features.features import ChannelFeature, Encoding
from models.features.scaling import positive_log

BINS = 10
# An empty bin would make the index infinite.
LEAST_SHARE = 1e-4
# Rows of a window. With fewer rows the index of two samples of one population is not small: about
# (BINS - 1) / rows (Yurdakul 2018, chapter 3).
LEAST_WINDOW, MOST_WINDOW = 50, 200


def stability_index(expected: Values, actual: Values) -> float:
    """The population stability index of two distributions over the same bins.

    `sum((actual - expected) * log(actual / expected))` (Siddiqi 2006, Credit Risk Scorecards,
    chapter 8; its statistics: Yurdakul 2018, Statistical Properties of Population Stability
    Index). By convention a change is small below 0.1 and large above 0.25. Shares below 0.0001
    count as 0.0001.

    Args:
        expected: `(bins,)`, shares that sum to 1.
        actual: `(bins,)`, the same of the new values.

    Example:
        >>> round(stability_index(np.array([0.5, 0.5]), np.array([0.8, 0.2])), 4)
        0.4159
    """
    before, after = np.maximum(expected, LEAST_SHARE), np.maximum(actual, LEAST_SHARE)
    return float(((after - before) * np.log(after / before)).sum())


@dataclass(frozen=True, slots=True)
class Histogram:
    """The distribution of values over the deciles of the training values.

    Args:
        edges: `(bins - 1,)`, increasing; equal deciles count once.
        shares: `(bins + 1,)` that sum to 1; the last one is that of missing values.
    """

    edges: Values
    shares: Values

    @classmethod
    def fit(cls, values: Values) -> Self:
        """The deciles of `(rows,)` values; NaN is missing."""
        present = values[np.isfinite(values)]
        inner = np.linspace(0, 1, BINS + 1)[1:-1]
        edges = np.unique(np.quantile(present, inner)) if len(present) else np.empty(0)
        return cls(edges, _shares(edges, values))

    def index(self, values: Values) -> float:
        """The stability index of `(rows,)` values; NaN is missing."""
        return stability_index(self.shares, _shares(self.edges, values))


@dataclass(frozen=True, slots=True)
class WatchedChannel:
    """A channel that the network reads.

    Args:
        name: The channel's name.
        column: Its column in the rows.
        encoding: How it enters the network; log returns are compared as log returns.
        reference: The column that log returns are relative to.
        histogram: That of the training rows.
        usual: The largest index of a window of the held-out rows, on which the test errors
            were measured; None if they are shorter than a window.
    """

    name: str
    column: int
    encoding: Encoding
    reference: int
    histogram: Histogram
    usual: float | None

    def index(self, rows: Values) -> float:
        """The stability index of `(1 + rows, channels)`; the first row is only a reference."""
        values = _entering(rows, self.column, self.encoding, self.reference)
        return self.histogram.index(values[1:])

    def to_json(self) -> dict[str, Any]:
        """The channel as plain values."""
        return {
            "name": self.name,
            "column": self.column,
            "encoding": self.encoding,
            "reference": self.reference,
            "edges": self.histogram.edges.tolist(),
            "shares": self.histogram.shares.tolist(),
            "usual": self.usual,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The channel that `to_json` described."""
        edges, shares = np.array(stored["edges"], float), np.array(stored["shares"], float)
        return cls(
            stored["name"],
            stored["column"],
            stored["encoding"],
            stored["reference"],
            Histogram(edges, shares),
            stored["usual"],
        )


@dataclass(frozen=True, slots=True)
class Stability:
    """The input distributions of one series in the training rows.

    Args:
        window_rows: How many rows are compared at once.
        channels: One entry for each channel that the network reads.
    """

    window_rows: int
    channels: tuple[WatchedChannel, ...]

    @classmethod
    def fit(
        cls,
        features: Sequence[ChannelFeature],
        names: Sequence[str],
        rows: Values,
        *,
        train: slice,
        end: int,
    ) -> Self:
        """Learn the distributions from the training rows.

        Args:
            features: How each channel enters the network.
            names: Names of the columns.
            rows: `(rows, channels)` in original units; NaN is missing.
            train: The training rows.
            end: The row after the held-out rows, which follow the training rows.
        """
        window = min(max(end - train.stop, LEAST_WINDOW), MOST_WINDOW)
        windows = list(_windows_before(end, train.stop, window))

        def watched(feature: ChannelFeature) -> WatchedChannel:
            how = (feature.column, feature.encoding, feature.reference)
            values = _entering(rows, *how)
            histogram = Histogram.fit(values[train])
            usual = max((histogram.index(values[each]) for each in windows), default=None)
            return WatchedChannel(names[feature.column], *how, histogram, usual)

        return cls(window, tuple(watched(feature) for feature in features))

    def to_json(self) -> dict[str, Any]:
        """Window and channels as plain values."""
        channels = [channel.to_json() for channel in self.channels]
        return {"window_rows": self.window_rows, "channels": channels}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` described."""
        channels = tuple(WatchedChannel.from_json(each) for each in stored["channels"])
        return cls(stored["window_rows"], channels)


def _shares(edges: Values, values: Values) -> Values:
    present = values[np.isfinite(values)]
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    missing = len(values) - len(present)
    return np.asarray(np.append(counts, missing) / max(len(values), 1), float)


def _entering(rows: Values, column: int, encoding: Encoding, reference: int) -> Values:
    """The values of a channel as levels, or as log returns with the first one missing."""
    now = rows[:, column]
    if encoding != "log_return":
        return now
    before = np.concatenate([[np.nan], rows[:-1, reference]])
    return np.asarray(positive_log(now) - positive_log(before), float)


def _windows_before(end: int, start: int, rows: int) -> Iterator[slice]:
    """Adjacent windows between two rows, the last one first."""
    for stop in range(end, start + rows - 1, -rows):
        yield slice(stop - rows, stop)
