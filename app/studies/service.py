"""Request, find and delete studies."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.jobs.service as jobs
import app.series.service as series_service
from app.db import Database
from app.errors import StudyNotFound
from app.jobs.tables import UNFINISHED, Job
from app.registry.queries import single_series
from app.series.tables import Series
from app.studies import scheduler
from app.studies.requests import StudyRequest, check_request, read_request
from app.studies.schemas import StudyCreate
from app.studies.tables import Study
from models.checks.cost import TrainingLimits
from models.checks.resolve import SeriesProfile


@dataclass(frozen=True, slots=True)
class CheckedStudy:
    """A request that can work, and the series that it was checked against."""

    request: StudyRequest
    series: Series


def check_study(database: Database, request: StudyCreate, limits: TrainingLimits) -> CheckedStudy:
    """Check a request for a study against its series, outside any write transaction.

    Raises:
        SeriesNotFound: If the series does not exist.
        UnknownPreset: If a preset does not exist.
        NoCadence: If the series has no step.
        SpecError: If the search or its spec cannot work on this series, or a trial would need
            more than the limits.
    """
    wanted = read_request(request)
    with database.reading() as session:
        series = series_service.get_series(session, single_series(request.series))
        profile = SeriesProfile.from_data(series_service.load_series(session, series.id))
    check_request(wanted, profile, limits)
    return CheckedStudy(wanted, series)


def request_study(
    session: Session, request: StudyCreate, checked: CheckedStudy
) -> tuple[Study, Job]:
    """Queue the first trials of a checked study in the caller's transaction.

    Raises:
        SeriesNotFound: If the series was deleted in the meantime.
    """
    series, wanted = checked.series, checked.request
    series_service.require_same(session, series.name, series.id)
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
