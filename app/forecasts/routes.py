"""Routes of forecasts: make, poll, list and read them, as JSON or CSV."""

import csv
import io
import json
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Body, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from app.csv_cells import neutralize
from app.dependencies import DatabaseDependency, SettingsDependency
from app.edge.routing import ServiceRouter
from app.entity_tags import cache_headers, matches
from app.errors import (
    BatchTooLarge,
    DatabaseFull,
    DeletedMeanwhile,
    ForecastNotFound,
    IdempotencyKeyReused,
    KnownFutureMissing,
    ModelNotFound,
    NoForecastYet,
    NoIntervals,
    NoTrainedVersion,
    OriginNotForecastable,
    SeriesIncompatible,
    SeriesNotForecastable,
)
from app.forecasts import batches, service
from app.forecasts.issuing import ForecastBody
from app.forecasts.queries import summaries
from app.forecasts.replay import replay_forecast
from app.forecasts.schemas import (
    ForecastBatch,
    ForecastCreate,
    ForecastRead,
    ForecastsRead,
    ForecastSummary,
)
from app.forecasts.tables import StoredForecast
from app.forecasts.views import read_forecast
from app.idempotency import Answer, OnceOnlyDependency
from app.pagination import Page, Paging
from app.problems import documented, problem_details
from app.registry.forecaster_cache import FORECASTER_ERRORS
from app.registry.queries import VERSION_ERRORS, is_version
from app.registry.tables import Model
from app.series.service import LOADING_ERRORS
from app.series.tables import Series

router = ServiceRouter(tags=["forecasts"])

Accept = Annotated[str, Header(description="`application/json` or `text/csv`.")]
BOTH_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ForecastRead,
        "description": "The forecast, as JSON or as CSV by `Accept`.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}
# What can keep a version from forecasting a series.
FORECAST_ERRORS = (
    *FORECASTER_ERRORS,
    *LOADING_ERRORS,
    SeriesNotForecastable,
    SeriesIncompatible,
)
UNCHANGED = {"description": "The forecast is the one named in `If-None-Match`."}


@router.post(
    "/models/{name}/forecasts",
    response_class=Response,
    responses={
        **BOTH_FORMS,
        **documented(
            *VERSION_ERRORS,
            *FORECAST_ERRORS,
            OriginNotForecastable,
            KnownFutureMissing,
            NoIntervals,
        ),
    },
)
def create_forecast(
    name: str,
    database: DatabaseDependency,
    body: Annotated[ForecastCreate | None, Body()] = None,
    accept: Accept = "application/json",
) -> Response:
    """Forecast from the last complete step, or from an earlier origin."""
    return _response(service.forecast(database, name, body or ForecastCreate()), accept)


@router.post(
    "/forecasts:batch",
    response_model=ForecastsRead,
    responses=documented(BatchTooLarge, IdempotencyKeyReused),
)
def create_forecasts(
    request: Request,
    body: ForecastBatch,
    database: DatabaseDependency,
    settings: SettingsDependency,
    once_only: OnceOnlyDependency,
) -> Response:
    """Forecast with many models and series in one call.

    Answers have the order of the requests. Each is the forecast, as the route for one model returns
    it, or `{"error": {...}}` with the problem that this route would return. Items of the same
    version share network runs, and equal items share one stored forecast.
    """
    if len(body.requests) > settings.forecast_batch_items:
        raise BatchTooLarge(
            f"`requests` must be at most {settings.forecast_batch_items} items long. "
            f"Received: {len(body.requests)}"
        )
    explain = partial(problem_details, request)
    batch = batches.make(database, body)
    if once_only.key is None and not batch.unstored:
        return _json(batches.answer(batch.requests, batch.made, explain))
    with database.transaction() as session:
        return once_only.run(
            session, lambda: Answer(200, batches.store_all(session, batch, explain))
        )


@router.get(
    "/models/{name}/forecasts/latest",
    response_class=Response,
    responses={
        **BOTH_FORMS,
        304: UNCHANGED,
        # It stores the forecast if it is the first to ask for it.
        **documented(
            ModelNotFound,
            NoTrainedVersion,
            *FORECAST_ERRORS,
            NoForecastYet,
            DeletedMeanwhile,
            DatabaseFull,
        ),
    },
)
def latest_forecast(
    name: str,
    database: DatabaseDependency,
    series: Annotated[
        str | None, Query(description="The series to forecast; by default the model's first.")
    ] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    accept: Accept = "application/json",
) -> Response:
    """Show the forecast from the last complete step; poll it with `If-None-Match`.

    For a version with known-future channels that is the last one requested with values.
    """
    return _response(service.latest(database, name, series), accept, if_none_match)


@router.get("/forecasts")
def list_forecasts(
    database: DatabaseDependency,
    paging: Paging,
    model: str | None = None,
    series: str | None = None,
    version: Annotated[
        str | None,
        Query(description="A number, an alias, or `latest` for the newest trained version."),
    ] = None,
) -> Page[ForecastSummary]:
    """List the stored forecasts, newest first."""
    statement = summaries()
    for column, value in ((Model.name, model), (Series.name, series)):
        if value is not None:
            statement = statement.where(column == value)
    if version is not None:
        statement = statement.where(is_version(version))
    statement = paging.select(statement, StoredForecast.id, descending=True)
    with database.reading() as session:
        rows = session.execute(statement).all()
    return paging.page(rows, key=lambda row: int(row.id), read=_summary)


@router.get(
    "/forecasts/{forecast_id}",
    response_class=Response,
    responses={**BOTH_FORMS, 304: UNCHANGED, **documented(ForecastNotFound)},
)
def get_forecast(
    forecast_id: str,
    database: DatabaseDependency,
    replay: Annotated[
        bool, Query(description="Recompute it from the data of its revision, and compare.")
    ] = False,
    if_none_match: Annotated[str | None, Header()] = None,
    accept: Accept = "application/json",
) -> Response:
    """Show a stored forecast; after its first observation, with a score at each point.

    The entity tag changes whenever a score does. With `?replay=true` the answer is
    `{forecast, replay: {identical, max_abs_difference, sentence}}`: the forecast is recomputed from
    the start of the series, at the forecast's revision, and every number is compared. Differences
    up to one millionth are float32 rounding.
    """
    with database.reading() as session:
        answer = read_forecast(session, forecast_id)
        replayed = replay_forecast(session, forecast_id) if replay else None
    if replayed is not None:
        return JSONResponse({"forecast": json.loads(answer.body), "replay": replayed})
    return _response(answer, accept, if_none_match)


def _summary(row: sa.Row[int, str, str, int, str, datetime, int, datetime]) -> ForecastSummary:
    fields = row._asdict()
    return ForecastSummary.model_validate({**fields, "id": row.key})


def _response(answer: ForecastBody, accept: str, if_none_match: str | None = None) -> Response:
    if matches(if_none_match, answer.key):
        return Response(status_code=304, headers=cache_headers(answer.key))
    if "text/csv" in accept.lower():
        return Response(_csv(answer.body), media_type="text/csv", headers=cache_headers(answer.key))
    return Response(answer.body, media_type="application/json", headers=cache_headers(answer.key))


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


def _csv(body: str) -> str:
    points = [_flat(point) for point in json.loads(body)["points"]]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(points[0]))
    writer.writeheader()
    writer.writerows({name: neutralize(cell) for name, cell in point.items()} for point in points)
    return text.getvalue()


def _flat(point: dict[str, Any]) -> dict[str, Any]:
    """A point as one CSV row: each class has a column `probability_...`."""
    shares = point.pop("probabilities", {})
    return {**point, **{f"probability_{name}": share for name, share in shares.items()}}
