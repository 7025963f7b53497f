"""Turn stored forecasts into answers, with the scores of their observed points."""

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import ForecastNotFound
from app.forecasts.issuing import ForecastBody
from app.forecasts.tables import StoredForecast
from app.scores.tables import AwaitedPoint, ClassScore, ForecastScore
from app.series.tables import Series

VALUE_FIGURES = ("actual", "error", "inside_80", "inside_95")
CLASS_FIGURES = (
    *("probability", "log_loss", "brier", "correct"),
    *("class_prior_probability", "class_prior_log_loss", "class_prior_brier", "majority_correct"),
)

Points = list[dict[str, Any]]
Scores = dict[tuple[int, str], Any]


def read_forecast(session: Session, key: str) -> ForecastBody:
    """A stored forecast: its stored text, or the same with scores once a point is observed.

    Raises:
        ForecastNotFound: If the forecast does not exist.
    """
    # The series tells the project.
    statement = sa.select(StoredForecast.id, StoredForecast.body).join(
        Series, Series.id == StoredForecast.series_id
    )
    row = session.execute(statement.where(StoredForecast.key == key)).first()
    if row is None:
        raise ForecastNotFound(f"The forecast {key!r} does not exist.")
    for table, with_scores in SCORED.items():
        scores = _scores(session, row.id, table)
        if scores:
            answer = json.loads(row.body)
            points = with_scores(answer["points"], scores)
            return ForecastBody(_tag(key, scores), json.dumps({**answer, "points": points}))
    return ForecastBody(key, row.body)


def _tag(key: str, scores: Scores) -> str:
    """An entity tag: a score changes only with its revision, and is never deleted alone."""
    return f"{key}-{len(scores)}-{max(score.revision for score in scores.values())}"


def _scores(session: Session, forecast_id: int, table: type[AwaitedPoint]) -> Scores:
    """The scores of the points, by lead and target."""
    statement = sa.select(table).where(
        table.forecast_id == forecast_id, table.revision.is_not(None)
    )
    return {(score.lead, score.target): score for score in session.scalars(statement)}


def _with_values(points: Points, scores: Scores) -> Points:
    """`actual`, `error` and `inside_...` at every point; null if it is not observed yet."""
    return [
        {**point, **{name: getattr(score, name, None) for name in VALUE_FIGURES}}
        for point in points
        for score in [scores.get((point["lead"], point["target"]))]
    ]


def _with_classes(points: Points, scores: Scores) -> Points:
    """Actual value, actual class and scores at every point; null if it is not observed yet."""
    return [
        {
            **point,
            "actual": getattr(score, "actual", None),
            "actual_class": _class(point, getattr(score, "code", None)),
            **{name: getattr(score, name, None) for name in CLASS_FIGURES},
        }
        for point in points
        for score in [scores.get((point["lead"], point["target"]))]
    ]


def _class(point: dict[str, Any], code: int | None) -> str | None:
    """The name of a class: a point has its probabilities in the order of the codes."""
    return None if code is None else list(point["probabilities"])[code]


# What each table adds to the points.
SCORED: dict[type[AwaitedPoint], Callable[[Points, Scores], Points]] = {
    ForecastScore: _with_values,
    ClassScore: _with_classes,
}
