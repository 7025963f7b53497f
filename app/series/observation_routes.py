"""Routes of observations: write rows, delete ranges, read them in any form."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from app.dependencies import DatabaseDependency
from app.errors import Conflict, Invalid, NotFound, documented
from app.live.appending import after_write
from app.pagination import PageRequest
from app.series import formats, observations, undoing
from app.series.observation_schemas import (
    CausedForecast,
    ObservationsDeleted,
    ObservationsQuery,
    ObservationsRead,
    ObservationsWrite,
    ObservationsWritten,
    RangeQuery,
)
from app.series.observations import Selection
from app.series.service import get_series, lock_series

router = APIRouter(tags=["observations"])

ALL_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ObservationsRead,
        "description": "The rows in the form of `format`.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            formats.ARROW_STREAM: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.put("/series/{name}/observations", responses=documented(NotFound, Conflict, Invalid))
def put_observations(
    name: str, body: ObservationsWrite, database: DatabaseDependency
) -> ObservationsWritten:
    """Insert rows or replace those of the same times; columns left out keep their values.

    In the same transaction, earlier forecasts of these times are scored, and every deployed
    version (one that an alias points to) reads on and stores its next forecast.
    """
    with database.transaction() as session:
        series = lock_series(session, name)
        written = observations.put_observations(session, series, body)
        forecasts = after_write(session, series, written)
    return ObservationsWritten(
        rows_stored=written.rows_stored,
        rows_updated=written.rows_updated,
        revision=written.revision,
        forecasts=[CausedForecast.model_validate(each) for each in forecasts],
    )


@router.delete("/series/{name}/observations", responses=documented(NotFound, Invalid))
def delete_observations(
    name: str, database: DatabaseDependency, query: Annotated[RangeQuery, Query()]
) -> ObservationsDeleted:
    """Delete the rows of a range of times; earlier revisions still read back with them.

    A write with a revision of its own: scores of the deleted times are taken back, and every
    deployed version reads the series anew from there and stores its forecast.
    """
    with database.transaction() as session:
        series = lock_series(session, name)
        written = undoing.delete_range(session, series, query.start, query.end)
        forecasts = after_write(session, series, written)
    return ObservationsDeleted(
        rows_deleted=written.rows_deleted,
        revision=written.revision,
        forecasts=[CausedForecast.model_validate(each) for each in forecasts],
    )


@router.get(
    "/series/{name}/observations",
    response_class=Response,
    responses={**ALL_FORMS, **documented(NotFound, Invalid)},
)
def get_observations(
    name: str,
    database: DatabaseDependency,
    query: Annotated[ObservationsQuery, Query()],
) -> Response:
    """Read rows in the order of time."""
    wanted = Selection(query.start, query.end, tuple(query.channels), query.as_of_revision)
    is_page = query.format == "json" and query.max_points is None
    after = PageRequest(limit=query.limit, cursor=query.cursor).after(int)
    with database.reading() as session:
        series = get_series(session, name)
        rows = query.limit + 1 if is_page else None
        found = observations.select(session, series, wanted, after=after, limit=rows)
    if query.max_points is not None:
        found = observations.thinned(found, query.max_points)
    if query.format == "csv":
        return StreamingResponse(formats.as_csv(found), media_type="text/csv")
    if query.format == "arrow":
        return Response(formats.as_arrow(found), media_type=formats.ARROW_STREAM)
    content = formats.as_json(found, limit=query.limit if is_page else None)
    return Response(content, media_type="application/json")
