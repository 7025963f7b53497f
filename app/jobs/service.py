"""Jobs as the web process sees them: queued, listed, cancelled."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Session

from app.db import utc_now
from app.errors import CheckpointNotFound, JobAlreadyEnded, JobNotFound
from app.jobs.events import append_event, change
from app.jobs.tables import LIGHT_KINDS, UNFINISHED, Job, JobCheckpoint, JobState
from app.jobs.workers import is_live

__all__ = [
    "add_parent",
    "cancel",
    "cancel_children",
    "count_waiting_for_gpu",
    "enqueue",
    "get_job",
    "jobs_where",
    "parent_has_ended",
    "request_cancel",
]


def enqueue(
    session: Session,
    kind: str,
    subject: dict[str, Any],
    *,
    device: str | None = None,
    parent_id: str | None = None,
) -> Job:
    """Queue a job in the caller's transaction: both are committed, or neither.

    Args:
        session: The caller's transaction.
        kind: Which handler does it.
        subject: What it works on, as plain JSON.
        device: `gpu` for workers with one only, `cpu` for the CPU of any; None for whatever
            device the worker has that is free first.
        parent_id: The job that this one is a part of.
    """
    # Imported with the first job: a web process that only serves forecasts never needs it.
    from app.jobs import queue

    job = _add(session, Job(kind=kind, subject=subject, device=device, parent_id=parent_id))
    others = queue.LIGHT_QUEUE if kind in LIGHT_KINDS else queue.QUEUE
    queue.enqueue(session, job.id, queue.GPU_QUEUE if device == "gpu" else others)
    return job


def add_parent(session: Session, kind: str, subject: dict[str, Any]) -> Job:
    """A job that no worker takes: its children are the work, and the last one ends it."""
    return _add(session, Job(kind=kind, subject=subject))


def cancel_children(session: Session, job_id: str) -> None:
    """Cancel what is left of a job that has ended.

    A child whose row is locked is being written by its worker, who may wait for the parent's
    row that we hold. It is left out: the worker asks for the parent before it goes on.
    """
    children = (
        sa.select(Job.id)
        .where(Job.parent_id == job_id, Job.state.in_(UNFINISHED))
        .with_for_update(skip_locked=True)
    )
    for child_id in session.scalars(children).all():
        request_cancel(session, child_id)


def parent_has_ended() -> sa.ColumnElement[bool]:
    """Whether the job of the statement is a child whose parent has ended."""
    parent = orm.aliased(Job)
    ended = sa.select(parent.id).where(parent.id == Job.parent_id, parent.state.not_in(UNFINISHED))
    return ended.correlate(Job).exists()


def count_waiting_for_gpu(session: Session) -> int:
    """How many queued jobs ask for a GPU."""
    asking = sa.and_(Job.state == JobState.QUEUED, Job.device == "gpu")
    return session.scalar(sa.select(sa.func.count()).select_from(Job).where(asking)) or 0


def get_job(session: Session, job_id: str) -> Job:
    """The job of this id.

    Raises:
        JobNotFound: If there is none.
    """
    job = session.get(Job, job_id)
    if job is None:
        raise JobNotFound(f"There is no job {job_id!r}.")
    return job


def get_checkpoint(session: Session, job_id: str) -> bytes:
    """What a job that has not succeeded saved last.

    Raises:
        JobNotFound: If there is no such job.
        CheckpointNotFound: If nothing of it is kept.
    """
    job = get_job(session, job_id)
    found = session.scalar(sa.select(JobCheckpoint.data).where(JobCheckpoint.job_id == job.id))
    if found is None:
        why = _kept_nothing(job.state)
        raise CheckpointNotFound(f"The job {job_id} has no checkpoint: it {why}.")
    return found


def forget_checkpoints(session: Session, jobs: sa.ColumnElement[bool]) -> None:
    """Delete what failed jobs have kept."""
    found = sa.select(Job.id).where(jobs)
    session.execute(sa.delete(JobCheckpoint).where(JobCheckpoint.job_id.in_(found)))


def jobs_where(
    *, state: JobState | None = None, kind: str | None = None, model: str | None = None
) -> sa.Select[Job]:
    """The jobs that fit every argument that is given."""
    statement = sa.select(Job)
    if state is not None:
        statement = statement.where(Job.state == state)
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    if model is not None:
        statement = statement.where(Job.subject["model"].as_string() == model)
    return statement


def request_cancel(session: Session, job_id: str) -> Job:
    """Cancel a job: at once if no worker runs it, else its worker stops it within seconds.

    The engine's own entry stays in the queue; the worker that takes it finds that there
    is nothing to do. So cancelling is one change of one row.

    Raises:
        JobNotFound: If there is no such job.
        JobAlreadyEnded: If it has ended.
    """
    job = session.scalar(sa.select(Job).where(Job.id == job_id).with_for_update())
    if job is None:
        raise JobNotFound(f"There is no job {job_id!r}.")
    if job.state not in UNFINISHED:
        how = _ended(job.state)
        raise JobAlreadyEnded(f"The job has ended: it {how} and cannot be cancelled.")
    job.cancel_requested = True
    session.flush()
    if job.state is JobState.RUNNING and is_live(session, job.executor):
        return job
    return cancel(session, Job.id == job_id) or job


def cancel(session: Session, guard: sa.ColumnElement[bool]) -> Job | None:
    """End the job that the guard picks as cancelled."""
    values = {"state": JobState.CANCELLED, "finished_at": utc_now()}
    job = change(session, sa.and_(guard, Job.state.in_(UNFINISHED)), **values)
    if job is not None:
        session.execute(sa.delete(JobCheckpoint).where(JobCheckpoint.job_id == job.id))
    return job


def _add(session: Session, job: Job) -> Job:
    session.add(job)
    session.flush()
    append_event(session, job, "state")
    return job


def _kept_nothing(state: JobState) -> str:
    if state in UNFINISHED or state is JobState.FAILED:
        return "has not saved any"
    return f"{_ended(state)}, and only an unfinished or failed one keeps it"


def _ended(state: JobState) -> str:
    return "was cancelled" if state is JobState.CANCELLED else state.value
