"""Figures of jobs and workers: cheap to ask, because only a day of ended jobs is read."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db import to_microseconds, utc_now
from app.jobs.tables import UNFINISHED, Job, JobState
from app.jobs.workers import live_device_kinds
from app.metrics import figures

RECENT = timedelta(days=1)
DEVICES = ("cpu", "gpu")
MICROSECONDS = 1e6


def job_figures(session: Session) -> Iterator[GaugeMetricFamily]:
    """Jobs by kind and state, their times, and the workers that are alive."""
    now = utc_now()
    since = first_id_at(now - RECENT)
    counts = (
        sa.select(Job.kind, Job.state, sa.func.count())
        .where(sa.or_(Job.state.in_(UNFINISHED), Job.id >= since))
        .group_by(Job.kind, Job.state)
        .order_by(Job.kind, Job.state)
    )
    rows = session.execute(counts).all()
    yield figures.JOBS.of(((row[0], str(row[1])), row[2]) for row in rows)
    oldest = sa.select(sa.func.min(Job.created_at)).where(Job.state == JobState.QUEUED)
    queued_at = session.scalar(oldest)
    age = 0.0 if queued_at is None else max(0.0, (now - queued_at).total_seconds())
    yield figures.OLDEST_QUEUED.one(age)
    yield from _times(session, since)
    kinds = live_device_kinds(session)
    yield figures.WORKERS.of(((device,), kinds.count(device)) for device in DEVICES)


def first_id_at(moment: datetime) -> str:
    """The lowest id of jobs made at a moment or later: ids begin with the time."""
    return f"{to_microseconds(moment) // 1000:012x}" + "0" * 20


def _times(session: Session, since: str) -> Iterator[GaugeMetricFamily]:
    waits = _microseconds(Job.created_at, Job.started_at)
    runs = _microseconds(Job.started_at, Job.finished_at)
    statement = (
        sa.select(
            Job.kind, *(of(time) for time in (waits, runs) for of in (sa.func.avg, sa.func.max))
        )
        .where(Job.id >= since, Job.started_at.is_not(None))
        .group_by(Job.kind)
        .order_by(Job.kind)
    )
    rows = session.execute(statement).all()
    wanted = (figures.MEAN_WAIT, figures.LONGEST_WAIT, figures.MEAN_RUN, figures.LONGEST_RUN)
    for column, figure in enumerate(wanted, 1):
        yield figure.of(
            ((row[0],), float(row[column]) / MICROSECONDS)
            for row in rows
            if row[column] is not None
        )


def _microseconds(
    begin: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    end: InstrumentedAttribute[datetime | None],
) -> sa.ColumnElement[int]:
    return sa.type_coerce(end, sa.BigInteger) - sa.type_coerce(begin, sa.BigInteger)
