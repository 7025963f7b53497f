"""Routes of held rows: list them, store them, delete them."""

import sqlalchemy as sa

from app.dependencies import DatabaseDependency
from app.edge.routing import ServiceRouter
from app.errors import HeldRowNotFound, SeriesNotFound
from app.ingest import held_rows
from app.ingest.held_schemas import HeldRowIds, HeldRowRead, HeldRowsDiscarded
from app.pagination import Page, Paging
from app.problems import documented
from app.series.observation_schemas import CausedForecast, ObservationsWritten
from app.series.service import get_series, lock_series
from app.series.tables import HeldRow

router = ServiceRouter(tags=["observations"])


@router.get("/series/{name}/quarantine", responses=documented(SeriesNotFound))
def list_held_rows(name: str, database: DatabaseDependency, paging: Paging) -> Page[HeldRowRead]:
    """List implausible live rows that wait for a decision, oldest first.

    Rows wait here if the series has `"implausible": "hold"`. They are not in the series.
    """
    with database.reading() as session:
        series = get_series(session, name)
        statement = sa.select(HeldRow).where(HeldRow.series_id == series.id)
        rows = session.scalars(paging.select(statement, HeldRow.id)).all()
    return paging.page(rows, key=lambda row: row.id, read=HeldRowRead.from_row)


@router.post(
    "/series/{name}/quarantine:confirm", responses=documented(SeriesNotFound, HeldRowNotFound)
)
def confirm_held_rows(
    name: str, body: HeldRowIds, database: DatabaseDependency
) -> ObservationsWritten:
    """Store held rows as a usual write does: score forecasts, advance states, forecast."""
    with database.transaction() as session:
        series = lock_series(session, name)
        written, forecasts = held_rows.confirm(session, series, body.ids)
    return ObservationsWritten(
        rows_stored=sum(each.rows_stored for each in written),
        rows_updated=sum(each.rows_updated for each in written),
        revision=series.revision,
        forecasts=[CausedForecast.model_validate(each) for each in forecasts],
    )


@router.post(
    "/series/{name}/quarantine:discard", responses=documented(SeriesNotFound, HeldRowNotFound)
)
def discard_held_rows(
    name: str, body: HeldRowIds, database: DatabaseDependency
) -> HeldRowsDiscarded:
    """Delete held rows; the series does not change."""
    with database.transaction() as session:
        series = lock_series(session, name)
        return HeldRowsDiscarded(rows_discarded=held_rows.discard(session, series, body.ids))
