"""Replay a stored forecast: recompute it from its data revision, and compare every number."""

import json
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.live.states as live
from app.errors import ForecastNotFound, ServiceError
from app.forecasts.intervals import DEFAULT_LEVELS, bounds_of, with_intervals
from app.forecasts.issuing import points_of
from app.forecasts.tables import StoredForecast
from app.registry.forecaster_cache import forecasters
from app.registry.tables import ModelVersion
from app.series.tables import Series
from app.times import to_numpy
from models.errors import ForecastingError
from models.serving.batching import run_one
from models.serving.forecast import Forecast

# Allowed difference between streaming and replay, relative to the forecast's largest number: the
# network computes in float32, and one long pass is rounded differently from many single steps.
TOLERANCE = 1e-6


def replay_forecast(session: Session, key: str) -> dict[str, Any]:
    """Recompute a stored forecast from the series' start, at the revision it was made on.

    Returns:
        `identical`, `max_abs_difference` (null if it cannot be computed again) and a sentence.

    Raises:
        ForecastNotFound: If the forecast does not exist.
    """
    statement = sa.select(StoredForecast).join(Series, Series.id == StoredForecast.series_id)
    stored = session.scalar(statement.where(StoredForecast.key == key))
    if stored is None:
        raise ForecastNotFound(f"The forecast {key!r} does not exist.")
    body = json.loads(stored.body)
    try:
        made = _recompute(session, stored, body)
    except (ForecastingError, ServiceError) as error:
        return _result(None, f"The forecast cannot be computed again. {error}")
    points = with_intervals(points_of(made), bounds_of(made), DEFAULT_LEVELS)
    if [_identity(point) for point in points] != [_identity(point) for point in body["points"]]:
        return _result(None, "The recomputed forecast has other times than the stored one.")
    return _compare(_numbers(body["points"]), _numbers(points))


def _recompute(session: Session, stored: StoredForecast, body: dict[str, Any]) -> Forecast:
    version = session.get_one(ModelVersion, stored.version_id)
    series = session.get_one(Series, stored.series_id)
    forecaster = forecasters.get_trained(session, version.id, version.job_id)
    origin = to_numpy(stored.origin)
    seen = live.replay(session, forecaster, series, at_revision=stored.data_revision)
    if seen.state.time != origin:
        seen = live.replay(
            session, forecaster, series, until=origin, at_revision=stored.data_revision
        )
    return run_one(seen.forecaster.forecast(seen.state, _known(body)))


def _known(body: dict[str, Any]) -> "np.ndarray[Any, np.dtype[np.float64]] | None":
    """The known-future values of the stored forecast, `(leads, channels)`."""
    given = body["known_future"]
    return None if given is None else np.array([row[1:] for row in given["rows"]], float)


def _identity(point: dict[str, Any]) -> tuple[Any, ...]:
    return point["time"], point["target"], sorted(point)


def _numbers(points: list[dict[str, Any]]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """All numbers of the points: values and bounds, or probabilities."""
    names = sorted(set(points[0]) - {"time", "target", "lead", "class", "probabilities"})
    rows = [
        [*(point[name] for name in names), *point.get("probabilities", {}).values()]
        for point in points
    ]
    return np.array(rows, float)


def _compare(
    stored: "np.ndarray[Any, np.dtype[np.float64]]",
    recomputed: "np.ndarray[Any, np.dtype[np.float64]]",
) -> dict[str, Any]:
    difference = float(np.nanmax(np.abs(stored - recomputed)))
    allowed = TOLERANCE * max(1.0, float(np.nanmax(np.abs(stored))))
    if difference == 0:
        return _result(difference, "Recomputed from the same data, every number is the same.")
    if difference <= allowed:
        return _result(
            difference,
            "Recomputed from the same data, the forecast is the same within float32 rounding: the "
            f"largest difference is {difference:.2g}.",
        )
    return _result(
        difference,
        f"Recomputed from the same data, a number differs by {difference:.2g}, more than rounding "
        f"explains ({allowed:.2g}).",
        identical=False,
    )


def _result(
    difference: float | None, sentence: str, *, identical: bool | None = None
) -> dict[str, Any]:
    return {
        "identical": difference is not None if identical is None else identical,
        "max_abs_difference": difference,
        "sentence": sentence,
    }
