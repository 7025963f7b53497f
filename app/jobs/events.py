"""Change jobs: each change is one guarded statement, and appends an event."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.jobs import end_hooks
from app.jobs.tables import Job, JobEvent
from app.jobs.views import read_job

# Each event holds the whole job, so a client that missed some still has the present state. The
# limit prevents a training of many thousand epochs from filling the table.
MOST_EVENTS = 500


def change(session: Session, guard: sa.ColumnElement[bool], **values: Any) -> Job | None:
    """Change the job that the guard selects, if there is one, and append the event."""
    statement = (
        sa.update(Job)
        .where(guard)
        .values(sequence=Job.sequence + 1, **values)
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    job = session.scalars(statement).one_or_none()
    if job is not None:
        append_event(session, job, "state" if "state" in values else "progress")
        if "finished_at" in values:
            end_hooks.run_end_hooks(session, job)
    return job


def append_event(session: Session, job: Job, event: str) -> None:
    """Store the present state of the job as an event, and delete the oldest events."""
    data = read_job(session, job).model_dump(mode="json")
    session.execute(
        sa.insert(JobEvent).values(job_id=job.id, sequence=job.sequence, event=event, data=data)
    )
    too_old = JobEvent.sequence <= job.sequence - MOST_EVENTS
    session.execute(sa.delete(JobEvent).where(JobEvent.job_id == job.id, too_old))


def events_after(session: Session, job_id: str, sequence: int) -> list[JobEvent]:
    """The events of a job after the last one that the client has received."""
    statement = (
        sa.select(JobEvent)
        .where(JobEvent.job_id == job_id, JobEvent.sequence > sequence)
        .order_by(JobEvent.sequence)
    )
    return list(session.scalars(statement))
