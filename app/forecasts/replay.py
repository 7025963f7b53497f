"""Replay of a stored forecast: made anew from the data that it was made from, and compared."""

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
from app.registry.artefacts import forecasters
from app.registry.tables import ModelVersion
from app.series.tables import Series
from app.times import to_numpy
from models.errors import ForecastingError
from models.serving.batching import run_one
from models.serving.forecast import Forecast

# What streaming and replay may differ by, as a share of the largest number of the forecast: the
# network counts in float32, and a sum of many steps is not rounded as that of each.
TOLERANCE = 1e-6


def replay_forecast(session: Session, key: str) -> dict[str, Any]:
    """Recompute a stored forecast from the series' start, at the revision it was made on.

    Returns:
        `identical`, `max_abs_difference` (null if it cannot be made any more) and a sentence.

    Raises:
        ForecastNotFound: If there is no such forecast.
    """
    stored = session.scalar(sa.select(StoredForecast).where(StoredForecast.key == key))
    if stored is None:
        raise ForecastNotFound(f"There is no forecast with the id {key!r}.")
    body = json.loads(stored.body)
    try:
        made = _recompute(session, stored, body)
    except (ForecastingError, ServiceError) as error:
        return _result(None, f"The forecast cannot be made again. {error}")
    again = with_intervals(points_of(made), bounds_of(made), DEFAULT_LEVELS)
    if [_place(point) for point in again] != [_place(point) for point in body["points"]]:
        return _result(None, "The forecast made again is for other moments than the stored one.")
    return _compared(_numbers(body["points"]), _numbers(again))


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
    """The known-future values that the forecast was made with, `(leads, channels)`."""
    given = body["known_future"]
    return None if given is None else np.array([row[1:] for row in given["rows"]], float)


def _place(point: dict[str, Any]) -> tuple[Any, ...]:
    return point["time"], point["target"], sorted(point)


def _numbers(points: list[dict[str, Any]]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Every number of the points: values and bounds, or probabilities."""
    names = sorted(set(points[0]) - {"time", "target", "lead", "class", "probabilities"})
    rows = [
        [*(point[name] for name in names), *point.get("probabilities", {}).values()]
        for point in points
    ]
    return np.array(rows, float)


def _compared(
    stored: "np.ndarray[Any, np.dtype[np.float64]]", again: "np.ndarray[Any, np.dtype[np.float64]]"
) -> dict[str, Any]:
    difference = float(np.nanmax(np.abs(stored - again)))
    allowed = TOLERANCE * max(1.0, float(np.nanmax(np.abs(stored))))
    if difference == 0:
        return _result(difference, "Made again from the same data, every number is the same.")
    if difference <= allowed:
        return _result(
            difference,
            "Made again from the same data, the forecast is the same but for the rounding of "
            f"float32: no number differs by more than {difference:.2g}.",
        )
    return _result(
        difference,
        f"Made again from the same data, a number differs by {difference:.2g}, more than rounding "
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
