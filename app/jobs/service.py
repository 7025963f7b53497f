"""Queue, find, list and cancel jobs."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Session

from app.db import utc_now
from app.errors import CheckpointNotFound, JobAlreadyEnded, JobNotFound
from app.jobs.events import append_event, change
from app.jobs.tables import LIGHT_KINDS, PARENT_KINDS, UNFINISHED, Job, JobCheckpoint, JobState
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
    "queue_again",
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
    """Queue a job in the caller's transaction: its row and its entry are committed together.

    Args:
        session: The caller's transaction.
        kind: The kind, which selects the handler.
        subject: What the job works on, as plain JSON.
        device: `gpu` for a worker with a GPU, `cpu` for the CPU of any worker; None for the device
            of the first free worker.
        parent_id: The job that this one is a part of.
    """
    job = _add(session, Job(kind=kind, subject=subject, device=device, parent_id=parent_id))
    _add_entry(session, job)
    return job


def queue_again(session: Session) -> int:
    """Give every unfinished job a new entry in the queue, after a restore; the number of them.

    No worker of another database can write to them: the attempt that ran there counts as given
    back, not as lost. Jobs without an entry of their own are not touched: their children are.
    """
    unfinished = sa.and_(Job.state.in_(UNFINISHED), Job.kind.not_in(PARENT_KINDS))
    ids = session.scalars(sa.select(Job.id).where(unfinished).order_by(Job.id)).all()
    for job_id in ids:
        job = change(session, Job.id == job_id, state=JobState.QUEUED, executor=None)
        assert job is not None, "the restore has locked the jobs"  # noqa: S101
        _add_entry(session, job)
    return len(ids)


def add_parent(session: Session, kind: str, subject: dict[str, Any]) -> Job:
    """Add a job that is not queued: its children do the work, and the last of them ends it."""
    return _add(session, Job(kind=kind, subject=subject))


def _add_entry(session: Session, job: Job) -> None:
    """Add a job to the queue of its kind and device."""
    # Imported with the first job: a web process that only serves forecasts does not need it.
    from app.jobs import queue

    any_device = queue.LIGHT_QUEUE if job.kind in LIGHT_KINDS else queue.QUEUE
    queue.enqueue(session, job.id, queue.GPU_QUEUE if job.device == "gpu" else any_device)


def cancel_children(session: Session, job_id: str) -> None:
    """Cancel the unfinished children of a job that has ended.

    Children whose row is locked are skipped: the worker that holds the lock may be waiting for the
    parent's row, which this transaction has locked. The worker checks the parent before it
    continues.
    """
    children = (
        sa.select(Job.id)
        .where(Job.parent_id == job_id, Job.state.in_(UNFINISHED))
        .with_for_update(skip_locked=True)
    )
    for child_id in session.scalars(children).all():
        request_cancel(session, child_id)


def parent_has_ended() -> sa.ColumnElement[bool]:
    """The condition that a job is a child of a job that has ended."""
    parent = orm.aliased(Job)
    ended = sa.select(parent.id).where(parent.id == Job.parent_id, parent.state.not_in(UNFINISHED))
    return ended.correlate(Job).exists()


def count_waiting_for_gpu(session: Session) -> int:
    """The number of queued jobs that require a GPU."""
    waiting = sa.and_(Job.state == JobState.QUEUED, Job.device == "gpu")
    return session.scalar(sa.select(sa.func.count()).select_from(Job).where(waiting)) or 0


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
    """The last checkpoint of a job that has not succeeded.

    Raises:
        JobNotFound: If there is no such job.
        CheckpointNotFound: If the job has none.
    """
    job = get_job(session, job_id)
    found = session.scalar(sa.select(JobCheckpoint.data).where(JobCheckpoint.job_id == job.id))
    if found is None:
        why = _no_checkpoint(job.state)
        raise CheckpointNotFound(f"The job {job_id} has no checkpoint: it {why}.")
    return found


def delete_checkpoints(session: Session, jobs: sa.ColumnElement[bool]) -> None:
    """Delete the checkpoints of jobs."""
    found = sa.select(Job.id).where(jobs)
    session.execute(sa.delete(JobCheckpoint).where(JobCheckpoint.job_id.in_(found)))


def jobs_where(
    *, state: JobState | None = None, kind: str | None = None, model: str | None = None
) -> sa.Select[Job]:
    """Select the jobs that match all given arguments."""
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

    Cancelling changes only the job's row. The engine's entry stays in the queue; the worker that
    takes it sees that the job has ended.

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
    """End the job that the guard selects as cancelled."""
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


def _no_checkpoint(state: JobState) -> str:
    if state in UNFINISHED or state is JobState.FAILED:
        return "has not saved any"
    return f"{_ended(state)}, and only an unfinished or failed one keeps it"


def _ended(state: JobState) -> str:
    return "was cancelled" if state is JobState.CANCELLED else state.value
