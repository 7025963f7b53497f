"""Ended jobs: their events, their checkpoints, and at last themselves."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Session

from app.backtests.tables import Backtest
from app.jobs.tables import UNFINISHED, Job, JobCheckpoint, JobEvent
from app.registry.tables import ModelVersion
from app.studies.tables import Study, Trial

# The last event says all that a client who comes so late can want to know.
EVENTS_LAST = timedelta(days=7)
# What a failed training had learnt can be downloaded for so long.
CHECKPOINTS_LAST = timedelta(days=30)
JOBS_AT_ONCE = 100

# Jobs that something belongs to stay with it.
REFERENCES: tuple[orm.InstrumentedAttribute[Any], ...] = (
    ModelVersion.job_id,
    Backtest.id,
    Study.id,
    Study.training_job_id,
    Trial.job_id,
)


def forget_events(session: Session, now: datetime) -> int:
    """Delete the events but the last of some jobs that ended long ago; how many they were."""
    has_earlier = sa.exists().where(JobEvent.job_id == Job.id, JobEvent.sequence < Job.sequence)
    ids = _some(session, Job.finished_at < now - EVENTS_LAST, has_earlier)
    last = sa.select(Job.sequence).where(Job.id == JobEvent.job_id).scalar_subquery()
    old = sa.and_(JobEvent.job_id.in_(ids), JobEvent.sequence < last)
    return session.connection().execute(sa.delete(JobEvent).where(old)).rowcount


def forget_checkpoints(session: Session, now: datetime) -> int:
    """Delete what some failed jobs had saved; of how many."""
    has_one = sa.exists().where(JobCheckpoint.job_id == Job.id)
    ids = _some(session, Job.finished_at < now - CHECKPOINTS_LAST, has_one)
    old = JobCheckpoint.job_id.in_(ids)
    return session.connection().execute(sa.delete(JobCheckpoint).where(old)).rowcount


def forget_jobs(session: Session, before: datetime) -> int:
    """Delete some jobs that ended before a moment and that nothing belongs to; how many."""
    is_referred_to = sa.or_(*(sa.exists().where(column == Job.id) for column in REFERENCES))
    child = orm.aliased(Job)
    has_children = sa.exists().where(child.parent_id == Job.id)
    ids = _some(session, Job.finished_at < before, ~is_referred_to, ~has_children)
    return session.connection().execute(sa.delete(Job).where(Job.id.in_(ids))).rowcount


def _some(session: Session, *conditions: sa.ColumnElement[bool]) -> list[str]:
    ended = Job.state.not_in(UNFINISHED)
    statement = sa.select(Job.id).where(ended, *conditions).order_by(Job.id)
    return list(session.scalars(statement.limit(JOBS_AT_ONCE)))
