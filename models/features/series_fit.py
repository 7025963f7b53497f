"""The grid and scales of one series of a forecaster.

The network, the choice of features and the highway's weights are shared by all series.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from models.arrays import Times, Values
from models.calendars.calendar import Calendar, calendar_from_json
from models.features.features import FeaturePipeline
from models.features.fitting import fit_scales
from models.features.scaling import Standardizer, TargetScaling, Transform
from models.grid.resampling import GridRule


@dataclass(frozen=True, slots=True)
class SeriesFit:
    """Grid and scales of one series.

    Args:
        name: The series' name.
        timezone: IANA name of the zone in which its days, weeks and years are counted.
        rule: How its observations become rows.
        calendar: The times at which its rows are expected.
        standardizer: Scales its inputs.
        scaling: Scales its targets.
        observations: Number of first observations from which grid and scales were learnt; None
            for a training series, whose training rows they were learnt from.
    """

    name: str
    timezone: str
    rule: GridRule
    calendar: Calendar
    standardizer: Standardizer
    scaling: TargetScaling
    observations: int | None = None

    def pipeline(self, shared: FeaturePipeline) -> FeaturePipeline:
        """The feature pipeline of this series."""
        return replace(shared.in_zone(self.timezone), standardizer=self.standardizer)

    def to_json(self) -> dict[str, Any]:
        """The fit as JSON values."""
        return {
            "name": self.name,
            "timezone": self.timezone,
            "grid": self.rule.to_json(),
            "calendar": self.calendar.to_json(),
            "standardizer": self.standardizer.to_json(),
            "scaling": self.scaling.to_json(),
            "observations": self.observations,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The fit that `to_json` stored."""
        return cls(
            stored["name"],
            stored["timezone"],
            GridRule.from_json(stored["grid"]),
            calendar_from_json(stored["calendar"]),
            Standardizer.from_json(stored["standardizer"]),
            TargetScaling.from_json(stored["scaling"]),
            stored["observations"],
        )


@dataclass(frozen=True, slots=True)
class FitRule:
    """How every series of a forecaster is fitted.

    Args:
        pipeline: The choice of features; its scales and time zone are not used.
        targets: Columns of the targets.
        transform: The targets' transform.
        leads: Steps ahead, increasing.
        scaled: Whether inputs and targets are scaled.
    """

    pipeline: FeaturePipeline
    targets: Sequence[int]
    transform: Transform
    leads: Sequence[int]
    scaled: bool

    @property
    def positive(self) -> Sequence[int]:
        """Columns in which only values above 0 are valid."""
        return self.targets if self.transform == "log_return" else []

    def fit(
        self, name: str, timezone: str, rule: GridRule, times: Times, rows: Values
    ) -> SeriesFit:
        """Learn a series' calendar and scales.

        Args:
            name: The series' name.
            timezone: Its time zone.
            rule: How its observations become rows.
            times: `(rows,)` of the grid, for the calendar.
            rows: `(rows, channels)` in original units, for the scales; NaN is missing.
        """
        pipeline = self.pipeline.in_zone(timezone)
        return SeriesFit(
            name=name,
            timezone=timezone,
            rule=rule,
            calendar=rule.row_calendar(times),
            standardizer=fit_scales(pipeline, rows, scaled=self.scaled),
            scaling=TargetScaling.fit(
                self.transform, self.leads, rows[:, self.targets], scaled=self.scaled
            ),
        )
