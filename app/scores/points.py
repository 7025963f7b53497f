"""Forecast points that wait for their observation: what values and classes have in common."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.db import finite_or_none
from app.times import to_datetimes
from models.serving.forecast import Forecast


@dataclass(frozen=True, slots=True)
class ForecastRef:
    """Reference to a forecast that was just stored.

    Args:
        forecast_id: The id of its row.
        version_id: The id of its version.
        series_id: The id of its series.
        origin: The last step that it has read.
        is_live: Whether it was made from the last complete step. Only such forecasts count in a
            version's performance.
    """

    forecast_id: int
    version_id: int
    series_id: int
    origin: datetime
    is_live: bool


@dataclass(frozen=True, slots=True)
class Change:
    """The actual value of one target at one step; None if the observation is missing."""

    version_id: int
    time: datetime
    target: str
    actual: float | None


def future_points(
    made: Forecast, last_time: datetime | None
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """The points that are not observed yet.

    Args:
        made: The forecast.
        last_time: The series' last observation when it was made.

    Yields:
        Positions of lead and target, and the columns that identify the point.
    """
    leads = made.leads.tolist()
    naive = [finite_or_none(each) for each in made.naive.tolist()]
    for row, time in enumerate(to_datetimes(made.times)):
        if last_time is None or time > last_time:
            for column, target in enumerate(made.targets):
                keys = {"target": target, "lead": leads[row], "time": time}
                yield row, column, {**keys, "naive": naive[column]}
