"""Scores of value forecasts: errors, and whether the intervals contain the actual values."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import finite_or_none
from app.scores.points import Change, future_points
from app.scores.tables import ForecastScore
from app.series.tables import Series
from models.arrays import Values
from models.serving.forecast import Forecast
from models.serving.forecaster import Forecaster
from models.serving.intervals import LEVELS

SCORED_LEVELS = (80, 95)


def open_points(made: Forecast, last_time: datetime | None) -> list[dict[str, Any]]:
    """The points of a value forecast that are not observed yet.

    Args:
        made: The forecast.
        last_time: The series' last observation when it was made.
    """
    columns = {"value": made.values}
    for side, bounds in (("lower", made.lower), ("upper", made.upper)):
        for level in SCORED_LEVELS:
            columns[f"{side}_{level}"] = _bound(made, bounds, level)
    lists = {
        name: [[finite_or_none(number) for number in row] for row in each.tolist()]
        for name, each in columns.items()
    }
    return [
        {**keys, **{name: each[row][column] for name, each in lists.items()}}
        for row, column, keys in future_points(made, last_time)
    ]


def score(
    session: Session,
    series: Series,
    readers: Mapping[int, Forecaster],
    changes: Sequence[Change],
) -> None:
    """Score the points at changed steps; an existing score changes only with its observation."""
    del readers
    rows = {
        present: [
            {
                "of_version": each.version_id,
                "of_series": series.id,
                "at": each.time,
                "of_target": each.target,
                "observed": each.actual,
                "seen_at": series.revision,
            }
            for each in changes
            if (each.actual is not None) == present
        ]
        for present in (True, False)
    }
    for present, statement in ((True, _SET), (False, _CLEAR)):
        if rows[present]:
            session.connection().execute(statement, rows[present])


def _bound(made: Forecast, bounds: Values | None, level: float) -> Values:
    return np.full(made.values.shape, np.nan) if bounds is None else bounds[LEVELS.index(level)]


def _of_the_point() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        ForecastScore.version_id == sa.bindparam("of_version"),
        ForecastScore.series_id == sa.bindparam("of_series"),
        ForecastScore.time == sa.bindparam("at", type_=ForecastScore.time.type),
        ForecastScore.target == sa.bindparam("of_target"),
    )


def _set() -> sa.Update:
    actual: sa.BindParameter[float] = sa.bindparam("observed", type_=sa.Double)
    inside = {
        f"inside_{level}": sa.and_(
            getattr(ForecastScore, f"lower_{level}") <= actual,
            getattr(ForecastScore, f"upper_{level}") >= actual,
        )
        for level in SCORED_LEVELS
    }
    is_changed = ForecastScore.actual.is_distinct_from(actual)
    return (
        sa.update(ForecastScore)
        .where(*_of_the_point(), is_changed)
        .values(
            actual=actual,
            error=ForecastScore.value - actual,
            naive_error=ForecastScore.naive - actual,
            revision=sa.bindparam("seen_at"),
            **inside,
        )
    )


def _clear() -> sa.Update:
    empty = ("actual", "error", "naive_error", *(f"inside_{level}" for level in SCORED_LEVELS))
    return (
        sa.update(ForecastScore)
        .where(*_of_the_point(), ForecastScore.actual.is_not(None))
        .values(**dict.fromkeys(empty), revision=sa.bindparam("seen_at"))
    )


# Built once, because every append runs them.
_SET = _set()
_CLEAR = _clear()
