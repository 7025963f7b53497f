"""How observations become a forecaster's rows: the same in training and serving."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.arrays import Times, Values
from models.calendars.cadence import Cadence
from models.calendars.calendar import Calendar, Continuous, calendar_from_json, learn_calendar
from models.calendars.exchange import Exchange
from models.grid.grid import Grid, to_grid
from models.grid.summaries import Aggregate
from models.series import Channel, SeriesData


@dataclass(frozen=True, slots=True)
class GridRule:
    """The arguments of `to_grid` that belong to a series.

    Args:
        cadence: The step between observations.
        step: The step between rows.
        calendar: When observations are expected.
        channels: One entry per column.
        aggregate: How a row's observations are combined.
        bars: Whether observations are market bars, see `Bins`.
    """

    cadence: Cadence
    step: Cadence
    calendar: Calendar
    channels: tuple[Channel, ...]
    aggregate: Aggregate
    bars: bool

    @classmethod
    def learn(
        cls, data: SeriesData, channels: Sequence[Channel], step: str, aggregate: Aggregate
    ) -> Self:
        """Learn the calendar of a series.

        Args:
            data: The whole series.
            channels: The channels that are read.
            step: The cadence of rows, such as `"1h"`.
            aggregate: How a row's observations are combined.
        """
        cadence = Cadence.parse(data.cadence)
        calendar = learn_calendar(data.times, cadence, data.calendar, data.timezone, data.hours)
        bars = data.kind == "ohlc"
        return cls(cadence, Cadence.parse(step), calendar, tuple(channels), aggregate, bars)

    @property
    def phases(self) -> int:
        """Number of ways to place a row's beginning: 6 for hours made of 10 minutes."""
        resampled = isinstance(self.calendar, Continuous) and self.cadence != self.step
        fixed = self.cadence.fixed and self.step.fixed
        if resampled and fixed and self.step.is_multiple_of(self.cadence):
            return self.step.count // self.cadence.count
        return 1

    def grid(
        self, times: Times, values: Values, phase: int = 0, after: np.datetime64 | None = None
    ) -> Grid:
        """Rows from observations; the arguments are those of `to_grid`."""
        return to_grid(
            times,
            values,
            cadence=self.cadence,
            step=self.step,
            calendar=self.calendar,
            channels=self.channels,
            aggregate=self.aggregate,
            bars=self.bars,
            phase=phase,
            after=after,
        )

    def row_of(self, moment: np.datetime64) -> np.datetime64:
        """The time of the row that an observation makes: a rounded one may be before it."""
        if self.step != self.cadence or not isinstance(self.calendar, Continuous):
            return moment
        return self.calendar.nearest(np.array([moment]))[0] if self.calendar.rounds else moment

    def row_times(self, times: Times) -> Times:
        """The times of the rows that observations at `times` become."""
        return replace(self, channels=()).grid(times, np.empty((len(times), 0))).times

    def observed_rows(
        self, times: Times, has_value: npt.NDArray[np.bool_]
    ) -> tuple[Times, npt.NDArray[np.bool_]]:
        """The times of the rows, and which of them contain an observation with a value.

        Args:
            times: `(observations,)` of `datetime64[us]`, UTC, strictly increasing.
            has_value: `(observations,)`, whether a channel has a value.
        """
        value = np.where(has_value, 0.0, np.nan)[:, np.newaxis]
        rule = replace(self, channels=(Channel("value"),), aggregate="last")
        grid = rule.grid(times, value)
        return grid.times, ~np.isnan(grid.values[:, 0])

    def row_calendar(self, times: Times) -> Calendar:
        """When the next rows are expected, given the times of past rows."""
        if self.step == self.cadence:
            return self.calendar
        zone = self.calendar.timezone
        if isinstance(self.calendar, Exchange):
            hours = self.calendar.hours
            return learn_calendar(times, self.step, hours.code, zone, hours)
        kind = "continuous" if isinstance(self.calendar, Continuous) else "sessions"
        return learn_calendar(times, self.step, kind, zone)

    def to_json(self) -> dict[str, Any]:
        """The rule as JSON values."""
        return {
            "cadence": self.cadence.text,
            "step": self.step.text,
            "calendar": self.calendar.to_json(),
            "channels": [asdict(channel) for channel in self.channels],
            "aggregate": self.aggregate,
            "bars": self.bars,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The rule that `to_json` stored."""
        return cls(
            Cadence.parse(stored["cadence"]),
            Cadence.parse(stored["step"]),
            calendar_from_json(stored["calendar"]),
            tuple(Channel(**channel) for channel in stored["channels"]),
            stored["aggregate"],
            # Bundles made before bars had bins of their own lack this key.
            stored.get("bars", False),
        )
