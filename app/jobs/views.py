"""Build responses from rows of jobs and of workers."""

from sqlalchemy.orm import Session

from app.idempotency import Answer
from app.jobs.schemas import JobRead
from app.jobs.tables import Job, JobState
from app.jobs.workers import live_device_kinds


def read_job(session: Session, job: Job) -> JobRead:
    """The response for a job; for a queued one with the reason why it waits."""
    return JobRead.from_row(job, waiting=_waiting(session, job))


def queued_answer(session: Session, job: Job) -> Answer:
    """The answer to a request that has queued a job: 202 with the job and its address."""
    return Answer(202, read_job(session, job), location=f"/v1/jobs/{job.id}")


def _waiting(session: Session, job: Job) -> str | None:
    """Why none of the running workers can take a queued job."""
    if job.state is not JobState.QUEUED:
        return None
    kinds = live_device_kinds(session)
    if not kinds:
        return "No worker is running: the job waits in the queue until one is started."
    if job.device == "gpu" and "gpu" not in kinds:
        return (
            "The job asks for a GPU and no worker with one is running: it waits until one is "
            "started with `statecast worker --device gpu:0`."
        )
    return None
