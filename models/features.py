"""Features: what the network sees of each row, computed from that row and earlier ones only.

The pipeline is fitted on training rows, stored as JSON in the manifest, and streams:
a whole series in one pass and the same rows one at a time give the same features.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import numpy as np

from models.baselines import last_observed
from models.cycles import Cycle, cycle_positions
from models.holiday_flags import FLAGS, HolidayFlags
from models.scaling import Floats, Standardizer, positive_log
from models.series import Times, Values

# Bounds the memory of intermediate values when a whole series is read.
ROWS_PER_BLOCK = 16_384

Encoding = Literal["level", "log_return", "angle"]


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
        known_future: Whether its values at the target times are inputs of the head.
    """

    column: int
    encoding: Encoding
    reference: int
    masked: bool
    differenced: bool
    known_future: bool = False


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
        lags: Earlier rows that the highway reads.
        holidays: Flags of a row's own day, and of the days of the target times.
    """

    columns: int
    channels: tuple[ChannelFeature, ...]
    spans: tuple[int, ...]
    cycles: tuple[Cycle, ...]
    timezone: str
    standardizer: Standardizer
    lags: int = 0
    holidays: HolidayFlags | None = None

    @property
    def memory_rows(self) -> int:
        """How many rows are kept for the features and lags of later ones.

        A row that waits for what is known of the future needs its lags once more, later.
        """
        return max((1, self.lags + (self.future_width > 0), *self.spans))

    def in_zone(self, timezone: str) -> Self:
        """The pipeline of a series whose days begin elsewhere."""
        holidays = self.holidays and replace(self.holidays, timezone=timezone)
        return replace(self, timezone=timezone, holidays=holidays)

    @property
    def known_columns(self) -> list[int]:
        """The columns of the known-future channels: levels first, then angles."""
        return [channel.column for channel in self._known("level") + self._known("angle")]

    @property
    def future_width(self) -> int:
        """How many numbers are known of each step ahead."""
        levels, angles = len(self._known("level")), len(self._known("angle"))
        return levels + 2 * angles + FLAGS * (self.holidays is not None)

    @property
    def width(self) -> int:
        """The number of features."""
        angles = len(self._having("angle"))
        masks = sum(channel.masked for channel in self.channels)
        flags = FLAGS * (self.holidays is not None)
        return len(self.standardizer.mean) + 2 * angles + masks + 2 * len(self.cycles) + flags

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
        memory = self.memory_rows
        filled = np.concatenate([tail, rows])
        features = np.empty((len(rows), self.width), np.float32)
        for first in range(0, len(rows), ROWS_PER_BLOCK):
            block = slice(first, min(first + ROWS_PER_BLOCK, len(rows)))
            span = slice(first, block.stop + memory)
            # The rows before a block were filled with the block before.
            filled[span] = last_observed(filled[span])
            features[block] = self._features(filled[span], times[block], rows[block])
        return features, filled

    def _features(self, filled: Values, times: Times, rows: Values) -> Values:
        scaled = self.standardizer.apply(self.unscaled(filled))
        parts: list[Values] = [
            scaled,
            self._angles(filled[self.memory_rows :], self._having("angle")),
            self._masks(rows),
            self._cycles(times),
            self.flags(times).astype(float),
        ]
        return np.concatenate(parts, axis=1)

    def known(self, filled: Values) -> Floats:
        """What the head is told of rows that lie ahead, by the known-future channels.

        Args:
            filled: `(..., columns)` without gaps; only `known_columns` are looked at.

        Returns:
            `(..., levels + 2 * angles)` of float32: scaled levels, sines and cosines.
        """
        level = self._having("level")
        places = [place for place, channel in enumerate(level) if channel.known_future]
        scaler = Standardizer(self.standardizer.mean[places], self.standardizer.scale[places])
        scaled = scaler.apply(filled[..., [level[place].column for place in places]])
        parts = [scaled, self._angles(filled, self._known("angle"))]
        return np.concatenate(parts, axis=-1).astype(np.float32)

    def flags(self, times: Times) -> Floats:
        """Holiday flags of times of any shape, `(..., 3)`; `(..., 0)` without holidays."""
        if self.holidays is None:
            return np.empty((*times.shape, 0), np.float32)
        return self.holidays.at(times)

    def unscaled(self, filled: Values) -> Values:
        """Levels, log returns and changes in their own units, as the standardizer takes them.

        Args:
            filled: `(memory_rows + rows, columns)` without gaps.

        Returns:
            `(rows, levels + log returns + spans * changing channels)`; NaN where a row that
            is needed lies before the first value.
        """
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

    def _angles(self, filled: Values, channels: Sequence[ChannelFeature]) -> Values:
        radians = np.deg2rad(filled[..., [channel.column for channel in channels]])
        vectors: Values = np.concatenate([np.sin(radians), np.cos(radians)], axis=-1)
        return np.nan_to_num(vectors)

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

    def _known(self, encoding: Encoding) -> list[ChannelFeature]:
        return [channel for channel in self._having(encoding) if channel.known_future]

    def to_json(self) -> dict[str, Any]:
        """The pipeline as plain JSON values."""
        return {
            "columns": self.columns,
            "channels": [asdict(channel) for channel in self.channels],
            "spans": list(self.spans),
            "cycles": list(self.cycles),
            "timezone": self.timezone,
            "standardizer": self.standardizer.to_json(),
            "lags": self.lags,
            "holidays": self.holidays and self.holidays.to_json(),
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
            lags=stored["lags"],
            holidays=stored["holidays"] and HolidayFlags.from_json(stored["holidays"]),
        )


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
