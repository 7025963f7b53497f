"""Schedules of the small model, and a worker's work on their runs done at once."""

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database, utc_now
from app.jobs import attempts
from app.jobs.events import change
from app.jobs.tables import Job, JobState
from app.jobs.task import Task
from app.registry.service import publish
from app.schedules.firing import check_schedule
from app.schedules.tables import ScheduleRun
from app.schedules.tasks import promote_version
from app.worker import child
from tests.app.conftest import ROWS, put_rows, weekly_rows

if TYPE_CHECKING:
    from models.training.trained import Trained

PATH = "/v1/models/weekly-gru/schedules"


def schedule(client: TestClient, **request: Any) -> int:
    """Make a schedule; its number."""
    answer = client.post(PATH, json=request)
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["id"]
    return number


def show(client: TestClient, number: int) -> dict[str, Any]:
    answer = client.get(f"{PATH}/{number}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def runs(database: Database) -> list[ScheduleRun]:
    with database.reading() as session:
        return list(session.scalars(sa.select(ScheduleRun).order_by(ScheduleRun.number)))


def end_training(database: Database, trained: list["Trained"], job_id: str, **ended: Any) -> None:
    """End a queued training as a worker does: what follows from it follows here, too."""
    ended = ended or {"state": JobState.SUCCEEDED}
    with database.transaction() as session:
        if ended["state"] is JobState.SUCCEEDED:
            publish(session, job_id, trained[0])
        change(session, Job.id == job_id, finished_at=utc_now(), **ended)


def promote(database: Database, run: ScheduleRun) -> Task:
    """Do the promotion of a run as a worker's child does it."""
    assert run.promotion_job is not None
    with database.transaction() as session:
        attempt = attempts.start(session, run.promotion_job, "worker")
    assert attempt is not None
    task = Task(database, attempt)
    child.run(task, {"promote": promote_version})
    return task


@pytest.fixture
def begun(client: TestClient, database: Database, model: str) -> ScheduleRun:
    """The first run of a schedule, its training queued."""
    number = schedule(client, after_rows=1)
    put_rows(client, weekly_rows(ROWS, 1))
    assert check_schedule(database, number)
    (run,) = runs(database)
    return run
