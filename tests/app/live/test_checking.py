"""Checks of kept states, as a job: what is right is left alone, what differs is repaired."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.jobs import attempts
from app.jobs.task import Task
from app.live.tables import KeptState
from app.worker import child
from app.worker.handlers import HANDLERS, load_handlers
from models.serving.forecaster import State
from tests.app.conftest import ROWS, START, WEEK, put_rows, weekly_rows
from tests.app.deployed import read_forecast, values
from tests.app.test_problems import check_problem


def check(client: TestClient, database: Database, model: str) -> dict[str, Any]:
    """Ask for a check, do it as a worker's child does, and give its result."""
    answer = client.post(f"/v1/models/{model}/checks")
    assert answer.status_code == 202, answer.text
    with database.transaction() as session:
        attempt = attempts.start(session, answer.json()["id"], "worker")
    assert attempt is not None
    child.run(Task(database, attempt), load_handlers(HANDLERS))
    job = client.get(answer.headers["location"]).json()
    assert (job["kind"], job["state"], job["error"]) == ("check", "succeeded", None)
    result: dict[str, Any] = job["result"]
    return result


def test_a_streamed_state_is_that_of_a_replay(
    client: TestClient, database: Database, deployed: str
) -> None:
    for week in range(ROWS, ROWS + 5):
        put_rows(client, weekly_rows(week, 1))
    result = check(client, database, deployed)
    (state,) = result["states"]
    assert (result["model"], result["repaired"]) == (deployed, 0)
    assert (state["version"], state["series"], state["repaired"]) == (1, "weekly", False)
    assert state["max_abs_difference"] <= 1e-5


@pytest.mark.parametrize("damage", ["moved", "unreadable"])
def test_a_state_that_differs_is_replaced(
    client: TestClient, database: Database, deployed: str, damage: str
) -> None:
    put_rows(client, weekly_rows(ROWS, 1))
    with database.transaction() as session:
        kept = session.scalars(sa.select(KeptState)).one()
        right, state = kept.content, State.from_bytes(kept.content)
        moved = replace(state, recurrent=tuple(each + 0.1 for each in state.recurrent))
        kept.content = moved.to_bytes() if damage == "moved" else b"?"
    result = check(client, database, deployed)
    assert result["repaired"] == 1
    assert "was replaced" in result["states"][0]["sentence"]
    with database.reading() as session:
        repaired = State.from_bytes(session.scalars(sa.select(KeptState.content)).one())
    for one, other in zip(repaired.recurrent, State.from_bytes(right).recurrent, strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    assert check(client, database, deployed)["repaired"] == 0
    (entry,) = put_rows(client, weekly_rows(ROWS + 1, 1))["forecasts"]
    assert len(values(read_forecast(client, entry["id"]))) == 4


def test_a_state_that_cannot_be_replayed_is_reported_and_unchanged(
    client: TestClient, database: Database, deployed: str
) -> None:
    put_rows(client, weekly_rows(ROWS, 1))
    put_rows(client, [[(START + (ROWS + 1) * WEEK).isoformat(), 1e300]])
    with database.transaction() as session:
        kept = session.scalars(sa.select(KeptState)).one()
        # As if the infinite row had led to a finite state.
        assert kept.failed_revision is not None
        kept.revision, stored = kept.failed_revision, kept.content
    result = check(client, database, deployed)
    (state,) = result["states"]
    assert (result["repaired"], result["failed"], state["failed"]) == (0, 1, True)
    assert "is not finite" in state["sentence"]
    with database.reading() as session:
        assert session.scalars(sa.select(KeptState.content)).one() == stored


def test_a_model_or_series_that_does_not_exist_is_404(client: TestClient, model: str) -> None:
    check_problem(client.post("/v1/models/none/checks"), 404)
    check_problem(client.post(f"/v1/models/{model}/checks", json={"series": "none"}), 404)
