"""What versions expect of new rows: the intervals of their latest forecasts, and the times."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Timestamp, from_microseconds
from app.live.tables import KeptState
from app.registry.tables import Alias, Model, ModelVersion
from app.scores.tables import SCORE_TABLES, AwaitedPoint, ForecastScore
from app.series.changes import Batch
from app.series.storage.binary_copy import Microseconds
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
    found: Expectations = {}
    for row in session.connection().execute(_STATEMENT, _parameters(series, batch.times)):
        if row.cadence is None or row.cadence == series.cadence:
            key = (row.time, row.target)
            found.setdefault(key, Expected(row.lower_95, row.upper_95, _version(row)))
    return found


def forecast_times(session: Session, series: Series, times: Microseconds) -> set[int]:
    """The times between the first and the last one that forecasts of any version named."""
    parameters = _parameters(series, times)
    return {
        time for statement in _TIMES for time in session.connection().scalars(statement, parameters)
    }


def _parameters(series: Series, times: Microseconds) -> dict[str, Any]:
    first, last = (from_microseconds(times[place]) for place in (0, -1))
    return {"series_id": series.id, "first": first, "last": last}


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


def _times(table: type[AwaitedPoint]) -> sa.Select[int]:
    first, last = (sa.bindparam(name, type_=Timestamp) for name in ("first", "last"))
    of_series = sa.bindparam("series_id", type_=sa.Integer)
    readers = sa.select(KeptState.version_id).where(KeptState.series_id == of_series)
    return (
        sa.select(sa.type_coerce(table.time, sa.BigInteger))
        .where(
            table.version_id.in_(readers),
            table.series_id == of_series,
            table.time.between(first, last),
        )
        .distinct()
    )


# Built once, because appends to series with forecasts run them.
_STATEMENT = _statement()
_TIMES = tuple(_times(table) for table in SCORE_TABLES)
