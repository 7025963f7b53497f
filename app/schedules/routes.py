"""Routes of schedules: create, list, show, change and delete them, and list their runs."""

import sqlalchemy as sa
from fastapi import Response

from app.dependencies import DatabaseDependency, SettingsDependency
from app.edge.limits import RowId
from app.edge.routing import ServiceRouter
from app.errors import (
    IdempotencyKeyReused,
    ModelNotFound,
    NoTrainedVersion,
    ScheduleNotFound,
    TooManySchedules,
)
from app.idempotency import Answer, OnceOnlyDependency
from app.pagination import Page, Paging
from app.problems import documented
from app.registry.queries import get_model
from app.schedules import service
from app.schedules.schemas import RunRead, ScheduleCreate, ScheduleRead, ScheduleUpdate
from app.schedules.tables import Schedule, ScheduleRun
from app.schedules.views import read_run, read_schedule

router = ServiceRouter(tags=["schedules"], prefix="/models/{name}/schedules")


@router.post(
    "",
    status_code=201,
    response_model=ScheduleRead,
    responses=documented(ModelNotFound, NoTrainedVersion, TooManySchedules, IdempotencyKeyReused),
)
def create_schedule(
    name: str,
    body: ScheduleCreate,
    database: DatabaseDependency,
    settings: SettingsDependency,
    once_only: OnceOnlyDependency,
) -> Response:
    """Retrain a model at given times, after new rows, or when its forecasts get worse.

    A run trains the next version on the data at that time, with the spec of the version that the
    alias points to, and promotes it if it passes the gate. Workers check which schedules are due. A
    schedule waits while another run of its model is unfinished.
    """

    def create() -> Answer:
        least = settings.schedule_least_minutes
        schedule = service.create_schedule(session, name, body, least)
        read = read_schedule(session, schedule, get_model(session, name))
        return Answer(201, read, f"/v1/models/{name}/schedules/{schedule.id}")

    with database.transaction() as session:
        return once_only.run(session, create)


@router.get("", responses=documented(ModelNotFound))
def list_schedules(name: str, database: DatabaseDependency, paging: Paging) -> Page[ScheduleRead]:
    """List a model's schedules, oldest first."""
    with database.reading() as session:
        model = get_model(session, name)
        statement = sa.select(Schedule).where(Schedule.model_id == model.id)
        return paging.page(
            session.scalars(paging.select(statement, Schedule.id)).all(),
            key=lambda schedule: schedule.id,
            read=lambda schedule: read_schedule(session, schedule, model),
        )


@router.get("/{schedule_id}", responses=documented(ScheduleNotFound))
def show_schedule(name: str, schedule_id: RowId, database: DatabaseDependency) -> ScheduleRead:
    """Show a schedule, the state of its triggers, and the outcome of its last run."""
    with database.reading() as session:
        schedule = service.get_schedule(session, name, schedule_id)
        return read_schedule(session, schedule, get_model(session, name))


@router.patch("/{schedule_id}", responses=documented(ScheduleNotFound))
def update_schedule(
    name: str,
    schedule_id: RowId,
    body: ScheduleUpdate,
    database: DatabaseDependency,
    settings: SettingsDependency,
) -> ScheduleRead:
    """Change, disable or enable a schedule; times missed while it was disabled are not made up."""
    with database.transaction() as session:
        least = settings.schedule_least_minutes
        schedule = service.update_schedule(session, name, schedule_id, body, least)
        return read_schedule(session, schedule, get_model(session, name))


@router.delete("/{schedule_id}", status_code=204, responses=documented(ScheduleNotFound))
def delete_schedule(name: str, schedule_id: RowId, database: DatabaseDependency) -> None:
    """Delete a schedule with its runs; an unfinished training continues but is not promoted."""
    with database.transaction() as session:
        session.delete(service.get_schedule(session, name, schedule_id, lock=True))


@router.get("/{schedule_id}/runs", responses=documented(ScheduleNotFound))
def list_runs(
    name: str, schedule_id: RowId, database: DatabaseDependency, paging: Paging
) -> Page[RunRead]:
    """List the last hundred runs of a schedule, newest first."""
    with database.reading() as session:
        schedule = service.get_schedule(session, name, schedule_id)
        statement = sa.select(ScheduleRun).where(ScheduleRun.schedule_id == schedule.id)
        newest = paging.select(statement, ScheduleRun.number, descending=True)
        return paging.page(session.scalars(newest).all(), key=lambda run: run.number, read=read_run)
