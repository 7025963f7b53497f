"""Routes of observations: write rows, delete ranges, read rows in several formats."""

from typing import Annotated, Any

from fastapi import Header, Query, Response
from fastapi.responses import StreamingResponse

from app.dependencies import DatabaseDependency
from app.edge.routing import ServiceRouter
from app.entity_tags import cache_headers, matches
from app.errors import (
    ChannelsDiffer,
    ChannelsMissing,
    SeriesNotFound,
    UnknownChannel,
    UnknownRevision,
)
from app.forecasts.after_write import after_write
from app.ingest import appending
from app.ingest.plausibility.checking import RowIssue
from app.problems import documented
from app.series import query_results, undo
from app.series.column_cache import ColumnCacheDependency
from app.series.formats import FILE_EXTENSIONS, MEDIA_TYPES
from app.series.observation_schemas import (
    MOST_ISSUES,
    CausedForecast,
    LiveIssue,
    ObservationsDeleted,
    ObservationsQuery,
    ObservationsRead,
    ObservationsWrite,
    ObservationsWritten,
    RangeQuery,
    ReadHeaders,
)
from app.series.service import get_series, lock_series
from app.times import to_datetime

router = ServiceRouter(tags=["observations"])

ALL_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ObservationsRead,
        "description": "The rows in the format of `format`.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            MEDIA_TYPES["arrow"]: {"schema": {"type": "string", "format": "binary"}},
            MEDIA_TYPES["parquet"]: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
UNCHANGED = {"description": "The rows are those of the tag in `If-None-Match`."}


@router.put(
    "/series/{name}/observations",
    responses=documented(SeriesNotFound, ChannelsDiffer, ChannelsMissing),
)
def put_observations(
    name: str, body: ObservationsWrite, database: DatabaseDependency
) -> ObservationsWritten:
    """Insert rows or replace those of the same times; columns left out keep their values.

    In the same transaction, earlier forecasts of these times are scored, and every deployed
    version (one that an alias points to) advances its state and stores its next forecast.

    The rows are looked at: values outside of a channel's `minimum` and `maximum`, values far from
    the recent rows or from what deployed versions expect, and times that are off the grid, finer
    than the cadence or while the calendar is closed are in `issues`. They are stored all the same,
    unless the series has `"implausible": "hold"`: then they wait in
    `GET /v1/series/{name}/quarantine`.
    """
    appended = appending.append(database, name, body)
    written = appended.written
    return ObservationsWritten(
        rows_stored=written.rows_stored,
        rows_updated=written.rows_updated,
        revision=written.revision,
        forecasts=[CausedForecast.model_validate(each) for each in appended.forecasts],
        issues=[_issue(each) for each in appended.issues[:MOST_ISSUES]],
        rows_with_issues=len({each.row for each in appended.issues}),
        rows_held=appended.rows_held,
    )


def _issue(found: RowIssue) -> LiveIssue:
    return LiveIssue(
        code=found.code,
        message=found.message,
        time=to_datetime(found.time),
        channel=found.channel,
        value=found.value,
    )


@router.delete("/series/{name}/observations", responses=documented(SeriesNotFound))
def delete_observations(
    name: str, database: DatabaseDependency, query: Annotated[RangeQuery, Query()]
) -> ObservationsDeleted:
    """Delete the rows of a range of times; earlier revisions still read back with them.

    This is a write with its own revision: scores of the deleted times are removed, and every
    deployed version reads the series again from there and stores its forecast.
    """
    with database.transaction() as session:
        series = lock_series(session, name)
        written = undo.delete_range(session, series, query.start, query.end)
        forecasts = after_write(session, series, written)
    return ObservationsDeleted(
        rows_deleted=written.rows_deleted,
        revision=written.revision,
        forecasts=[CausedForecast.model_validate(each) for each in forecasts],
    )


@router.get(
    "/series/{name}/observations",
    response_class=Response,
    responses={
        **ALL_FORMS,
        304: UNCHANGED,
        **documented(SeriesNotFound, UnknownChannel, UnknownRevision),
    },
)
def get_observations(
    name: str,
    database: DatabaseDependency,
    cache: ColumnCacheDependency,
    query: Annotated[ObservationsQuery, Query()],
    request_headers: Annotated[ReadHeaders, Header()],
) -> Response:
    """Read rows in time order: of any revision, downsampled, or in buckets.

    JSON comes in pages, except for charts (`max_points`). CSV, Arrow and Parquet hold all rows of
    one revision and are streamed. In CSV a name that a spreadsheet would run as a formula has an
    apostrophe before it, which an upload removes again.

    Only complete buckets of `every` are returned: one that later rows may still fall into is left
    out, and so is one without rows. Buckets shorter than a day are labelled with their end, as
    sensors label what they measured, and those of bars with their start; days, weeks and months
    with their first day. `start` and `end` select buckets by label.
    """
    with database.reading() as session:
        plan = query_results.plan_result(
            session, get_series(session, name), query, request_headers.accept
        )
    if matches(request_headers.if_none_match, plan.tag):
        return Response(status_code=304, headers=cache_headers(plan.tag))
    headers, media_type = cache_headers(plan.tag), MEDIA_TYPES[plan.form]
    if plan.form == "json":
        return Response(query_results.as_json(database, cache, plan), 200, headers, media_type)
    file_name = f"attachment; filename={name}.{FILE_EXTENSIONS[plan.form]}"
    headers["Content-Disposition"] = file_name
    return StreamingResponse(query_results.as_file(database, cache, plan), 200, headers, media_type)
