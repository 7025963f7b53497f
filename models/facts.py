"""What a spec is checked against: the facts of a series, and its rows at a forecaster's cadence."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.cadence import Cadence
from models.calendars import learn_calendar
from models.errors import SpecError
from models.resampling import GridRule
from models.series import Channel, Kind, SeriesData, Times, Values
from models.spec import SplitSpec
from models.splits import Splits, split_bounds


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What one channel holds; infinite values count as missing.

    Args:
        name: The channel's name.
        angular: Whether it is a direction in degrees.
        missing_share: The share of rows without a value.
        constant: Whether all values are the same; also if there is none.
        minimum: The smallest value, or None without values.
        first: When the first value was observed, or None.
        last: When the last value was observed, or None.
    """

    name: str
    angular: bool
    missing_share: float
    constant: bool
    minimum: float | None
    first: np.datetime64 | None
    last: np.datetime64 | None

    @classmethod
    def of(cls, channel: Channel, times: Times, column: Values) -> Self:
        """Look at one column of a series."""
        present = np.flatnonzero(np.isfinite(column))
        if len(present) == 0:
            return cls(channel.name, channel.angular, 1.0, True, None, None, None)
        values = column[present]
        return cls(
            name=channel.name,
            angular=channel.angular,
            missing_share=1 - len(present) / len(column),
            constant=bool(values.min() == values.max()),
            minimum=float(values.min()),
            first=times[present[0]],
            last=times[present[-1]],
        )


@dataclass(frozen=True, slots=True, eq=False)
class SeriesFacts:
    """What a spec may depend on; made once from a whole series.

    Args:
        kind: What the rows are.
        channels: One entry per channel, in order.
        times: `(rows,)` of `datetime64[us]`, UTC.
        cadence: The usual step between rows.
        calendar: `"continuous"` or `"sessions"`.
        timezone: IANA name in which days and sessions are counted.
    """

    kind: Kind
    channels: tuple[ChannelFacts, ...]
    times: Times
    cadence: str
    calendar: str
    timezone: str

    @classmethod
    def from_data(cls, data: SeriesData) -> Self:
        """Look at every channel of a series."""
        channels = tuple(
            ChannelFacts.of(channel, data.times, data.values[:, column])
            for column, channel in enumerate(data.channels)
        )
        return cls(data.kind, channels, data.times, data.cadence, data.calendar, data.timezone)

    @property
    def rows(self) -> int:
        """The number of observations."""
        return len(self.times)

    @property
    def names(self) -> list[str]:
        """The channels' names in order."""
        return [channel.name for channel in self.channels]

    @property
    def varying(self) -> list[ChannelFacts]:
        """The channels that hold at least two different values."""
        return [channel for channel in self.channels if not channel.constant]

    def channel(self, name: str) -> ChannelFacts | None:
        """The channel of that name, if there is one."""
        return next((channel for channel in self.channels if channel.name == name), None)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The rows that a spec's forecaster would step through.

    Args:
        step: The step between rows.
        times: `(rows,)` of `datetime64[us]`, UTC.
        phases: How many ways there are to begin a row: 6 for hours made of 10 minutes.
        season_steps: Rows in the next natural cycle; 1 if there is none.
        splits: The parts of the rows, or None if the split cannot work.
    """

    step: Cadence
    times: Times
    phases: int
    season_steps: int
    splits: Splits | None

    @classmethod
    def of(cls, facts: SeriesFacts, step: Cadence, split: SplitSpec) -> Self:
        """Lay out a series at a cadence.

        Raises:
            DataError: If the series has no rows, an unknown calendar or zone, or far too many
                rows at this step.
        """
        cadence = Cadence.parse(facts.cadence)
        calendar = learn_calendar(facts.times, cadence, facts.calendar, facts.timezone)
        rule = GridRule(cadence, step, calendar, (), "last")
        times = rule.grid(facts.times, np.empty((facts.rows, 0))).times
        season = rule.row_calendar(times).season_steps if len(times) else 1
        return cls(step, times, rule.phases, season, _splits(times, split))

    @property
    def training_rows(self) -> int:
        """Rows of the training part; all rows while the split cannot work."""
        train = slice(0, len(self.times)) if self.splits is None else self.splits.train
        return int(train.stop - train.start)

    @property
    def held_out_rows(self) -> dict[str, int]:
        """Rows of validation and test, where there are any."""
        if self.splits is None:
            return {}
        parts = {"validation": self.splits.validation, "test": self.splits.test}
        return {
            name: part.stop - part.start for name, part in parts.items() if part.stop > part.start
        }


def _splits(times: Times, split: SplitSpec) -> Splits | None:
    try:
        return split_bounds(times, split)
    except SpecError:
        return None
