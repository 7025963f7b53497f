"""Request, find and delete studies."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.jobs.service as jobs
import app.series.service as series_service
from app.errors import StudyNotFound
from app.jobs.tables import UNFINISHED, Job
from app.registry.queries import single_series
from app.studies import scheduler
from app.studies.requests import check_request, read_request
from app.studies.schemas import StudyCreate
from app.studies.tables import Study


def request_study(session: Session, request: StudyCreate) -> tuple[Study, Job]:
    """Check the request, and queue the study's first trials in the caller's transaction.

    Raises:
        SeriesNotFound: If the series does not exist.
        UnknownPreset: If a preset does not exist.
        NoCadence: If the series has no step.
        SpecError: If the search or its spec cannot work on this series.
    """
    series = series_service.get_series(session, single_series(request.series))
    wanted = read_request(request)
    check_request(wanted, series_service.load_series(session, series.name))
    job = jobs.add_parent(session, "study", {"model": request.name})
    study = Study(
        id=job.id,
        name=request.name,
        series_id=series.id,
        data_revision=series.revision,
        preset=request.preset or request.search.preset,
        spec=wanted.fields,
        search=wanted.search.filled().model_dump(mode="json", exclude_none=True),
    )
    session.add(study)
    session.flush()
    scheduler.advance(session, study.id)
    return study, job


def get_study(session: Session, study_id: str) -> Study:
    """The study with this id.

    Raises:
        StudyNotFound: If it does not exist.
    """
    study = session.get(Study, study_id)
    if study is None:
        raise StudyNotFound(f"The study {study_id!r} does not exist.")
    return study


def delete_study(session: Session, study_id: str) -> None:
    """Delete a study and its trials, and cancel their jobs; the version it trained stays.

    Raises:
        StudyNotFound: If the study does not exist.
    """
    study = get_study(session, study_id)
    job = jobs.get_job(session, study_id)
    if job.state in UNFINISHED:
        jobs.request_cancel(session, study_id)
    session.delete(study)
    session.flush()


def studies_of(session: Session, series_id: int) -> list[str]:
    """The ids of the studies on a series."""
    return list(session.scalars(sa.select(Study.id).where(Study.series_id == series_id)))


def delete_studies(session: Session, study_ids: Iterable[str]) -> None:
    """Delete several studies."""
    for study_id in study_ids:
        delete_study(session, study_id)
