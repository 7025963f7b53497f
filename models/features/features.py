"""Features: the network's inputs at each row, computed from that row and earlier ones only.

The pipeline is fitted on training rows and stored as JSON in the manifest. Reading a whole
series in one pass and reading the same rows one at a time give the same features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import numpy as np

from models.arrays import Floats, Times, Values
from models.calendars.cycles import Cycle, cycle_positions
from models.calendars.holidays import FLAGS, HolidayFlags
from models.features.filling import last_observed
from models.features.scaling import Standardizer, positive_log

# Bounds the memory of intermediate values when a whole series is read.
ROWS_PER_PIECE = 16_384

# Positions of rows in their series, their features, and the filled rows after the tail.
Piece = tuple[slice, Floats, Values]

Encoding = Literal["level", "log_return", "angle"]


@dataclass(frozen=True, slots=True)
class ChannelFeature:
    """How one channel enters the network.

    Args:
        column: Its column in the rows that the pipeline reads.
        encoding: `level` (scaled value), `log_return` (log of the value over the previous
            row's `reference`) or `angle` (sine and cosine of degrees).
        reference: The column whose previous value log returns are taken against: the channel
            itself, or the close for open, high and low.
        masked: Whether a further input marks missing values.
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

    Missing values are filled with the last observed one; before its first value a channel has
    its training mean, which is 0 after scaling.

    Args:
        columns: Number of columns in the rows.
        channels: The channels that are inputs.
        spans: Steps over which changes are further inputs.
        cycles: Calendar cycles that are inputs as sine and cosine.
        timezone: IANA name of the zone in which days, weeks and years are counted.
        standardizer: Scales levels, log returns and changes, in this order.
        lags: Number of earlier rows that the highway reads.
        holidays: Holiday flags of a row's day and of its target times' days.
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
        """Number of rows stored for the features and lags of later rows.

        With known-future inputs, a row's lags are needed once more when its forecast is made.
        """
        return max((1, self.lags + (self.future_width > 0), *self.spans))

    def in_zone(self, timezone: str) -> Self:
        """The pipeline for a series in another time zone."""
        holidays = self.holidays and replace(self.holidays, timezone=timezone)
        return replace(self, timezone=timezone, holidays=holidays)

    @property
    def known_columns(self) -> list[int]:
        """The columns of the known-future channels: levels first, then angles."""
        return [channel.column for channel in self._known("level") + self._known("angle")]

    @property
    def known_width(self) -> int:
        """Number of inputs that the known-future channels give for each row."""
        return len(self._known("level")) + 2 * len(self._known("angle"))

    @property
    def future_width(self) -> int:
        """Number of known inputs of each step ahead."""
        return self.known_width + FLAGS * (self.holidays is not None)

    @property
    def width(self) -> int:
        """Number of features."""
        angles = len(self._having("angle"))
        masks = sum(channel.masked for channel in self.channels)
        flags = FLAGS * (self.holidays is not None)
        return len(self.standardizer.mean) + 2 * angles + masks + 2 * len(self.cycles) + flags

    def empty_tail(self) -> Values:
        """The tail before a series' first row: `(memory_rows, columns)` of NaN."""
        return np.full((self.memory_rows, self.columns), np.nan)

    def transform(self, tail: Values, times: Times, rows: Values) -> tuple[Floats, Values]:
        """Compute the features of new rows.

        Args:
            tail: `(memory_rows, columns)`, the filled rows before the first new one.
            times: `(rows,)`, UTC.
            rows: `(rows, columns)` in original units; NaN is missing.

        Returns:
            Features `(rows, features)` of float32 without NaN, and the filled rows
            `(memory_rows + rows, columns)`; their last `memory_rows` are the next tail.
        """
        filled = last_observed(np.concatenate([tail, rows]))
        return self._features(filled, times, rows), filled

    def pieces(self, tail: Values, times: Times, rows: Values) -> Iterator[Piece]:
        """`transform` of a whole series in pieces, which bounds intermediate memory."""
        for first in range(0, len(rows), ROWS_PER_PIECE):
            piece = slice(first, min(first + ROWS_PER_PIECE, len(rows)))
            features, filled = self.transform(tail, times[piece], rows[piece])
            tail = filled[-self.memory_rows :]
            yield piece, features, filled

    def tail_after(self, tail: Values, rows: Values) -> Values:
        """The last filled rows, `(memory_rows, columns)`, once more rows have followed a tail."""
        for first in range(0, len(rows), ROWS_PER_PIECE):
            piece = rows[first : first + ROWS_PER_PIECE]
            tail = last_observed(np.concatenate([tail, piece]))[-self.memory_rows :]
        return tail.copy()

    def _features(self, filled: Values, times: Times, rows: Values) -> Floats:
        scaled = self.standardizer.apply(self.unscaled(filled))
        parts: list[Values] = [
            scaled,
            self._angles(filled[self.memory_rows :], self._having("angle")),
            self._masks(rows),
            self._cycles(times),
            self.flags(times).astype(float),
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def known(self, filled: Values) -> Floats:
        """The head's inputs for rows ahead, from the known-future channels.

        Args:
            filled: `(..., columns)` without gaps; only `known_columns` are read.

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
        """Holiday flags at times of any shape: `(..., 3)`, or `(..., 0)` without holidays."""
        if self.holidays is None:
            return np.empty((*times.shape, 0), np.float32)
        return self.holidays.at(times)

    def unscaled(self, filled: Values) -> Values:
        """Levels, log returns and changes in original units, the standardizer's input.

        Args:
            filled: `(memory_rows + rows, columns)` without gaps.

        Returns:
            `(rows, levels + log returns + spans * changing channels)`; NaN where a needed
            row lies before the first value.
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

    def unscaled_pieces(self, rows: Values) -> Iterator[Values]:
        """`unscaled` of a series from its first row, in pieces."""
        tail = self.empty_tail()
        for first in range(0, len(rows), ROWS_PER_PIECE):
            piece = rows[first : first + ROWS_PER_PIECE]
            filled = last_observed(np.concatenate([tail, piece]))
            tail = filled[-self.memory_rows :]
            yield self.unscaled(filled)

    def _logged(self, filled: Values) -> Values:
        """Filled rows with the columns of log returns replaced by their logarithms."""
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
        """The pipeline as JSON values."""
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
        """The pipeline that `to_json` stored."""
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
    """Replace values that no arithmetic can use with NaN.

    Args:
        rows: `(rows, channels)` in original units.
        positive: Columns in which only values above 0 are valid: targets whose log return is
            predicted.

    Returns:
        `(rows, channels)` without infinite values: `rows` itself if nothing is replaced, since
        copying the rows of a long series is expensive.
    """
    unusable = np.isinf(rows)
    unusable[:, positive] |= rows[:, positive] <= 0
    return np.where(unusable, np.nan, rows) if unusable.any() else rows
