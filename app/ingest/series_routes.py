"""Routes of series: create, list, show, change, delete, check the quality."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import Query, Response

from app.calendars import service as calendars
from app.dependencies import DatabaseDependency
from app.edge.routing import ServiceRouter
from app.errors import (
    CalendarUnavailable,
    IdempotencyKeyReused,
    JobAlreadyEnded,
    SeriesExists,
    SeriesInUse,
    SeriesNotFound,
    UnknownChannel,
)
from app.forecasts.after_write import after_write
from app.idempotency import Answer, OnceOnlyDependency
from app.ingest import (
    deletion,
)
from app.pagination import Page, Paging
from app.problems import documented
from app.series import quality, service
from app.series.observation_schemas import CausedForecast, SeriesUpdated
from app.series.quality_schemas import QualityRead
from app.series.schemas import SeriesCreate, SeriesRead, SeriesUpdate
from app.series.tables import Series

router = ServiceRouter(tags=["series"])


@router.post(
    "/series",
    status_code=201,
    response_model=SeriesRead,
    responses=documented(SeriesExists, CalendarUnavailable, IdempotencyKeyReused),
)
def create_series(
    body: SeriesCreate, database: DatabaseDependency, once_only: OnceOnlyDependency
) -> Response:
    """Create an empty series.

    The sessions of an exchange are read when its code is first used, which may take seconds.
    """

    def create() -> Answer:
        created = SeriesRead.from_row(service.create_series(session, body))
        return Answer(201, created, f"/v1/series/{created.name}")

    calendars.prepare(database, body.calendar)
    with database.transaction() as session:
        return once_only.run(session, create)


@router.get("/series")
def list_series(database: DatabaseDependency, paging: Paging) -> Page[SeriesRead]:
    """List the series by name."""
    statement = paging.select(sa.select(Series), Series.name)
    with database.reading() as session:
        rows = list(session.scalars(statement))
    return paging.page(rows, key=lambda series: series.name, read=SeriesRead.from_row)


@router.get("/series/{name}", responses=documented(SeriesNotFound))
def show_series(name: str, database: DatabaseDependency) -> SeriesRead:
    """Show a series: its channels, step, span and revision."""
    with database.reading() as session:
        return SeriesRead.from_row(service.get_series(session, name))


@router.patch(
    "/series/{name}",
    responses=documented(SeriesNotFound, CalendarUnavailable, UnknownChannel),
)
def update_series(name: str, body: SeriesUpdate, database: DatabaseDependency) -> SeriesUpdated:
    """Change settings; changed missing-value numbers apply to stored rows too, in a revision.

    Trained versions keep the time zone and the calendar that they were trained with.
    """
    calendars.prepare(database, body.calendar)
    with database.transaction() as session:
        series, found = service.update_series(session, name, body)
        caused = [] if found is None else after_write(session, series, found.written)
        return SeriesUpdated(
            **SeriesRead.from_row(series).model_dump(),
            rows_updated=0 if found is None else found.written.rows_updated,
            made_missing={} if found is None else +found.made_missing,
            brought_back={} if found is None else +found.brought_back,
            forecasts=[CausedForecast.model_validate(one) for one in caused],
        )


@router.delete(
    "/series/{name}",
    status_code=204,
    responses=documented(SeriesNotFound, SeriesInUse, JobAlreadyEnded),
)
def delete_series(
    name: str,
    database: DatabaseDependency,
    force: Annotated[bool, Query(description="Delete the models that use it as well.")] = False,
) -> None:
    """Delete a series with all its rows, past values and uploads."""
    with database.freeing() as session:
        deletion.delete_series(session, name, force=force)


@router.get("/series/{name}/quality", responses=documented(SeriesNotFound, CalendarUnavailable))
def show_quality(name: str, database: DatabaseDependency) -> QualityRead:
    """Check the stored rows: step, gaps, missing values, broken bars, suspicious numbers.

    Placeholders for missing values, units and directions are offered as settings: send a finding's
    `suggestion` as the body of a PATCH of the series.
    """
    with database.reading() as session:
        return quality.describe(session, service.get_series(session, name))
