"""A series on the grids of its phases, before features are fitted."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import Times, Values
from models.features.dataset import Track
from models.features.features import clean_rows
from models.features.series_fit import FitRule, SeriesFit
from models.grid.resampling import GridRule
from models.grid.splits import split_bounds
from models.series import Channel, SeriesData
from models.spec.spec import Spec


@dataclass(frozen=True, slots=True)
class Borders:
    """Times at which the parts of a split begin."""

    train: np.datetime64
    validation: np.datetime64
    test: np.datetime64

    def track(self, times: Times, offset: int = 0, series: int = 0) -> Track:
        """Row numbers of the parts in a track whose first row has the number `offset`."""
        starts = np.searchsorted(times, np.array([self.train, self.validation, self.test]))
        train, validation, test = (offset + starts).tolist()
        return Track(train, validation, test, offset + len(times), series)


@dataclass(frozen=True, slots=True)
class GriddedSeries:
    """A series on its grids, one per phase, with clean rows and the borders of its parts.

    Args:
        data: The series.
        values: `(observations, channels)`, the channels that are read.
        rule: How observations become rows.
        times: Row times of each phase's grid, UTC.
        rows: `(rows, channels)` of each phase's grid, in original units; NaN is missing.
        borders: Times at which the parts begin.
    """

    data: SeriesData
    values: Values
    rule: GridRule
    times: list[Times]
    rows: list[Values]
    borders: Borders

    @classmethod
    def of(
        cls, spec: Spec, data: SeriesData, channels: tuple[Channel, ...], positive: list[int]
    ) -> Self:
        """Put a series on the grids of a spec's cadence; `positive` columns are above 0."""
        values = _of_channels(data, channels)
        step = spec.cadence or data.cadence
        rule = GridRule.learn(data, channels, step, spec.aggregate or "last")
        grids = [rule.grid(data.times, values, phase=phase) for phase in range(rule.phases)]
        rows = [clean_rows(grid.values, positive) for grid in grids]
        times = [grid.times for grid in grids]
        return cls(data, values, rule, times, rows, _borders(spec, data, rule))

    @property
    def track(self) -> Track:
        """Row numbers of the parts in the first phase."""
        return self.borders.track(self.times[0])

    @property
    def seen(self) -> slice:
        """The training rows of the first phase."""
        return slice(*self.track.span("train"))

    @property
    def training_rows(self) -> Values:
        """The first phase's training rows, `(rows, channels)`."""
        return self.rows[0][self.seen]

    def fit(self, rule: FitRule) -> SeriesFit:
        """Learn grid and scales from the training rows."""
        return rule.fit(
            self.data.name, self.data.timezone, self.rule, self.times[0], self.training_rows
        )


def _of_channels(data: SeriesData, channels: tuple[Channel, ...]) -> Values:
    """The channels' values, `(rows, channels)`; not a copy if all channels are wanted."""
    if channels == data.channels:
        return data.values
    return data.values[:, [data.channel_names.index(each.name) for each in channels]]


def _borders(spec: Spec, data: SeriesData, rule: GridRule) -> Borders:
    times, observed = rule.observed_rows(data.times, data.has_value)
    bounds = split_bounds(times, spec.split, observed)
    end = times[-1] + np.timedelta64(1, "us")
    starts = [bounds.train.start, bounds.validation.start, bounds.test.start]
    return Borders(*(times[row] if row < len(times) else end for row in starts))
