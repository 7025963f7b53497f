"""Routes of what is live: performance, and checks of the kept states."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from app.dependencies import DatabaseDependency
from app.errors import AliasNotFound, IdempotencyKeyReused, ModelNotFound, SeriesNotFound
from app.idempotency import Answer, OnceOnlyDependency
from app.jobs.schemas import JobRead
from app.jobs.views import read_job
from app.live.checking import request_check
from app.problems import documented
from app.registry.queries import VERSION_ERRORS
from app.scores.performance import performance
from app.scores.schemas import CheckCreate, Performance, PerformanceQuery

router = APIRouter(tags=["models"])


@router.get(
    "/models/{name}/performance",
    responses=documented(*VERSION_ERRORS, AliasNotFound, SeriesNotFound),
)
def show_performance(
    name: str,
    database: DatabaseDependency,
    query: Annotated[PerformanceQuery, Query()],
) -> Performance:
    """Show how the forecasts turned out: error, skill, coverage and width, per lead and pooled.

    Of a model of classes: accuracy, log loss and Brier score, beside those of the class prior,
    the class frequencies of the training rows.

    Forecasts made from the last complete step count, once their truth has come; of several from
    the same origin the last one counts. The windows end at the newest scored step of the model on
    the series, so that versions are compared over the same days, and a series that is written
    in batches is not empty. Beside each figure stands the test error of the training.
    """
    with database.reading() as session:
        return performance(session, name, query)


@router.post(
    "/models/{name}/checks",
    status_code=202,
    response_model=JobRead,
    responses=documented(ModelNotFound, SeriesNotFound, IdempotencyKeyReused),
)
def check_states(
    name: str,
    database: DatabaseDependency,
    once_only: OnceOnlyDependency,
    body: Annotated[CheckCreate | None, Body()] = None,
) -> Response:
    """Compare the kept states of all versions with a replay of their series from the start.

    A state that differs is made again. The job's result has a line for each state, with the
    largest difference found.
    """
    asked = body or CheckCreate(series=None)

    def queue() -> Answer:
        job = request_check(session, name, asked.series)
        return Answer(202, read_job(session, job), location=f"/v1/jobs/{job.id}")

    with database.transaction() as session:
        return once_only.run(session, queue)
