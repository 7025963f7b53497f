"""Routes of studies: start, list, show and delete them."""

import sqlalchemy as sa
from fastapi import Response
from sqlalchemy.orm import Session

from app.dependencies import DatabaseDependency, SettingsDependency
from app.edge.routing import ServiceRouter
from app.errors import IdempotencyKeyReused, JobAlreadyEnded, StudyNotFound, UnknownPreset
from app.idempotency import Answer, OnceOnlyDependency
from app.jobs.schemas import JobRead
from app.pagination import Page, Paging
from app.problems import documented
from app.series.service import LOADING_ERRORS
from app.studies import service
from app.studies.schemas import StudyCreate, StudyQueued, StudyRead, StudySummary
from app.studies.tables import Study
from app.studies.views import read_study, summarise_study

router = ServiceRouter(tags=["studies"])


@router.post(
    "/studies",
    status_code=202,
    response_model=StudyQueued,
    responses=documented(*LOADING_ERRORS, UnknownPreset, IdempotencyKeyReused),
)
def start_study(
    body: StudyCreate,
    database: DatabaseDependency,
    settings: SettingsDependency,
    once_only: OnceOnlyDependency,
) -> Response:
    """Search for the best spec of a model, and train a version with it.

    The request is fully checked before the answer. The study is a job, which can be followed and
    cancelled like any other. Its trials are jobs as well, and any worker runs them.
    """
    repeated = once_only.repeated(database)
    if repeated is not None:
        return repeated
    checked = service.check_study(database, body, settings.training_limits)
    with database.transaction() as session:
        return once_only.run(session, lambda: _queue(session, body, checked))


@router.get("/studies")
def list_studies(database: DatabaseDependency, paging: Paging) -> Page[StudySummary]:
    """List the studies, newest first."""
    statement = paging.select(sa.select(Study), Study.id, descending=True)
    with database.reading() as session:
        rows = session.scalars(statement).all()
        return paging.page(
            rows, key=lambda study: study.id, read=lambda study: summarise_study(session, study)
        )


@router.get("/studies/{study_id}", responses=documented(StudyNotFound))
def get_study(study_id: str, database: DatabaseDependency) -> StudyRead:
    """Show a study: its trials, the best first, and the trained version."""
    with database.reading() as session:
        return read_study(session, service.get_study(session, study_id))


@router.delete(
    "/studies/{study_id}",
    status_code=204,
    responses=documented(StudyNotFound, JobAlreadyEnded),
)
def delete_study(study_id: str, database: DatabaseDependency) -> None:
    """Delete a study with its trials and cancel their jobs; the version it trained stays."""
    with database.transaction() as session:
        service.delete_study(session, study_id)


def _queue(session: Session, body: StudyCreate, checked: service.CheckedStudy) -> Answer:
    study, job = service.request_study(session, body, checked)
    queued = StudyQueued(id=study.id, name=study.name, job=JobRead.from_row(job))
    return Answer(202, queued, location=f"/v1/jobs/{job.id}")
