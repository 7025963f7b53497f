"""Writes of a worker to its job, each fenced by the number of the attempt.

A worker that lost its job, because its heartbeat stopped, can still be computing. Its writes change
nothing: its attempt is no longer the job's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access.acting import DEFAULT_PROJECT
from app.db import utc_now
from app.jobs.events import change
from app.jobs.service import cancel, parent_has_ended
from app.jobs.tables import UNFINISHED, Job, JobCheckpoint, JobState

MAX_LOST_ATTEMPTS = 3
MISSING_FROM_QUEUE = (
    "The worker lost the job through an error, which is in its log with the job's id. "
    "Send the request again."
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a job; it may write to the job until the next attempt starts."""

    job_id: str
    number: int
    kind: str
    subject: dict[str, Any]
    device: str | None = None
    request_id: str | None = None
    project: str = DEFAULT_PROJECT

    def is_current(self) -> sa.ColumnElement[bool]:
        """The condition that this is still the job's attempt and the job has not ended."""
        return sa.and_(
            Job.id == self.job_id, Job.attempt == self.number, Job.state == JobState.RUNNING
        )


class Superseded(Exception):
    """Another attempt has started, or the job has ended: this one must not write."""


class Instruction(Enum):
    """What a running attempt has to do next."""

    CONTINUE = auto()
    CANCEL = auto()
    """Stop, and end the job as cancelled."""
    ABANDON = auto()
    """Stop without a write: the job has ended, or another attempt has started."""


def start(session: Session, job_id: str, executor: str) -> Attempt | None:
    """Start the job's next attempt; None if the job has ended, or ends here.

    A job whose state is `running` was lost with its worker. After `MAX_LOST_ATTEMPTS` of them the
    job fails: it is likely to be what ends the workers.
    """
    job = session.scalar(sa.select(Job).where(Job.id == job_id).with_for_update())
    if job is None or job.state not in UNFINISHED:
        return None
    if job.cancel_requested or _is_unwanted(session, job_id):
        cancel(session, Job.id == job_id)
        return None
    lost = job.lost_attempts + (job.state is JobState.RUNNING)
    if lost >= MAX_LOST_ATTEMPTS:
        _end(session, Job.id == job_id, JobState.FAILED, error=_lost_too_often(lost))
        return None
    started = change(
        session,
        Job.id == job_id,
        state=JobState.RUNNING,
        attempt=job.attempt + 1,
        lost_attempts=lost,
        executor=executor,
        started_at=job.started_at or utc_now(),
    )
    if started is None:
        return None
    return Attempt(
        job_id,
        started.attempt,
        started.kind,
        started.subject,
        started.device,
        job.request_id,
        started.project,
    )


def instruction_for(session: Session, attempt: Attempt) -> Instruction:
    """The present instruction for an attempt."""
    is_unwanted = sa.or_(Job.cancel_requested, parent_has_ended())
    unwanted = session.scalar(sa.select(is_unwanted).where(attempt.is_current()))
    if unwanted is None:
        return Instruction.ABANDON
    return Instruction.CANCEL if unwanted else Instruction.CONTINUE


def report(session: Session, attempt: Attempt, progress: dict[str, Any]) -> None:
    """Store the progress of the attempt.

    Raises:
        Superseded: If the attempt is no longer the job's.
    """
    if change(session, attempt.is_current(), progress=progress) is None:
        raise Superseded


def lock_job(session: Session, attempt: Attempt) -> Job:
    """The attempt's job, locked: another attempt cannot start before the transaction ends.

    Raises:
        Superseded: If the attempt is no longer the job's.
    """
    job = session.scalar(sa.select(Job).where(attempt.is_current()).with_for_update())
    if job is None:
        raise Superseded
    return job


def load_checkpoint(session: Session, attempt: Attempt) -> bytes | None:
    """The last checkpoint of the job, from this or an earlier attempt."""
    return session.scalar(
        sa.select(JobCheckpoint.data).where(JobCheckpoint.job_id == attempt.job_id)
    )


def save_checkpoint(session: Session, attempt: Attempt, data: bytes) -> None:
    """Store a checkpoint of the attempt; it replaces the job's earlier one.

    Raises:
        Superseded: If the attempt is no longer the job's.
    """
    lock_job(session, attempt)
    session.merge(JobCheckpoint(job_id=attempt.job_id, attempt=attempt.number, data=data))
    session.flush()


def succeed(
    session: Session, attempt: Attempt, publish: Callable[[Session], dict[str, Any]]
) -> None:
    """Publish the attempt's result and end the job, in the caller's transaction.

    Raises:
        Superseded: If the attempt is no longer the job's; nothing is published.
    """
    job = lock_job(session, attempt)
    complete = {**job.progress, "fraction": 1.0, "eta_seconds": 0.0}
    result = publish(session)
    _end(session, attempt.is_current(), JobState.SUCCEEDED, result=result, progress=complete)


def fail(session: Session, attempt: Attempt, error: str) -> None:
    """End the job with a message that its owner can act on, if the attempt is still the job's.

    The last checkpoint stays: the weights from before the failure can be downloaded.
    """
    _end(session, attempt.is_current(), JobState.FAILED, error=error)


def give_back(session: Session, attempt: Attempt) -> bool:
    """Queue the job again without counting a lost attempt; whether the attempt was the job's."""
    job = change(session, attempt.is_current(), state=JobState.QUEUED, executor=None)
    return job is not None


def restart(session: Session, attempt: Attempt, executor: str) -> Attempt | None:
    """Start the next attempt after one that was stopped, if that was still the job's.

    Giving back and starting are one transaction, so that no other worker can take the job between
    them.
    """
    if not give_back(session, attempt):
        return None
    return start(session, attempt.job_id, executor)


def unfinished_jobs(session: Session, *, limit: int) -> list[str]:
    """The ids of queued and running jobs, oldest first."""
    statement = sa.select(Job.id).where(Job.state.in_(UNFINISHED)).order_by(Job.id).limit(limit)
    return list(session.scalars(statement))


def fail_missing_from_queue(session: Session, job_id: str) -> None:
    """End a job that is no longer in the queue: otherwise it would never end."""
    guard = sa.and_(Job.id == job_id, Job.state.in_(UNFINISHED))
    _end(session, guard, JobState.FAILED, error=MISSING_FROM_QUEUE)


def _end(session: Session, guard: sa.ColumnElement[bool], state: JobState, **values: Any) -> None:
    job = change(session, guard, state=state, finished_at=utc_now(), **values)
    if job is not None and state is not JobState.FAILED:
        session.execute(sa.delete(JobCheckpoint).where(JobCheckpoint.job_id == job.id))


def _is_unwanted(session: Session, job_id: str) -> bool:
    statement = sa.select(Job.id).where(Job.id == job_id, parent_has_ended())
    return session.scalar(statement) is not None


def _lost_too_often(times: int) -> str:
    return (
        f"The worker died {times} times while it ran this job, so it is not tried again. "
        "The job may need more memory than the machine has: try a smaller network or less data."
    )
