"""Turn studies and trials into answers."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.jobs.tables import Job, JobState
from app.registry.tables import Model, ModelVersion
from app.series.tables import Series
from app.studies import scheduler
from app.studies.schemas import BestRead, StudyProgress, StudyRead, StudySummary, TrialRead
from app.studies.tables import Study, Trial, TrialState

# Complete trials first, then those that may still complete, then the rest.
_RANKS = {
    TrialState.COMPLETE: 0,
    TrialState.RUNNING: 1,
    TrialState.QUEUED: 2,
    TrialState.PRUNED: 3,
    TrialState.FAILED: 4,
    TrialState.CANCELLED: 5,
}


def summarise_study(session: Session, study: Study) -> StudySummary:
    """A study without its trials."""
    return StudySummary(**_summary(session, study))


def read_study(session: Session, study: Study) -> StudyRead:
    """A study with its ranked trials."""
    return StudyRead(
        **_summary(session, study),
        spec=study.spec,
        data_revision=study.data_revision,
        trials=_ranked_trials(session, study.id),
    )


def _summary(session: Session, study: Study) -> dict[str, Any]:
    job = session.get_one(Job, study.id)
    model, version = _trained_version(session, study)
    return {
        "id": study.id,
        "name": study.name,
        "series": [session.get_one(Series, study.series_id).name],
        "state": job.state,
        "error": job.error,
        "progress": _progress(session, study, job),
        "search": study.search,
        "best": _best(session, study.id),
        "model": model,
        "version": version,
        "job": job.id,
        "created_at": study.created_at,
    }


def _progress(session: Session, study: Study, job: Job) -> StudyProgress:
    by_state = scheduler.count_trials(session, study.id)
    counts = {state.value: count for state, count in by_state.items()}
    fraction = job.progress["fraction"]
    return StudyProgress(fraction=fraction, trials=study.search["trials"], **counts)


def _best(session: Session, study_id: str) -> BestRead | None:
    trial = scheduler.best_trial(session, study_id)
    if trial is None:
        return None
    return BestRead.model_validate(trial, from_attributes=True)


def _trained_version(session: Session, study: Study) -> tuple[str | None, int | None]:
    """Model and version of the study's training; None before it, and if the version was deleted."""
    statement = (
        sa.select(Model.name, ModelVersion.number)
        .join(ModelVersion, ModelVersion.model_id == Model.id)
        .where(ModelVersion.job_id == study.training_job_id)
    )
    row = session.execute(statement).first()
    return (None, None) if row is None else row


def _ranked_trials(session: Session, study_id: str) -> list[TrialRead]:
    statement = sa.select(Trial, Job).join(Job, Job.id == Trial.job_id)
    rows = session.execute(statement.where(Trial.study_id == study_id))
    trials = [_read_trial(trial, job) for trial, job in rows]
    return sorted(trials, key=_rank)


def _read_trial(trial: Trial, job: Job) -> TrialRead:
    running = job.state is JobState.RUNNING
    return TrialRead(
        number=trial.number,
        state=trial.state,
        parameters=trial.parameters,
        value=trial.value,
        epochs=job.progress["epoch"] if running else trial.epochs,
        seconds=trial.seconds,
        reason=trial.reason,
        job=job.id,
    )


def _rank(trial: TrialRead) -> tuple[int, float, int]:
    """The sort key: complete trials by value, others by most epochs, equal ones by number."""
    better = -(trial.epochs or 0) if trial.value is None else trial.value
    return _RANKS[trial.state], better, trial.number
