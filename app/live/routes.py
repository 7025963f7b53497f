"""Route of live states: check them against a replay."""

from typing import Annotated

from fastapi import Body, Response

from app.dependencies import DatabaseDependency
from app.edge.routing import ServiceRouter
from app.errors import IdempotencyKeyReused, ModelNotFound, SeriesNotFound
from app.idempotency import Answer, OnceOnlyDependency
from app.jobs.schemas import JobRead
from app.jobs.views import queued_answer
from app.live.checking import request_check
from app.live.schemas import CheckCreate
from app.problems import documented

router = ServiceRouter(tags=["models"])


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
    """Compare the stored states of all versions with a replay of their series from the start.

    A state that differs is replaced by the replay. The job's result has a line for each state, with
    the largest difference found.
    """
    request = body or CheckCreate(series=None)

    def queue() -> Answer:
        job = request_check(session, name, request.series)
        return queued_answer(session, job)

    with database.transaction() as session:
        return once_only.run(session, queue)
