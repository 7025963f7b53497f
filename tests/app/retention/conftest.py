"""A deployed model with forecasts that are long past, and its cleaning."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database, utc_now
from app.forecasts.tables import StoredForecast
from app.jobs import attempts
from app.jobs.task import Task
from app.retention import conditions
from app.worker import child
from app.worker.handlers import HANDLERS, load_handlers
from tests.app.conftest import ROWS, SPEC, Trainer, put_rows, weekly_rows

MODEL = "/v1/models/weekly-gru"
RETENTION = f"{MODEL}/retention"
OLD = timedelta(days=1000)


def train(client: TestClient, trainer: Trainer) -> int:
    """Add a trained version; its number."""
    body = {"name": "weekly-gru", "series": "weekly", "spec": SPEC}
    answer = client.post("/v1/models", json=body).json()
    trainer.finish(answer["job"]["id"])
    version: int = answer["version"]
    return version


def point(client: TestClient, alias: str, version: int) -> None:
    """Point an alias at a version, `champion` by force."""
    body = {"version": version, "force": True, "reason": "a test"}
    answer = client.put(f"{MODEL}/aliases/{alias}", json=body)
    assert answer.status_code == 200, answer.text


def append(client: TestClient, first: int, count: int) -> None:
    """Write `count` weeks after the first 300, one after the other."""
    for week in range(ROWS + first, ROWS + first + count):
        put_rows(client, weekly_rows(week, 1))


def age(database: Database) -> None:
    """Let all forecasts have been made long ago."""
    with database.transaction() as session:
        session.execute(sa.update(StoredForecast).values(created_at=utc_now() - OLD))


def set_rules(client: TestClient, **rules: int | None) -> dict[str, Any]:
    answer = client.put(RETENTION, json=rules)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def clean(client: TestClient, database: Database, path: str = f"{RETENTION}:clean") -> Any:
    """Ask for a cleaning, do it as a worker's child does, and give what it deleted."""
    answer = client.post(path)
    assert answer.status_code == 202, answer.text
    with database.transaction() as session:
        attempt = attempts.start(session, answer.json()["id"], "worker")
    assert attempt is not None
    child.run(Task(database, attempt), load_handlers({"clean": HANDLERS["clean"]}))
    job = client.get(answer.headers["location"]).json()
    assert (job["kind"], job["state"], job["error"]) == ("clean", "succeeded", None)
    return job["result"]["deleted"]


def performance(client: TestClient, model: str = MODEL) -> dict[tuple[Any, ...], float | None]:
    """Every figure, by version, window, lead and name; lead 0 is all of them."""
    items = client.get(f"{model}/performance").json()["items"]
    return {
        (item["version"], window["window"], figures.get("lead", 0), name): value
        for item in items
        for window in item["windows"]
        for target in window["targets"]
        for figures in (target, *target["leads"])
        for name, value in figures.items()
        if name not in ("leads", "outliers", "target", "unit")
    }


@pytest.fixture(autouse=True)
def few_watched_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred steps would need a hundred appends."""
    monkeypatch.setattr(conditions, "WATCHED_STEPS", 6)


@pytest.fixture
def aged_model(client: TestClient, database: Database, model: str) -> str:
    """A champion with 20 forecasts of long ago, each of 4 weeks."""
    point(client, "champion", 1)
    append(client, 0, 20)
    age(database)
    return model
