"""The input and the result of data-quality checks, independent of files and databases."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import Times, Values

Column = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

EXAMPLES = 5
# A channel's scale is estimated from about this many of its values.
SAMPLE_ROWS = 4_096
# Rows that are more than this many usual steps apart are not neighbours.
_LONGEST_STEP = 1.5
# Larger arrays are not copied as a whole.
_SMALL_BYTES = 32 * 1024 * 1024
_BLOCK_ROWS = 2_048


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a user of the data should know.

    Args:
        code: One of `finding_codes.CODES`.
        message: A sentence.
        count: The number of values or channels that it is about.
        places: Rows and columns of a few of them; None for all columns of a row.
        channels: Settings that would resolve it, by channel.
    """

    code: str
    message: str
    count: int
    places: tuple[tuple[int, int | None], ...] = ()
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def suggestion(self) -> dict[str, Any] | None:
        """The settings as the body of a PATCH of the series."""
        if not self.channels:
            return None
        return {"channels": [{"name": name} | given for name, given in self.channels.items()]}


class Sample:
    """A series' rows in time order, with the settings of its channels.

    Args:
        names: The channels.
        is_market: Whether the rows are bars.
        times: Strictly increasing.
        timezone: The zone that times without an offset were read in.
        values: One column for each channel; NaN is missing.
        known: The channels' settings by name, if there are any.
    """

    def __init__(
        self,
        names: list[str],
        times: Times,
        values: Values,
        *,
        timezone: str = "UTC",
        is_market: bool = False,
        known: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.names = names
        self.times = times
        self.values = values
        self.timezone = timezone
        self.is_market = is_market
        self.known = known or {}
        is_small = values.nbytes <= _SMALL_BYTES and values.flags.c_contiguous
        self._columns = _by_columns(values) if is_small else None

    def channel(self, column: int) -> "Channel":
        """One channel, with its values contiguous in memory."""
        name = self.names[column]
        values = self.values[:, column] if self._columns is None else self._columns[column]
        return Channel(name, np.ascontiguousarray(values), self.known.get(name, {}))

    @cached_property
    def is_near(self) -> Mask:
        """For each row but the last: whether the next one is the usual step away."""
        steps = np.diff(self.times).astype(np.int64)
        if not len(steps):
            return np.zeros(0, dtype=bool)
        usual = np.median(steps[:: max(len(steps) // SAMPLE_ROWS, 1)])
        return np.asarray(steps <= _LONGEST_STEP * usual)


def _by_columns(values: Values) -> Values:
    """The values transposed, copied in blocks that fit into the processor's cache."""
    columns = np.empty(values.shape[::-1])
    for start in range(0, len(values), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        columns[:, block] = values[block].T
    return columns


class Channel:
    """The values of one channel with the statistics that several checks need."""

    def __init__(self, name: str, values: Column, known: dict[str, Any]) -> None:
        self.name = name
        self.values = values
        self.known = known
        lowest = float(values.min())
        # The minimum is NaN if any value is; most channels have no missing values.
        self.present = values[~np.isnan(values)] if np.isnan(lowest) else values
        self.lowest = float(self.present.min()) if len(self.present) else np.nan
        self.highest = float(self.present.max()) if len(self.present) else np.nan

    @property
    def missing(self) -> int:
        """The number of missing values."""
        return len(self.values) - len(self.present)

    @property
    def is_empty(self) -> bool:
        """Whether all values are missing."""
        return not len(self.present)

    @property
    def is_constant(self) -> bool:
        """Whether all values are equal."""
        return self.lowest == self.highest

    @cached_property
    def sample(self) -> Column:
        """Values spread evenly over the channel, sorted."""
        return np.sort(self.present[:: max(len(self.present) // SAMPLE_ROWS, 1)])

    def without(self, numbers: list[float]) -> "Channel":
        """The channel with the given numbers as missing values."""
        if not numbers:
            return self
        values = np.where(np.isin(self.values, numbers), np.nan, self.values)
        return Channel(self.name, values, self.known)


def listed(remarks: dict[str, str]) -> str:
    """Channels with a remark about each, for a sentence."""
    return ", ".join(f"{name} ({remark})" for name, remark in remarks.items())
