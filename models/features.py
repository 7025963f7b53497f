"""Features: what the network sees of each row, computed from that row and earlier ones only.

The pipeline is fitted on training rows, stored as JSON in the manifest, and streams:
a whole series in one pass and the same rows one at a time give the same features.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from models.scaling import Floats, Standardizer, positive_log
from models.series import Channel, Times, Values
from models.timezones import to_local

Encoding = Literal["level", "log_return", "angle"]
Cycle = Literal["day", "week", "year"]

PRICES = frozenset({"open", "high", "low", "close"})


@dataclass(frozen=True, slots=True)
class ChannelFeature:
    """How one channel enters the network.

    Args:
        column: Its column in the rows that the pipeline reads.
        encoding: `level` (scaled value), `log_return` (log of the value over the previous
            row's `reference`) or `angle` (sine and cosine of degrees).
        reference: The column that log returns are taken against: itself, or for
            open, high and low the close of the previous bar.
        masked: Whether a further input says that the value is missing.
        differenced: Whether changes over the pipeline's `spans` are further inputs.
    """

    column: int
    encoding: Encoding
    reference: int
    masked: bool
    differenced: bool


@dataclass(frozen=True, slots=True)
class FeaturePipeline:
    """Causal features of a series' rows.

    Missing values are filled with the last one seen; before the first value a channel
    stands at its training mean, which is 0 after scaling.

    Args:
        columns: Number of columns in the rows.
        channels: The channels that are inputs.
        spans: Steps over which changes are further inputs.
        cycles: Calendar cycles that are inputs as sine and cosine.
        timezone: IANA name in which days, weeks and years are counted.
        standardizer: Scales levels, log returns and changes, in this order.
    """

    columns: int
    channels: tuple[ChannelFeature, ...]
    spans: tuple[int, ...]
    cycles: tuple[Cycle, ...]
    timezone: str
    standardizer: Standardizer

    @property
    def memory_rows(self) -> int:
        """How many earlier rows the features of a row may need."""
        return max((1, *self.spans))

    @property
    def width(self) -> int:
        """The number of features."""
        angles = len(self._having("angle"))
        masks = sum(channel.masked for channel in self.channels)
        return len(self.standardizer.mean) + 2 * angles + masks + 2 * len(self.cycles)

    def empty_tail(self) -> Values:
        """The earlier rows of a series that has none: `(memory_rows, columns)` of NaN."""
        return np.full((self.memory_rows, self.columns), np.nan)

    def transform(self, tail: Values, times: Times, rows: Values) -> tuple[Floats, Values]:
        """Compute the features of new rows.

        Args:
            tail: `(memory_rows, columns)`, the filled rows before the first new one.
            times: `(rows,)`, UTC.
            rows: `(rows, columns)` in original units; NaN is missing.

        Returns:
            Features `(rows, features)` of float32 without NaN, and the filled rows
            `(memory_rows + rows, columns)`, whose end is the next tail.
        """
        filled = fill_forward(tail, rows)
        scaled = self.standardizer.apply(self._scalable(filled))
        parts = [scaled, self._angles(filled), self._masks(rows), self._cycles(times)]
        return np.concatenate(parts, axis=1).astype(np.float32), filled

    def _scalable(self, filled: Values) -> Values:
        """Levels, log returns and changes of filled rows, still in their units."""
        memory = self.memory_rows
        values = self._logged(filled)
        level, price = self._having("level"), self._having("log_return")
        parts = [
            values[memory:, [channel.column for channel in level]],
            values[memory:, [channel.column for channel in price]]
            - values[memory - 1 : -1, [channel.reference for channel in price]],
        ]
        moving = [channel.column for channel in self.channels if channel.differenced]
        now = values[memory:, moving]
        parts += [now - values[memory - span : len(values) - span, moving] for span in self.spans]
        return np.concatenate(parts, axis=1)

    def _logged(self, filled: Values) -> Values:
        """Filled rows with the columns that enter as log returns replaced by their logarithms."""
        price = self._having("log_return")
        columns = sorted(
            {column for channel in price for column in (channel.column, channel.reference)}
        )
        if not columns:
            return filled
        values = filled.copy()
        values[:, columns] = positive_log(filled[:, columns])
        return values

    def _angles(self, filled: Values) -> Values:
        columns = [channel.column for channel in self._having("angle")]
        radians = np.deg2rad(filled[self.memory_rows :, columns])
        return np.nan_to_num(np.concatenate([np.sin(radians), np.cos(radians)], axis=1))

    def _masks(self, rows: Values) -> Values:
        columns = [channel.column for channel in self.channels if channel.masked]
        return np.isnan(rows[:, columns]).astype(float)

    def _cycles(self, times: Times) -> Values:
        if not self.cycles:
            return np.empty((len(times), 0))
        turns = cycle_positions(times, self.timezone, self.cycles) * 2 * np.pi
        return np.concatenate([np.sin(turns), np.cos(turns)], axis=1)

    def _having(self, encoding: Encoding) -> list[ChannelFeature]:
        return [channel for channel in self.channels if channel.encoding == encoding]

    def to_json(self) -> dict[str, Any]:
        """The pipeline as plain JSON values."""
        return {
            "columns": self.columns,
            "channels": [asdict(channel) for channel in self.channels],
            "spans": list(self.spans),
            "cycles": list(self.cycles),
            "timezone": self.timezone,
            "standardizer": self.standardizer.to_json(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The pipeline that `to_json` described."""
        return cls(
            columns=stored["columns"],
            channels=tuple(ChannelFeature(**channel) for channel in stored["channels"]),
            spans=tuple(stored["spans"]),
            cycles=tuple(stored["cycles"]),
            timezone=stored["timezone"],
            standardizer=Standardizer.from_json(stored["standardizer"]),
        )


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """What the spec asks of the features, before any row is seen.

    Args:
        channels: The channels of the rows' columns.
        inputs: Names of the channels that are inputs.
        targets: Names of the channels that are predicted.
        log_returns: Whether prices and targets enter as log returns.
        spans: Steps over which changes are further inputs.
        cycles: Calendar cycles.
        timezone: IANA name.
        scaled: Whether inputs are standardised.
    """

    channels: tuple[Channel, ...]
    inputs: frozenset[str]
    targets: frozenset[str]
    log_returns: bool
    spans: tuple[int, ...]
    cycles: tuple[Cycle, ...]
    timezone: str
    scaled: bool


@dataclass(frozen=True, slots=True)
class DroppedChannel:
    """A channel that was asked for and cannot be an input, with the reason."""

    name: str
    reason: str


def fit_features(
    plan: FeaturePlan, times: Times, rows: Values
) -> tuple[FeaturePipeline, list[DroppedChannel]]:
    """Fit the pipeline on training rows.

    Args:
        plan: What the spec asks.
        times: `(rows,)` of training rows, UTC.
        rows: `(rows, channels)` of training rows in original units; NaN is missing.

    Returns:
        The pipeline, and the channels that were left out of it.
    """
    dropped = [
        DroppedChannel(channel.name, reason)
        for column, channel in enumerate(plan.channels)
        if channel.name in plan.inputs and (reason := _useless(rows[:, column]))
    ]
    names = plan.inputs - {channel.name for channel in dropped}
    channels = tuple(
        _plan_channel(plan, column, rows)
        for column, channel in enumerate(plan.channels)
        if channel.name in names
    )
    blank = FeaturePipeline(
        columns=len(plan.channels),
        channels=channels,
        spans=plan.spans,
        cycles=plan.cycles,
        timezone=plan.timezone,
        standardizer=Standardizer.identity(0),
    )
    inputs = blank._scalable(fill_forward(blank.empty_tail(), rows))
    scaler = Standardizer.fit(inputs) if plan.scaled else Standardizer.identity(inputs.shape[1])
    return _with_standardizer(blank, scaler), dropped


def _with_standardizer(blank: FeaturePipeline, scaler: Standardizer) -> FeaturePipeline:
    return FeaturePipeline(
        blank.columns, blank.channels, blank.spans, blank.cycles, blank.timezone, scaler
    )


def _useless(column: Values) -> str | None:
    """Why a column of training rows tells a network nothing, or None if it may."""
    present = column[np.isfinite(column)]
    if len(present) == 0:
        return "it has no values in the training rows"
    if present.min() == present.max():
        return "it is constant in the training rows"
    return None


def _plan_channel(plan: FeaturePlan, column: int, rows: Values) -> ChannelFeature:
    channel = plan.channels[column]
    price = plan.log_returns and (channel.name in plan.targets or channel.name.casefold() in PRICES)
    encoding: Encoding = "angle" if channel.angular else "log_return" if price else "level"
    reference = _reference(plan.channels, column) if price else column
    return ChannelFeature(
        column=column,
        encoding=encoding,
        reference=reference,
        masked=bool(np.isnan(rows[:, column]).any()),
        # Changes of open, high and low over hours repeat those of the close.
        differenced=encoding == "level" or (encoding == "log_return" and reference == column),
    )


def _reference(channels: Sequence[Channel], column: int) -> int:
    """The column whose previous value a price is compared with: the close, if there is one."""
    if channels[column].name.casefold() in PRICES:
        for index, channel in enumerate(channels):
            if channel.name.casefold() == "close":
                return index
    return column


def clean_rows(rows: Values, positive: Sequence[int]) -> Values:
    """Take what no arithmetic can use as missing.

    Args:
        rows: `(rows, channels)` in original units.
        positive: Columns in which only values above zero make sense: targets whose log
            return is predicted.

    Returns:
        `(rows, channels)` without infinite values.
    """
    cleaned = np.where(np.isfinite(rows), rows, np.nan)
    prices = cleaned[:, positive]
    cleaned[:, positive] = np.where(prices > 0, prices, np.nan)
    return cleaned


def fill_forward(tail: Values, rows: Values) -> Values:
    """Fill missing values with the last one seen.

    Args:
        tail: `(earlier, columns)`, already filled; NaN where no value was seen yet.
        rows: `(rows, columns)`; NaN is missing.

    Returns:
        `(earlier + rows, columns)`.
    """
    joined = np.concatenate([tail, rows])
    present = ~np.isnan(joined)
    if present.all():
        return joined
    last = np.where(present, np.arange(len(joined))[:, np.newaxis], 0)
    return np.take_along_axis(joined, np.maximum.accumulate(last, axis=0), axis=0)


def cycle_positions(times: Times, zone: str, cycles: Sequence[Cycle]) -> Values:
    """Where each time stands in its local day, week and year.

    Args:
        times: `(rows,)`, UTC.
        zone: IANA name of the time zone in which days begin.
        cycles: Which cycles.

    Returns:
        `(rows, cycles)` from 0 (the beginning) to below 1.
    """
    local = to_local(times, zone)
    days = local.astype("datetime64[D]")
    in_day = (local - days) / np.timedelta64(1, "D")
    positions = {
        "day": lambda: in_day,
        # 1970-01-05 was a Monday.
        "week": lambda: ((days - np.datetime64("1970-01-05")).astype(np.int64) % 7 + in_day) / 7,
        "year": lambda: _year_position(days, in_day),
    }
    return np.stack([positions[cycle]() for cycle in cycles], axis=1)


def _year_position(days: Times, in_day: Values) -> Values:
    years = days.astype("datetime64[Y]")
    first = years.astype("datetime64[D]")
    length = (years + 1).astype("datetime64[D]") - first
    return ((days - first).astype(np.int64) + in_day) / length.astype(np.int64)
