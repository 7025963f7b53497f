"""Continue or finish a run when one of its jobs ends, in the transaction that ends the job."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.jobs.service as jobs
from app.db import utc_now
from app.jobs.tables import Job, JobState
from app.registry.tables import Model
from app.schedules.tables import Schedule, ScheduleRun


def training_ended(session: Session, job: Job) -> None:
    """Queue the promotion of the trained version, or finish the run if there is none."""
    run = session.scalar(sa.select(ScheduleRun).where(ScheduleRun.training_job == job.id))
    if run is None:
        return
    if job.state is not JobState.SUCCEEDED:
        finish(run, promoted=False, reason=_failure("training", job))
        return
    schedule = session.get_one(Schedule, run.schedule_id)
    if schedule.alias is None:
        finish(run, promoted=False, reason="The schedule does not promote: `alias` is null.")
        return
    model = session.get_one(Model, schedule.model_id)
    subject = {
        "model": model.name,
        "version": run.version,
        "alias": schedule.alias,
        "schedule": schedule.id,
        "run": run.number,
    }
    run.promotion_job = jobs.enqueue(session, "promote", subject).id


def promotion_ended(session: Session, job: Job) -> None:
    """Finish the run of a promotion that ended without an outcome."""
    run = session.scalar(sa.select(ScheduleRun).where(ScheduleRun.promotion_job == job.id))
    if run is not None and run.finished_at is None:
        finish(run, promoted=False, reason=_failure("promotion", job))


def lock_run(session: Session, schedule: int, number: int) -> ScheduleRun | None:
    """A run, locked until the transaction ends; None if its schedule was deleted."""
    return session.get(ScheduleRun, (schedule, number), with_for_update=True)


def finish(
    run: ScheduleRun,
    *,
    promoted: bool,
    reason: str,
    evidence: list[dict[str, Any]] | None = None,
) -> None:
    """Store the outcome of a run and mark it as finished."""
    run.promoted, run.reason, run.evidence = promoted, reason, evidence
    run.finished_at = utc_now()


def _failure(what: str, job: Job) -> str:
    if job.state is JobState.CANCELLED:
        return f"The {what} was cancelled."
    return f"The {what} failed: {job.error}"
