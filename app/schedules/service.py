"""Create, find and change the retraining schedules of a model."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import utc_now
from app.errors import Invalid, ScheduleNotFound, TooManySchedules
from app.registry.queries import NEWEST, get_version
from app.registry.tables import Model
from app.schedules import cron
from app.schedules.cron import BadCron
from app.schedules.firing import next_run
from app.schedules.schemas import ScheduleCreate, ScheduleUpdate
from app.schedules.tables import Schedule
from app.schedules.views import settings_of
from models.errors import Problem

MOST_SCHEDULES = 20
TRIGGERS = ("cron", "after_rows", "min_skill", "drift")


def create_schedule(
    session: Session, model: str, request: ScheduleCreate, least_minutes: int
) -> Schedule:
    """Store a schedule of a model that has a trained version.

    Raises:
        ModelNotFound: If the model does not exist.
        NoTrainedVersion: If it has no trained version.
        TooManySchedules: If it already has `MOST_SCHEDULES` schedules.
        Invalid: If the schedule has no trigger, or its cron expression cannot be used.
    """
    _check(request, least_minutes)
    owner = get_version(session, model, NEWEST)[1]
    # The lock makes concurrent requests wait, so that the limit holds.
    session.execute(sa.select(Model.id).where(Model.id == owner.id).with_for_update())
    count = sa.select(sa.func.count()).where(Schedule.model_id == owner.id)
    if (session.scalar(count) or 0) >= MOST_SCHEDULES:
        raise TooManySchedules(
            f"A model may have at most {MOST_SCHEDULES} schedules; {model!r} already has that many."
        )
    schedule = Schedule(model_id=owner.id, **request.model_dump())
    schedule.next_run_at = next_run(schedule, utc_now())
    session.add(schedule)
    session.flush()
    return schedule


def update_schedule(
    session: Session, model: str, schedule_id: int, request: ScheduleUpdate, least_minutes: int
) -> Schedule:
    """Change the fields that the request has. A new cron expression counts from now on.

    Raises:
        ScheduleNotFound: If the schedule does not exist.
        Invalid: If no trigger would be left, or the cron expression cannot be used.
    """
    schedule = get_schedule(session, model, schedule_id, lock=True)
    before = {**settings_of(schedule), "drift": schedule.drift}
    merged = ScheduleCreate.model_validate({**before, **request.model_dump(exclude_unset=True)})
    _check(merged, least_minutes)
    after = merged.model_dump()
    for name, value in after.items():
        setattr(schedule, name, value)
    schedule.looked_at = ""
    if any(before[name] != after[name] for name in ("cron", "timezone", "enabled")):
        schedule.next_run_at = next_run(schedule, utc_now())
    session.flush()
    return schedule


def get_schedule(session: Session, model: str, schedule_id: int, *, lock: bool = False) -> Schedule:
    """The model's schedule with this id.

    Raises:
        ScheduleNotFound: If it does not exist.
    """
    statement = (
        sa.select(Schedule)
        .join(Model, Model.id == Schedule.model_id)
        .where(Model.name == model, Schedule.id == schedule_id)
    )
    if lock:
        statement = statement.with_for_update(of=Schedule)
    schedule = session.scalar(statement)
    if schedule is None:
        raise ScheduleNotFound(f"The model {model!r} has no schedule {schedule_id}.")
    return schedule


def _check(request: ScheduleCreate, least_minutes: int) -> None:
    drift = request.drift
    if drift is not None and drift.error_ratio is None and drift.stability_index is None:
        raise _invalid("/drift", "`drift` must have `error_ratio` or `stability_index`.")
    if all(getattr(request, name) is None for name in TRIGGERS):
        raise _invalid("", f"One of {', '.join(f'`{name}`' for name in TRIGGERS)} must be given.")
    if request.cron is not None:
        try:
            cron.check(request.cron, least_minutes)
        except BadCron as error:
            raise _invalid("/cron", str(error)) from error


def _invalid(pointer: str, message: str) -> Invalid:
    return Invalid(message, errors=[Problem(pointer, message)])
