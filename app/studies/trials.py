"""The worker's steps of a trial: draw parameters with Optuna, prune, store scores and outcome."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.series.service as series_service
from app.db import utc_now
from app.errors import StudyNotFound
from app.jobs.events import change
from app.jobs.tables import Job, JobState
from app.studies import scheduler
from app.studies.tables import Study, Trial, TrialState
from models.series import SeriesData
from models.spec.search import Fields, Parameters, Search
from models.spec.spec import Spec
from models.training.sampling import PastTrial, State, should_prune, suggest

_SEEN_AS: dict[TrialState, State] = {
    TrialState.QUEUED: "failed",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAILED: "failed",
    TrialState.CANCELLED: "failed",
}
TOO_LATE = "The study's time was over, or the study had ended, before the trial started."


@dataclass(frozen=True, slots=True)
class TrialInput:
    """The input of a trial: requested spec, drawn parameters, and scores of completed folds."""

    fields: Fields
    search: Search
    parameters: Parameters
    scores: list[float]
    data_revision: int
    series_id: int


def begin(session: Session, job_id: str) -> TrialInput | None:
    """Draw the trial's parameters, or read those of an interrupted attempt.

    Parameters are drawn under the study's lock, so that the next trial takes this one into account.

    Returns:
        The trial's input; None if the trial must not start any more.
    """
    trial = _trial_of(session, job_id)
    job = scheduler.lock(session, trial.study_id)
    study = session.get_one(Study, trial.study_id)
    search = Search.model_validate(study.search)
    if trial.parameters is None:
        if job is None or scheduler.time_is_up(job, search):
            trial.state, trial.reason = TrialState.CANCELLED, TOO_LATE
            return None
        past = [_seen(other) for other in _trials(session, study.id) if other.parameters]
        trial.parameters = suggest(search, study.id, past, trial.number)
        trial.state = TrialState.RUNNING
        session.flush()
    _start_study(session, job)
    return TrialInput(
        study.spec, search, trial.parameters, trial.scores, study.data_revision, study.series_id
    )


def load(session: Session, given: TrialInput) -> SeriesData:
    """The series as it was when the study was requested."""
    return series_service.load_series(session, given.series_id, until_revision=given.data_revision)


def is_pruned(session: Session, job_id: str, *, epoch: int, loss: float, epochs: int) -> bool:
    """Store the loss after an epoch, and return whether the trial is pruned there."""
    trial = _trial_of(session, job_id)
    search = Search.model_validate(session.get_one(Study, trial.study_id).search)
    trial.losses = {**trial.losses, str(epoch): loss}
    session.flush()
    past = [_seen(other) for other in _trials(session, trial.study_id)]
    pruned, trial.memory = should_prune(search, trial.study_id, past, trial.number, epochs=epochs)
    return pruned


def add_score(session: Session, job_id: str, score: float) -> None:
    """Store the score of a fold, so that a later attempt does not repeat the fold."""
    trial = _trial_of(session, job_id)
    trial.scores = [*trial.scores, score]


def end(
    session: Session, job_id: str, *, spec: Spec, value: float | None, epochs: int, seconds: float
) -> dict[str, Any]:
    """Store the outcome and return the job's result; a trial without a value was pruned."""
    trial = _trial_of(session, job_id)
    trial.state = TrialState.PRUNED if value is None else TrialState.COMPLETE
    trial.spec = spec.to_json()
    trial.value, trial.epochs, trial.seconds = value, epochs, seconds
    session.flush()
    return {"study": trial.study_id, "trial": trial.number, "state": trial.state, "value": value}


def _trial_of(session: Session, job_id: str) -> Trial:
    trial = scheduler.lock_trial(session, job_id)
    if trial is None:
        raise StudyNotFound("The study was deleted while its trial ran.")
    return trial


def _trials(session: Session, study_id: str) -> list[Trial]:
    statement = sa.select(Trial).where(Trial.study_id == study_id).order_by(Trial.number)
    return list(session.scalars(statement))


def _seen(trial: Trial) -> PastTrial:
    return PastTrial(
        state=_SEEN_AS[trial.state],
        parameters=trial.parameters,
        value=trial.value,
        losses={int(epoch): loss for epoch, loss in trial.losses.items()},
        memory=trial.memory,
    )


def _start_study(session: Session, job: Job | None) -> None:
    """Mark a study as running when its first trial starts."""
    if job is not None and job.state is JobState.QUEUED:
        change(session, Job.id == job.id, state=JobState.RUNNING, started_at=utc_now())
