"""Schedule the trials of a study, and end the study.

No process waits for trials: the transaction that ends a trial, in any process, also queues the next
ones or ends the study. So a study does not occupy a worker, and a crash cannot separate the two.
Locks are taken in one order: the trial's job, then the study's job.
"""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.jobs.service as jobs
import app.registry.service as registry
from app.db import utc_now
from app.jobs.events import change
from app.jobs.tables import NO_PROGRESS, UNFINISHED, Job, JobState
from app.studies.tables import Study, Trial, TrialState
from models.spec.search import Search

# The trials' share of a study's progress; the rest is the training of the best spec.
TRIALS_END = 0.9
REASONS_SHOWN = 3
ACTIVE = (TrialState.QUEUED, TrialState.RUNNING)


def advance(session: Session, study_id: str) -> None:
    """Queue the trials that are due; after the last one, queue the training of the best spec."""
    job = lock(session, study_id)
    if job is None:
        return
    study = session.get_one(Study, study_id)
    search = Search.model_validate(study.search)
    counts = count_trials(session, study_id)
    queued, active = sum(counts.values()), sum(counts[state] for state in ACTIVE)
    due = 0 if time_is_up(job, search) else min(search.trials - queued, search.parallel - active)
    for number in range(queued, queued + due):
        _queue_trial(session, study, number)
    if due or active:
        _report(session, study, ended=queued - active, of=search.trials)
    elif study.training_job_id is None:
        _conclude(session, study)


def lock(session: Session, study_id: str) -> Job | None:
    """The job of an unfinished study, locked; None if the study has ended."""
    statement = sa.select(Job).where(Job.id == study_id, Job.state.in_(UNFINISHED))
    return session.scalar(statement.with_for_update().execution_options(populate_existing=True))


def lock_trial(session: Session, job_id: str) -> Trial | None:
    """The trial of a job, under the lock of its study; None if it was deleted."""
    study_id = session.scalar(sa.select(Trial.study_id).where(Trial.job_id == job_id))
    if study_id is None:
        return None
    lock(session, study_id)
    statement = sa.select(Trial).where(Trial.job_id == job_id)
    return session.scalar(statement.execution_options(populate_existing=True))


def time_is_up(job: Job, search: Search) -> bool:
    """Whether the study's time is over, so that new trials must not start."""
    if search.minutes is None or job.started_at is None:
        return False
    return utc_now() >= job.started_at + timedelta(minutes=search.minutes)


def count_trials(session: Session, study_id: str) -> dict[TrialState, int]:
    """The number of trials in each state."""
    statement = (
        sa.select(Trial.state, sa.func.count().label("number"))
        .where(Trial.study_id == study_id)
        .group_by(Trial.state)
    )
    counts = {row.state: row.number for row in session.execute(statement)}
    return {state: counts.get(state, 0) for state in TrialState}


def best_trial(session: Session, study_id: str) -> Trial | None:
    """The complete trial with the smallest value; of equal ones the first."""
    statement = (
        sa.select(Trial)
        .where(Trial.study_id == study_id, Trial.state == TrialState.COMPLETE)
        .order_by(Trial.value, Trial.number)
        .limit(1)
    )
    return session.scalar(statement)


def trial_ended(session: Session, job: Job) -> None:
    """Store how a trial's job ended, and advance the study."""
    trial = lock_trial(session, job.id)
    if trial is None:
        return
    if job.state is JobState.FAILED:
        trial.state, trial.reason = TrialState.FAILED, job.error
    elif job.state is JobState.CANCELLED:
        trial.state, trial.reason = TrialState.CANCELLED, "The trial was cancelled."
    if trial.epochs is None:
        trial.epochs = job.progress["epoch"]
    if trial.seconds is None and job.started_at and job.finished_at:
        trial.seconds = (job.finished_at - job.started_at).total_seconds()
    session.flush()
    advance(session, trial.study_id)


def training_ended(session: Session, job: Job) -> None:
    """End the study whose best spec was trained, if the training belongs to a study."""
    study = session.scalar(sa.select(Study).where(Study.training_job_id == job.id))
    if study is None:
        return
    if job.state is JobState.SUCCEEDED:
        best = best_trial(session, study.id)
        result = {**(job.result or {}), "study": study.id, "trial": best and best.number}
        progress = {**NO_PROGRESS, "phase": "training", "fraction": 1.0, "eta_seconds": 0.0}
        _end(session, study.id, JobState.SUCCEEDED, result=result, progress=progress)
    elif job.state is JobState.FAILED:
        _end(
            session, study.id, JobState.FAILED, error=f"The best spec was not trained: {job.error}"
        )
    else:
        _end(session, study.id, JobState.CANCELLED)


def study_ended(session: Session, job: Job) -> None:
    """Cancel the unfinished trials of a cancelled study."""
    jobs.cancel_children(session, job.id)


def _queue_trial(session: Session, study: Study, number: int) -> None:
    subject = {"model": study.name, "study": study.id, "trial": number}
    job = jobs.enqueue(session, "trial", subject, parent_id=study.id)
    session.add(Trial(study_id=study.id, number=number, job_id=job.id))
    session.flush()


def _report(session: Session, study: Study, *, ended: int, of: int) -> None:
    best = best_trial(session, study.id)
    progress = {
        **NO_PROGRESS,
        "phase": "searching",
        "fraction": TRIALS_END * ended / of,
        "val_loss": best and best.value,
    }
    change(session, Job.id == study.id, progress=progress)


def _conclude(session: Session, study: Study) -> None:
    best = best_trial(session, study.id)
    if best is None:
        _end(session, study.id, JobState.FAILED, error=_failure(session, study.id))
        return
    _, _, job = registry.queue_version(
        session,
        study.name,
        spec=best.spec or {},
        panel=[(study.series_id, study.data_revision)],
        preset=study.preset,
        parent_id=study.id,
    )
    study.training_job_id = job.id
    session.flush()
    progress = {
        **NO_PROGRESS,
        "phase": "training",
        "fraction": TRIALS_END,
        "val_loss": best.value,
    }
    change(session, Job.id == study.id, progress=progress)


def _failure(session: Session, study_id: str) -> str:
    statement = (
        sa.select(Trial.reason, sa.func.count(), sa.func.min(Trial.number))
        .where(Trial.study_id == study_id, Trial.reason.is_not(None))
        .group_by(Trial.reason)
        .order_by(sa.func.count().desc(), sa.func.min(Trial.number))
    )
    reasons = session.execute(statement).all()
    shown = " ".join(f"{count} trials: {reason}" for reason, count, _ in reasons[:REASONS_SHOWN])
    more = len(reasons) - REASONS_SHOWN
    rest = f" And {more} other reasons." if more > 0 else ""
    return f"No trial was completed. {shown}{rest}"


def _end(session: Session, study_id: str, state: JobState, **values: Any) -> None:
    guard = sa.and_(Job.id == study_id, Job.state.in_(UNFINISHED))
    change(session, guard, state=state, finished_at=utc_now(), **values)
