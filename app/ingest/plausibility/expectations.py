"""What deployed versions expect at the times of new rows: their latest forecast's intervals."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Timestamp, from_microseconds
from app.registry.tables import Alias, Model, ModelVersion
from app.scores.tables import ForecastScore
from app.series.changes import Batch
from app.series.tables import Series


@dataclass(frozen=True, slots=True)
class Expected:
    """The 95 % interval of the latest forecast of one value.

    Args:
        lower: The interval's lower bound.
        upper: The interval's upper bound.
        version: The version that made it, as text.
    """

    lower: float
    upper: float
    version: str

    def is_far(self, value: float, widths: float) -> bool:
        """Whether a value lies that many widths of the interval beyond it."""
        margin = widths * (self.upper - self.lower)
        return not self.lower - margin <= value <= self.upper + margin


Expectations = dict[tuple[int, str], Expected]


def expectations(session: Session, series: Series, batch: Batch) -> Expectations:
    """The forecasts of deployed versions at the batch's times, by microseconds and target.

    Of several, the one with the smallest lead counts, and of several versions the first by name.
    """
    parameters = {
        "series_id": series.id,
        "first": from_microseconds(batch.times[0]),
        "last": from_microseconds(batch.times[-1]),
    }
    found: Expectations = {}
    for row in session.connection().execute(_STATEMENT, parameters):
        if row.cadence is None or row.cadence == series.cadence:
            key = (row.time, row.target)
            found.setdefault(key, Expected(row.lower_95, row.upper_95, _version(row)))
    return found


def _version(row: Any) -> str:
    return f"version {row.number} of {row.name}"


def _statement() -> sa.Select[*tuple[Any, ...]]:
    score = ForecastScore
    first, last = (sa.bindparam(name, type_=Timestamp) for name in ("first", "last"))
    deployed = sa.select(Alias.version_id)
    return (
        sa.select(
            sa.type_coerce(score.time, sa.BigInteger).label("time"),
            score.target,
            score.lower_95,
            score.upper_95,
            ModelVersion.number,
            Model.name,
            ModelVersion.spec["cadence"].as_string().label("cadence"),
        )
        .join(ModelVersion, ModelVersion.id == score.version_id)
        .join(Model, Model.id == ModelVersion.model_id)
        .where(
            score.version_id.in_(deployed),
            score.series_id == sa.bindparam("series_id", type_=sa.Integer),
            score.time.between(first, last),
            score.counted,
            score.upper_95 > score.lower_95,
        )
        .order_by(score.lead, Model.name, ModelVersion.number)
    )


# Built once, because every append to a series with forecasts runs it.
_STATEMENT = _statement()
