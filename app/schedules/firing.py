"""Start the runs of schedules that are due: each run queues one training, on one worker."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.registry.service as registry
from app.access.acting import acting_for
from app.db import Database, to_microseconds, utc_now
from app.registry.tables import Model
from app.schedules import cron
from app.schedules.retrained_version import (
    RetrainedVersion,
    find_retrained_version,
    is_running,
)
from app.schedules.tables import Schedule, ScheduleRun, Trigger
from app.schedules.triggers import measure
from app.series.tables import Series
from app.settings import Settings
from models.network.devices import Device

logger = logging.getLogger(__name__)

RUNS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a run starts."""

    trigger: Trigger
    sentence: str


def fire_due(database: Database, _: Settings) -> None:
    """Check every schedule that may be due, and start the runs of those that are."""
    with database.reading() as session:
        found = session.execute(_may_be_due(utc_now())).all()
    for schedule_id, project in found:
        try:
            with acting_for(project):
                check_schedule(database, schedule_id)
        except Exception:  # a schedule that cannot be checked must not delay the others
            logger.exception("the schedule %d could not be checked", schedule_id)


def check_schedule(database: Database, schedule_id: int) -> bool:
    """Start a run of a schedule if it is due; whether this call started it.

    The triggers are measured in a separate transaction without locks, because that can be slow.
    The run and its training are then stored in one transaction, which changes nothing if another
    worker was faster.
    """
    with database.reading() as session:
        schedule = session.get(Schedule, schedule_id)
        if schedule is None or is_running(session, schedule.model_id):
            return False
        retrained = find_retrained_version(session, schedule)
        if retrained is None:
            return False
        cause = _cause(session, schedule, retrained)
    with database.transaction() as session:
        if cause is not None:
            return fire(session, schedule, cause)
        # The triggers are not measured again until the version or its data have changed.
        note = sa.update(Schedule).where(Schedule.id == schedule.id, Schedule.runs == schedule.runs)
        session.execute(note.values(looked_at=retrained.fingerprint))
        return False


def fire(session: Session, seen: Schedule, cause: Cause) -> bool:
    """Start a run in the caller's transaction, unless another worker was faster.

    Locks are taken in the order model, schedule, as the deletion of a model takes them.

    Args:
        session: The transaction.
        seen: The schedule as it was when it was due.
        cause: Why the run starts.

    Returns:
        Whether the run started.
    """
    lock = sa.select(Model.id).where(Model.id == seen.model_id).with_for_update()
    if session.scalar(lock) is None or is_running(session, seen.model_id):
        return False
    schedule = session.get(Schedule, seen.id)
    retrained = None if schedule is None else find_retrained_version(session, schedule)
    if schedule is None or retrained is None or not _claim(session, schedule, seen.runs):
        return False
    _begin(session, schedule, retrained, cause)
    return True


def next_run(schedule: Schedule, after: datetime) -> datetime | None:
    """The next time of the cron expression; None without one or if the schedule is disabled."""
    if schedule.cron is None or not schedule.enabled:
        return None
    return cron.next_time(schedule.cron, schedule.timezone, after)


def _may_be_due(now: datetime) -> sa.Select[int, str]:
    measured = [Schedule.after_rows, Schedule.min_skill, Schedule.drift]
    due = sa.or_(Schedule.next_run_at <= now, *(column.is_not(None) for column in measured))
    statement = sa.select(Schedule.id, Model.project).join(Model, Model.id == Schedule.model_id)
    return statement.where(Schedule.enabled, due).order_by(Schedule.id)


def _cause(session: Session, schedule: Schedule, retrained: RetrainedVersion) -> Cause | None:
    if schedule.next_run_at is not None and schedule.next_run_at <= utc_now():
        moment = schedule.next_run_at.isoformat().replace("+00:00", "Z")
        sentence = f"{schedule.cron!r} ({schedule.timezone}) was due at {moment}."
        return Cause(Trigger.CRON, sentence)
    if retrained.fingerprint == schedule.looked_at:
        return None
    met = (gauge for gauge in measure(session, schedule, retrained) if gauge.met)
    gauge = next(met, None)
    return None if gauge is None else Cause(gauge.trigger, gauge.sentence)


def _claim(session: Session, schedule: Schedule, seen_runs: int) -> bool:
    """Claim the next run for the caller; this one run replaces all missed times."""
    claim = (
        sa.update(Schedule)
        .where(Schedule.id == schedule.id, Schedule.runs == seen_runs, Schedule.enabled)
        .values(runs=seen_runs + 1, looked_at="", next_run_at=next_run(schedule, utc_now()))
        .returning(Schedule.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(claim) is not None


def _begin(session: Session, schedule: Schedule, retrained: RetrainedVersion, cause: Cause) -> None:
    version = retrained.version
    _, trained, job = registry.queue_version(
        session,
        retrained.model.name,
        spec=version.spec,
        panel=[(series.id, series.revision) for series in retrained.series],
        preset=version.preset,
        device=cast("Device | None", retrained.job.device),
        started_from=version.number if schedule.start == "warm" else None,
    )
    number = 1 if retrained.last_run is None else retrained.last_run.number + 1
    session.add(
        ScheduleRun(
            schedule_id=schedule.id,
            number=number,
            trigger=cause.trigger,
            cause=cause.sentence,
            version=trained.number,
            training_job=job.id,
            data_ends={str(series.id): _end_of(series) for series in retrained.series},
        )
    )
    old = sa.and_(ScheduleRun.schedule_id == schedule.id, ScheduleRun.number <= number - RUNS_KEPT)
    session.execute(sa.delete(ScheduleRun).where(old))


def _end_of(series: Series) -> int | None:
    return None if series.last_time is None else to_microseconds(series.last_time)
