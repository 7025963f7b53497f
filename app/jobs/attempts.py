"""What a worker writes about a job: every write is fenced by the number of its attempt.

A worker that was taken for dead and wakes up again may still compute, but it changes
nothing: its attempt is no longer the job's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import utc_now
from app.jobs.events import change
from app.jobs.service import cancel, parent_has_ended
from app.jobs.tables import UNFINISHED, Job, JobCheckpoint, JobState

MAX_LOST_ATTEMPTS = 3
FORGOTTEN = (
    "The job was lost by an error of the worker, which is in its log with the job's id. "
    "Ask for the same again."
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The right to work on a job until somebody else starts it."""

    job_id: str
    number: int
    kind: str
    subject: dict[str, Any]
    device: str | None = None

    def holds(self) -> sa.ColumnElement[bool]:
        """Whether this is still the job's attempt and the job has not ended."""
        return sa.and_(
            Job.id == self.job_id, Job.attempt == self.number, Job.state == JobState.RUNNING
        )


class Superseded(Exception):
    """Another attempt has begun, or the job has ended: nothing more may be written."""


class Wish(Enum):
    """What is wanted of a running attempt."""

    CONTINUE = auto()
    CANCEL = auto()
    NOTHING = auto()


def start(session: Session, job_id: str, executor: str) -> Attempt | None:
    """Begin the job's next attempt, unless there is nothing left to do.

    A job that is found running was lost with its worker. After a few of those it is the
    job that kills workers, and it fails.
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
    return Attempt(job_id, started.attempt, started.kind, started.subject, started.device)


def wish(session: Session, attempt: Attempt) -> Wish:
    """What is wanted of the attempt now."""
    unwanted = sa.or_(Job.cancel_requested, parent_has_ended())
    requested = session.scalar(sa.select(unwanted).where(attempt.holds()))
    if requested is None:
        return Wish.NOTHING
    return Wish.CANCEL if requested else Wish.CONTINUE


def report(session: Session, attempt: Attempt, progress: dict[str, Any]) -> None:
    """Store how far the attempt is.

    Raises:
        Superseded: If the attempt is no longer the job's.
    """
    if change(session, attempt.holds(), progress=progress) is None:
        raise Superseded


def hold(session: Session, attempt: Attempt) -> Job:
    """The attempt's job, locked: no other worker can take it before the transaction ends.

    Raises:
        Superseded: If the attempt is no longer the job's.
    """
    job = session.scalar(sa.select(Job).where(attempt.holds()).with_for_update())
    if job is None:
        raise Superseded
    return job


def load_checkpoint(session: Session, attempt: Attempt) -> bytes | None:
    """Where an earlier attempt stopped."""
    return session.scalar(
        sa.select(JobCheckpoint.data).where(JobCheckpoint.job_id == attempt.job_id)
    )


def save_checkpoint(session: Session, attempt: Attempt, data: bytes) -> None:
    """Keep where the attempt is, in place of what was kept before.

    Raises:
        Superseded: If the attempt is no longer the job's.
    """
    hold(session, attempt)
    session.merge(JobCheckpoint(job_id=attempt.job_id, attempt=attempt.number, data=data))
    session.flush()


def succeed(
    session: Session, attempt: Attempt, publish: Callable[[Session], dict[str, Any]]
) -> None:
    """Publish what the attempt made and end the job, in the caller's one transaction.

    Raises:
        Superseded: If the attempt is no longer the job's; nothing is published.
    """
    job = hold(session, attempt)
    complete = {**job.progress, "fraction": 1.0, "eta_seconds": 0.0}
    result = publish(session)
    _end(session, attempt.holds(), JobState.SUCCEEDED, result=result, progress=complete)


def fail(session: Session, attempt: Attempt, error: str) -> None:
    """End the job with a sentence its owner can act on, if the attempt is still its own.

    Its last checkpoint stays: what was learnt before the failure can be downloaded.
    """
    _end(session, attempt.holds(), JobState.FAILED, error=error)


def give_back(session: Session, attempt: Attempt) -> bool:
    """Queue the job again through no fault of its own; whether the attempt was still its own."""
    job = change(session, attempt.holds(), state=JobState.QUEUED, executor=None)
    return job is not None


def restart(session: Session, attempt: Attempt, executor: str) -> Attempt | None:
    """Begin another attempt after one that was stopped, if it was still the job's own.

    In one transaction: no other worker can take the job between the two.
    """
    if not give_back(session, attempt):
        return None
    return start(session, attempt.job_id, executor)


def unfinished_jobs(session: Session, *, limit: int) -> list[str]:
    """The jobs that should still be somebody's, the oldest first."""
    statement = sa.select(Job.id).where(Job.state.in_(UNFINISHED)).order_by(Job.id).limit(limit)
    return list(session.scalars(statement))


def fail_forgotten(session: Session, job_id: str) -> None:
    """End a job that the queue no longer knows: it would never run."""
    guard = sa.and_(Job.id == job_id, Job.state.in_(UNFINISHED))
    _end(session, guard, JobState.FAILED, error=FORGOTTEN)


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
