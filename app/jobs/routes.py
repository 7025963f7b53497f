"""Routes of jobs: list, show, cancel and follow them, and download checkpoints."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated

import anyio.to_thread
import sqlalchemy.exc
from fastapi import Depends, Header, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.db import Database
from app.dependencies import DatabaseDependency
from app.edge.limits import MOST_64_BIT
from app.edge.routing import ServiceRouter
from app.errors import CheckpointNotFound, JobAlreadyEnded, JobNotFound
from app.jobs import service
from app.jobs.events import events_after
from app.jobs.schemas import JobRead
from app.jobs.tables import UNFINISHED, Job, JobEvent, JobState
from app.jobs.views import read_job
from app.pagination import Page, Paging
from app.problems import documented

logger = logging.getLogger(__name__)

router = ServiceRouter(tags=["jobs"])

POLLING_SECONDS = 0.3


@router.get("/jobs")
def list_jobs(
    database: DatabaseDependency,
    paging: Paging,
    state: Annotated[JobState | None, Query(description="Only jobs in this state.")] = None,
    kind: Annotated[str | None, Query(description="Only jobs of this kind.")] = None,
    model: Annotated[str | None, Query(description="Only jobs of this model.")] = None,
) -> Page[JobRead]:
    """List jobs, newest first."""
    with database.reading() as session:
        wanted = service.jobs_where(state=state, kind=kind, model=model)
        jobs = session.scalars(paging.select(wanted, Job.id, descending=True)).all()
        return paging.page(jobs, key=lambda job: job.id, read=lambda job: read_job(session, job))


@router.get("/jobs/{job_id}", responses=documented(JobNotFound))
def get_job(job_id: str, database: DatabaseDependency) -> JobRead:
    """Show a job and its progress."""
    with database.reading() as session:
        return read_job(session, service.get_job(session, job_id))


@router.get(
    "/jobs/{job_id}/checkpoint",
    response_class=Response,
    responses=documented(JobNotFound, CheckpointNotFound),
)
def download_checkpoint(job_id: str, database: DatabaseDependency) -> Response:
    """Download the last checkpoint of an unfinished or failed job, a NumPy `.npz` file.

    `best_0`, `best_1`, ... are the weights of the best epoch in the order of the network's
    layers, `trainable_*` those of the last epoch; `meta` is JSON with the epochs and their losses.
    """
    with database.reading() as session:
        content = service.get_checkpoint(session, job_id)
    disposition = {"Content-Disposition": f'attachment; filename="{job_id}.npz"'}
    return Response(content, media_type="application/octet-stream", headers=disposition)


@router.post(
    "/jobs/{job_id}/cancel",
    status_code=202,
    responses={
        200: {"model": JobRead, "description": "The job is cancelled."},
        **documented(JobNotFound, JobAlreadyEnded),
    },
)
def cancel_job(job_id: str, database: DatabaseDependency, response: Response) -> JobRead:
    """Cancel a job: 200 if it is cancelled at once, 202 if its worker stops it."""
    with database.transaction() as session:
        job = read_job(session, service.request_cancel(session, job_id))
    if job.state is JobState.CANCELLED:
        response.status_code = 200
    return job


def existing_job(job_id: str, database: DatabaseDependency) -> str:
    """The id of an existing job; checked first, because a started stream cannot answer 404."""
    with database.reading() as session:
        return service.get_job(session, job_id).id


@router.get(
    "/jobs/{job_id}/events",
    response_class=EventSourceResponse,
    responses=documented(JobNotFound),
)
async def follow_job(
    job: Annotated[str, Depends(existing_job)],
    database: DatabaseDependency,
    last_event_id: Annotated[
        int,
        Header(
            le=MOST_64_BIT,
            description="The id of the last event received; the stream continues after it.",
        ),
    ] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Follow a job through server-sent events: `state` and `progress`, each with the whole job.

    The stream starts with the past events and ends when the job ends.
    """
    seen, over = last_event_id, False
    while not over:
        events, over = await anyio.to_thread.run_sync(_read_events, database, job, seen)
        for event in events:
            yield ServerSentEvent(id=str(event.sequence), event=event.event, data=event.data)
            seen = event.sequence
        if not over:
            await anyio.sleep(POLLING_SECONDS)


def _read_events(database: Database, job_id: str, seen: int) -> tuple[list[JobEvent], bool]:
    """The events after the last received one, and whether they are the last of the job."""
    try:
        with database.reading() as session:
            job = session.get(Job, job_id)
            return events_after(session, job_id, seen), job is None or job.state not in UNFINISHED
    except sqlalchemy.exc.OperationalError:
        # Later events are more useful to the client than an error.
        logger.warning("the database did not answer; the stream of job %s continues", job_id)
        return [], False
