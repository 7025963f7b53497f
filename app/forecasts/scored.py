"""Stored forecasts as they are read back: with what came of their points."""

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.forecasts.issuing import Answer
from app.forecasts.tables import StoredForecast
from app.live.tables import ForecastScore
from app.times import to_numpy, to_wire

SCORE_COLUMNS = (
    ForecastScore.actual,
    ForecastScore.error,
    ForecastScore.inside_80,
    ForecastScore.inside_95,
)


def read_forecast(session: Session, key: str) -> Answer:
    """A stored forecast: its very bytes, until something came that it had predicted.

    Raises:
        NotFound: If there is no such forecast.
    """
    statement = sa.select(StoredForecast.id, StoredForecast.body)
    row = session.execute(statement.where(StoredForecast.key == key)).first()
    if row is None:
        raise NotFound(f"There is no forecast with the id {key!r}.")
    columns = (ForecastScore.time, ForecastScore.target, ForecastScore.revision, *SCORE_COLUMNS)
    scores = session.execute(
        sa.select(*columns).where(
            ForecastScore.forecast_id == row.id, ForecastScore.revision.is_not(None)
        )
    ).all()
    if not scores:
        return Answer(key, row.body)
    # A score changes only with the revision that it was made at, and never goes back to none.
    tag = f"{key}-{len(scores)}-{max(score.revision for score in scores)}"
    return Answer(tag, _with_scores(row.body, scores))


def _with_scores(body: str, scores: Any) -> str:
    """The text with `actual`, `error` and `inside_...` at every point; null where none came yet."""
    names = [column.key for column in SCORE_COLUMNS]
    found = {
        (to_wire(to_numpy(score.time)), score.target): {
            name: getattr(score, name) for name in names
        }
        for score in scores
    }
    nothing = dict.fromkeys(names)
    answer = json.loads(body)
    points = [
        {**point, **found.get((point["time"], point["target"]), nothing)}
        for point in answer["points"]
    ]
    return json.dumps({**answer, "points": points})
