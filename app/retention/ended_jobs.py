"""Delete ended jobs: first their events and checkpoints, later the jobs themselves."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Session

from app.backtests.tables import Backtest
from app.jobs.tables import UNFINISHED, Job, JobCheckpoint, JobEvent
from app.registry.tables import ModelVersion
from app.studies.tables import Study, Trial

# After this long the last event is enough: it has the job's final state.
EVENTS_LAST = timedelta(days=7)
# The checkpoint of a failed training can be downloaded for this long.
CHECKPOINTS_LAST = timedelta(days=30)
JOBS_AT_ONCE = 100

# Jobs that a row of these columns refers to stay.
REFERENCES: tuple[orm.InstrumentedAttribute[Any], ...] = (
    ModelVersion.job_id,
    Backtest.id,
    Study.id,
    Study.training_job_id,
    Trial.job_id,
)


def delete_events(session: Session, now: datetime) -> int:
    """Delete all events except the last of up to `JOBS_AT_ONCE` old jobs; return how many."""
    has_earlier = sa.exists().where(JobEvent.job_id == Job.id, JobEvent.sequence < Job.sequence)
    ids = _ended_jobs(session, Job.finished_at < now - EVENTS_LAST, has_earlier)
    last = sa.select(Job.sequence).where(Job.id == JobEvent.job_id).scalar_subquery()
    old = sa.and_(JobEvent.job_id.in_(ids), JobEvent.sequence < last)
    return session.connection().execute(sa.delete(JobEvent).where(old)).rowcount


def delete_checkpoints(session: Session, now: datetime) -> int:
    """Delete the checkpoints of up to `JOBS_AT_ONCE` old failed jobs; return how many."""
    has_one = sa.exists().where(JobCheckpoint.job_id == Job.id)
    ids = _ended_jobs(session, Job.finished_at < now - CHECKPOINTS_LAST, has_one)
    old = JobCheckpoint.job_id.in_(ids)
    return session.connection().execute(sa.delete(JobCheckpoint).where(old)).rowcount


def delete_jobs(session: Session, before: datetime) -> int:
    """Delete up to `JOBS_AT_ONCE` unreferenced jobs that ended before a moment; return how many."""
    is_referred_to = sa.or_(*(sa.exists().where(column == Job.id) for column in REFERENCES))
    child = orm.aliased(Job)
    has_children = sa.exists().where(child.parent_id == Job.id)
    ids = _ended_jobs(session, Job.finished_at < before, ~is_referred_to, ~has_children)
    return session.connection().execute(sa.delete(Job).where(Job.id.in_(ids))).rowcount


def _ended_jobs(session: Session, *conditions: sa.ColumnElement[bool]) -> list[str]:
    ended = Job.state.not_in(UNFINISHED)
    statement = sa.select(Job.id).where(ended, *conditions).order_by(Job.id)
    return list(session.scalars(statement.limit(JOBS_AT_ONCE)))
