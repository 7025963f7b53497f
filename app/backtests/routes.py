"""Routes of backtests: request, list and read them, as JSON or CSV."""

from typing import Annotated, Any

from fastapi import Body, Header, Response
from fastapi.responses import StreamingResponse

from app.backtests import points, service
from app.backtests.queries import BacktestRow, backtest_rows, get_backtest
from app.backtests.schemas import (
    BacktestClassPoint,
    BacktestCreate,
    BacktestPoint,
    BacktestQueued,
    BacktestRead,
    BacktestSummary,
)
from app.backtests.tables import Backtest
from app.dependencies import DatabaseDependency
from app.edge.routing import ServiceRouter
from app.errors import (
    BacktestNotFound,
    BacktestNotSucceeded,
    IdempotencyKeyReused,
    ModelNotFound,
    SeriesNotInPanel,
)
from app.idempotency import Answer, OnceOnlyDependency
from app.pagination import Page, Paging
from app.problems import documented
from app.registry.forecaster_cache import FORECASTER_ERRORS
from app.registry.queries import VERSION_ERRORS, get_model
from app.series.service import LOADING_ERRORS
from models.backtesting.points import ClassPoints, Points, ValuePoints

router = ServiceRouter(tags=["backtests"], prefix="/models/{name}/backtests")

Accept = Annotated[str, Header(description="`application/json` or `text/csv`.")]
BOTH_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": BacktestRead,
        "description": "The figures as JSON, or all points as CSV, by `Accept`.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


@router.post(
    "",
    status_code=202,
    response_model=BacktestQueued,
    responses=documented(
        *VERSION_ERRORS,
        *FORECASTER_ERRORS,
        *LOADING_ERRORS,
        SeriesNotInPanel,
        IdempotencyKeyReused,
    ),
)
def create_backtest(
    name: str,
    database: DatabaseDependency,
    once_only: OnceOnlyDependency,
    body: Annotated[BacktestCreate | None, Body()] = None,
) -> Response:
    """Queue a backtest: forecasts from many past origins, each from earlier rows only.

    Without `refit_every` the stored network forecasts from all origins in one pass over the series.
    With it the network is retrained at intervals, on rows before its origins only; for a panel on
    all series up to that moment.
    """
    repeated = once_only.repeated(database)
    if repeated is not None:
        return repeated
    request = body or BacktestCreate()
    checked = service.check_request(database, name, request)
    with database.transaction() as session:

        def queue() -> Answer:
            queued = service.request_backtest(session, name, request, checked)
            return Answer(202, queued, location=f"/v1/jobs/{queued.job.id}")

        return once_only.run(session, queue)


@router.get("", responses=documented(ModelNotFound))
def list_backtests(
    name: str, database: DatabaseDependency, paging: Paging
) -> Page[BacktestSummary]:
    """List a model's backtests, newest first."""
    statement = paging.select(backtest_rows(name), Backtest.id, descending=True)
    with database.reading() as session:
        get_model(session, name)
        rows = session.execute(statement).all()
        return paging.page(rows, key=lambda row: row[0].id, read=_summary)


@router.get(
    "/{backtest_id}",
    response_class=Response,
    responses={**BOTH_FORMS, **documented(ModelNotFound, BacktestNotFound, BacktestNotSucceeded)},
)
def get_one_backtest(
    name: str, backtest_id: str, database: DatabaseDependency, accept: Accept = "application/json"
) -> Response:
    """Show a backtest's figures per target and lead, or with `Accept: text/csv` all its points."""
    with database.reading() as session:
        row = get_backtest(session, name, backtest_id)
        if "text/csv" in accept.lower():
            lines = points.csv_lines(service.read_points(row[0], row[4]))
            return StreamingResponse(lines, media_type="text/csv", headers=_VARIES)
        read = BacktestRead(**_summary(row).model_dump(), report=row[0].report)
    return Response(read.model_dump_json(), media_type="application/json", headers=_VARIES)


@router.get(
    "/{backtest_id}/points",
    responses=documented(ModelNotFound, BacktestNotFound, BacktestNotSucceeded),
)
def list_points(
    name: str, backtest_id: str, database: DatabaseDependency, paging: Paging
) -> Page[BacktestPoint | BacktestClassPoint]:
    """List the points of a backtest in the order of origin, lead and target."""
    first = paging.after(int)
    start = 0 if first is None else max(0, first + 1)
    with database.reading() as session:
        row = get_backtest(session, name, backtest_id)
        stored = service.read_points(row[0], row[4])
    found = enumerate(points.rows(stored, start, start + paging.limit + 1), start)
    schema = _SCHEMAS[type(stored)]
    return paging.page(
        list(found), key=lambda each: each[0], read=lambda each: schema.model_validate(each[1])
    )


_VARIES = {"Vary": "Accept"}
_SCHEMAS: dict[type[Points], type[BacktestPoint | BacktestClassPoint]] = {
    ValuePoints: BacktestPoint,
    ClassPoints: BacktestClassPoint,
}


def _summary(row: BacktestRow) -> BacktestSummary:
    backtest, model, version, series, job = row
    return BacktestSummary(
        id=backtest.id,
        model=model.name,
        version=version.number,
        series=series.name,
        state=job.state,
        error=job.error,
        data_revision=backtest.data_revision,
        panel_revisions=backtest.panel_revisions,
        request=backtest.request,
        created_at=backtest.created_at,
    )
