"""Routes of a series' history: list its revisions and corrections, restore a revision."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import Body, Query, Response

from app.db import to_microseconds
from app.dependencies import DatabaseDependency
from app.edge.routing import ServiceRouter
from app.errors import IdempotencyKeyReused, NothingToRestore, SeriesNotFound, UnknownChannel
from app.forecasts.after_write import after_write
from app.idempotency import Answer, OnceOnlyDependency
from app.pagination import Page, PageRequest, Paging
from app.problems import documented
from app.series import revisions, undo
from app.series.observation_schemas import CausedForecast
from app.series.revision_schemas import (
    CorrectionRead,
    CorrectionsQuery,
    Restored,
    RestoreRequest,
    RevisionRead,
)
from app.series.revisions import CorrectionCursor
from app.series.selection import columns_of
from app.series.service import get_series, lock_series
from app.series.storage import row_reader
from app.series.tables import SeriesRevision

router = ServiceRouter(tags=["observations"])


@router.get("/series/{name}/revisions", responses=documented(SeriesNotFound))
def list_revisions(name: str, database: DatabaseDependency, paging: Paging) -> Page[RevisionRead]:
    """List the writes to a series, newest first; each can be read back and restored."""
    with database.reading() as session:
        series = get_series(session, name)
        statement = sa.select(SeriesRevision).where(SeriesRevision.series_id == series.id)
        newest = paging.select(statement, SeriesRevision.revision, descending=True)
        rows = session.scalars(newest).all()
    return paging.page(rows, key=lambda row: row.revision, read=RevisionRead.model_validate)


@router.get("/series/{name}/corrections", responses=documented(SeriesNotFound, UnknownChannel))
def list_corrections(
    name: str, database: DatabaseDependency, query: Annotated[CorrectionsQuery, Query()]
) -> Page[CorrectionRead]:
    """List the values that later writes replaced or deleted, by time, revision and channel."""
    paging = PageRequest(limit=query.limit, cursor=query.cursor)
    after = paging.after(str)
    with database.reading() as session:
        series = get_series(session, name)
        found = revisions.list_corrections(
            session,
            series,
            columns_of(series, tuple(query.channels)),
            start=to_microseconds(query.start) if query.start else row_reader.FIRST_TIME,
            end=to_microseconds(query.end) if query.end else row_reader.LAST_TIME,
            after=None if after is None else CorrectionCursor.parse(after),
            limit=query.limit + 1,
        )
    return paging.page(found, key=lambda item: str(item[0]), read=lambda item: item[1])


@router.post(
    "/series/{name}/restore",
    response_model=Restored,
    responses=documented(SeriesNotFound, NothingToRestore, IdempotencyKeyReused),
)
def restore(
    name: str,
    database: DatabaseDependency,
    once_only: OnceOnlyDependency,
    body: Annotated[RestoreRequest | None, Body()] = None,
) -> Response:
    """Restore a past revision as a new one; the revisions between stay readable.

    Without a revision the last write is undone, and a second call would undo that. Send an
    `Idempotency-Key` to retry safely, or name the revision. Like every write it scores earlier
    forecasts, and every deployed version stores its next forecast.
    """
    asked = body or RestoreRequest(revision=None)

    def bring_back() -> Answer:
        series = lock_series(session, name)
        written = undo.restore(session, series, asked.revision)
        forecasts = after_write(session, series, written)
        return Answer(
            200,
            Restored(
                rows_stored=written.rows_stored,
                rows_updated=written.rows_updated,
                rows_deleted=written.rows_deleted,
                revision=written.revision,
                forecasts=[CausedForecast.model_validate(each) for each in forecasts],
            ),
        )

    with database.transaction() as session:
        return once_only.run(session, bring_back)
