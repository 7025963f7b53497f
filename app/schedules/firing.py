"""Firing: schedules that are due queue a training, each of them once, whoever looks."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.registry.service as registry
from app.db import Database, to_microseconds, utc_now
from app.registry.tables import Model
from app.schedules import cron
from app.schedules.retrained_version import Subject, find_subject, is_running
from app.schedules.tables import Schedule, ScheduleRun, Trigger
from app.schedules.triggers import measure
from app.series.tables import Series
from app.settings import Settings
from models.network.devices import Device

logger = logging.getLogger(__name__)

RUNS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a schedule runs."""

    trigger: Trigger
    sentence: str


def fire_due(database: Database, _: Settings) -> None:
    """Look at every schedule that may be due, and let those run that are."""
    with database.reading() as session:
        ids = session.scalars(_may_be_due(utc_now())).all()
    for schedule_id in ids:
        try:
            look(database, schedule_id)
        except Exception:  # one that cannot be looked at must not hold the others up
            logger.exception("the schedule %d could not be looked at", schedule_id)


def look(database: Database, schedule_id: int) -> bool:
    """Let a schedule run if it is due; whether it was this look that began the run.

    What takes long is measured in a transaction of its own, which holds no lock. The run and the
    training begin in one transaction, which changes nothing if another one was faster.
    """
    with database.reading() as session:
        schedule = session.get(Schedule, schedule_id)
        if schedule is None or is_running(session, schedule.model_id):
            return False
        subject = find_subject(session, schedule)
        if subject is None:
            return False
        cause = _cause(session, schedule, subject)
    with database.transaction() as session:
        if cause is not None:
            return fire(session, schedule, cause)
        # Nothing to do until something has changed.
        seen = sa.update(Schedule).where(Schedule.id == schedule.id, Schedule.runs == schedule.runs)
        session.execute(seen.values(looked_at=subject.fingerprint))
        return False


def fire(session: Session, seen: Schedule, cause: Cause) -> bool:
    """Begin a run in the caller's transaction, unless somebody was faster.

    Locks are taken in the order model, schedule, as the deletion of a model takes them.

    Args:
        session: The transaction.
        seen: The schedule as it was found to be due.
        cause: Why it is.

    Returns:
        Whether the run began.
    """
    held = sa.select(Model.id).where(Model.id == seen.model_id).with_for_update()
    if session.scalar(held) is None or is_running(session, seen.model_id):
        return False
    schedule = session.get(Schedule, seen.id)
    subject = None if schedule is None else find_subject(session, schedule)
    if schedule is None or subject is None or not _claim(session, schedule, seen.runs):
        return False
    _begin(session, schedule, subject, cause)
    return True


def next_run(schedule: Schedule, after: datetime) -> datetime | None:
    """When the schedule's expression comes next; None if it has none or is switched off."""
    if schedule.cron is None or not schedule.enabled:
        return None
    return cron.next_time(schedule.cron, schedule.timezone, after)


def _may_be_due(now: datetime) -> sa.Select[int]:
    measured = [Schedule.after_rows, Schedule.min_skill, Schedule.drift]
    due = sa.or_(Schedule.next_run_at <= now, *(column.is_not(None) for column in measured))
    return sa.select(Schedule.id).where(Schedule.enabled, due).order_by(Schedule.id)


def _cause(session: Session, schedule: Schedule, subject: Subject) -> Cause | None:
    if schedule.next_run_at is not None and schedule.next_run_at <= utc_now():
        moment = schedule.next_run_at.isoformat().replace("+00:00", "Z")
        sentence = f"{schedule.cron!r} ({schedule.timezone}) was due at {moment}."
        return Cause(Trigger.CRON, sentence)
    if subject.fingerprint == schedule.looked_at:
        return None
    met = (gauge for gauge in measure(session, schedule, subject) if gauge.met)
    gauge = next(met, None)
    return None if gauge is None else Cause(gauge.trigger, gauge.sentence)


def _claim(session: Session, schedule: Schedule, seen_runs: int) -> bool:
    """Make the next run the caller's; times that were missed are made up for by it."""
    claim = (
        sa.update(Schedule)
        .where(Schedule.id == schedule.id, Schedule.runs == seen_runs, Schedule.enabled)
        .values(runs=seen_runs + 1, looked_at="", next_run_at=next_run(schedule, utc_now()))
        .returning(Schedule.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(claim) is not None


def _begin(session: Session, schedule: Schedule, subject: Subject, cause: Cause) -> None:
    version = subject.version
    _, trained, job = registry.queue_version(
        session,
        subject.model.name,
        spec=version.spec,
        panel=[(series.id, series.revision) for series in subject.series],
        preset=version.preset,
        device=cast("Device | None", subject.job.device),
        started_from=version.number if schedule.start == "warm" else None,
    )
    number = 1 if subject.last_run is None else subject.last_run.number + 1
    session.add(
        ScheduleRun(
            schedule_id=schedule.id,
            number=number,
            trigger=cause.trigger,
            cause=cause.sentence,
            version=trained.number,
            training_job=job.id,
            data_ends={str(series.id): _end_of(series) for series in subject.series},
        )
    )
    old = sa.and_(ScheduleRun.schedule_id == schedule.id, ScheduleRun.number <= number - RUNS_KEPT)
    session.execute(sa.delete(ScheduleRun).where(old))


def _end_of(series: Series) -> int | None:
    return None if series.last_time is None else to_microseconds(series.last_time)
