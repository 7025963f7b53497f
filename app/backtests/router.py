"""Routes of backtests: ask for, list, read; JSON or CSV."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Response
from fastapi.responses import StreamingResponse

from app.backtests import service
from app.backtests.points import COLUMNS
from app.backtests.queries import BacktestRow, backtest_rows, get_backtest
from app.backtests.schemas import (
    BacktestCreate,
    BacktestPoint,
    BacktestQueued,
    BacktestRead,
    BacktestSummary,
)
from app.backtests.tables import Backtest
from app.dependencies import DatabaseDependency
from app.errors import Conflict, Invalid, NotFound, documented
from app.idempotency import Answer, OnceOnlyDependency
from app.pagination import Page, Paging
from app.registry.queries import get_model

router = APIRouter(tags=["backtests"], prefix="/models/{name}/backtests")

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
    responses=documented(NotFound, Conflict, Invalid),
)
def create_backtest(
    name: str,
    database: DatabaseDependency,
    once_only: OnceOnlyDependency,
    body: Annotated[BacktestCreate | None, Body()] = None,
) -> Response:
    """Queue a backtest: forecasts from many past origins, each knowing only what came before.

    Without `refit_every` the stored network forecasts from all origins in one pass over the
    series; with it a network is trained again on the way, on rows before its origins only.
    """
    with database.transaction() as session:

        def queue() -> Answer:
            queued = service.request_backtest(session, name, body or BacktestCreate())
            return Answer(202, queued, location=f"/v1/jobs/{queued.job.id}")

        return once_only.run(session, queue)


@router.get("", responses=documented(NotFound))
def list_backtests(
    name: str, database: DatabaseDependency, paging: Paging
) -> Page[BacktestSummary]:
    """List a model's backtests, newest first."""
    statement = backtest_rows(name)
    after = paging.after(str)
    if after is not None:
        statement = statement.where(Backtest.id < after)
    with database.reading() as session:
        get_model(session, name)
        rows = session.execute(statement.limit(paging.limit + 1)).all()
        return paging.page(rows, key=lambda row: row[0].id, read=_summary)


@router.get(
    "/{backtest_id}",
    response_class=Response,
    responses={**BOTH_FORMS, **documented(NotFound, Conflict)},
)
def get_one_backtest(
    name: str, backtest_id: str, database: DatabaseDependency, accept: Accept = "application/json"
) -> Response:
    """Show a backtest's figures per target and lead; by `Accept: text/csv` all its points."""
    with database.reading() as session:
        row = get_backtest(session, name, backtest_id)
        if "text/csv" in accept.lower():
            points = service.read_points(row[0], row[4])
            return StreamingResponse(points.csv(), media_type="text/csv", headers=_VARIES)
        read = BacktestRead(**_summary(row).model_dump(), report=row[0].report)
    return Response(read.model_dump_json(), media_type="application/json", headers=_VARIES)


@router.get("/{backtest_id}/points", responses=documented(NotFound, Conflict))
def list_points(
    name: str, backtest_id: str, database: DatabaseDependency, paging: Paging
) -> Page[BacktestPoint]:
    """List the points of a backtest in the order of origin, lead and target."""
    first = paging.after(int)
    start = 0 if first is None else max(0, first + 1)
    with database.reading() as session:
        row = get_backtest(session, name, backtest_id)
        points = service.read_points(row[0], row[4])
    found = [
        {"number": start + offset, **dict(zip(COLUMNS, fields, strict=True))}
        for offset, fields in enumerate(points.rows(start, start + paging.limit + 1))
    ]
    return paging.page(found, key=lambda point: int(point["number"]), read=_point)


_VARIES = {"Vary": "Accept"}


def _point(fields: dict[str, Any]) -> BacktestPoint:
    return BacktestPoint.model_validate({name: fields[name] for name in COLUMNS})


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
        request=backtest.request,
        created_at=backtest.created_at,
    )
