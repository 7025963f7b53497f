"""A small trained model, made once: its weights are real, only the worker is left out."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.jobs.tables import Job, JobState
from app.registry.service import publish, training_input
from tests.app.deployed import point

if TYPE_CHECKING:
    from models.training.trained import Trained

START = datetime(2000, 1, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)
ROWS = 300
SPEC = {"horizon": 4, "epochs": 2, "layers": [{"cell": "gru", "units": 4}]}
DIRECTION: dict[str, Any] = {
    "task": "direction",
    "horizon": 3,
    "epochs": 2,
    "layers": [{"cell": "gru", "units": 4}],
    "dead_band": {"size": 50, "unit": "bps"},
}


def weekly_value(week: int) -> float:
    """y = 10 + 3 sin(2 pi week / 52) + week / 100."""
    return float(10 + 3 * np.sin(2 * np.pi * week / 52) + week / 100)


def weekly_rows(first: int, count: int) -> list[list[Any]]:
    """Rows of the series as a client sends them."""
    weeks = range(first, first + count)
    return [[(START + week * WEEK).isoformat(), weekly_value(week)] for week in weeks]


def put_rows(client: TestClient, rows: list[list[Any]], series: str = "weekly") -> dict[str, Any]:
    """Write observations of the one channel `y`."""
    body = {"columns": ["time", "y"], "rows": rows}
    answer = client.put(f"/v1/series/{series}/observations", json=body)
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


@dataclass
class Trainer:
    """Does a worker's work at once, with one trained network for every version."""

    database: Database
    trained: list["Trained"]

    def finish(self, job_id: str) -> None:
        """End a queued training as a worker would."""
        with self.database.transaction() as session:
            if not self.trained:
                from models.training.train import train

                given = training_input(session, job_id)
                self.trained.append(train(given.spec, given.data, progress=lambda _: None))
            publish(session, job_id, self.trained[0])
            session.get_one(Job, job_id).state = JobState.SUCCEEDED


@pytest.fixture(scope="session")
def trained_once() -> list["Trained"]:
    """The network, once the first test has needed it."""
    return []


@pytest.fixture
def trainer(database: Database, trained_once: list["Trained"]) -> Trainer:
    """Ends trainings without a worker."""
    return Trainer(database, trained_once)


@pytest.fixture
def weekly(client: TestClient) -> str:
    """A series of 300 weeks."""
    answer = client.post("/v1/series", json={"name": "weekly", "kind": "generic"})
    assert answer.status_code == 201, answer.text
    put_rows(client, weekly_rows(0, ROWS))
    return "weekly"


@pytest.fixture
def model(client: TestClient, weekly: str, trainer: Trainer) -> str:
    """A model with one trained version."""
    body = {"name": "weekly-gru", "series": weekly, "spec": SPEC}
    answer = client.post("/v1/models", json=body)
    assert answer.status_code == 202, answer.text
    trainer.finish(answer.json()["job"]["id"])
    return "weekly-gru"


@pytest.fixture
def deployed(database: Database, model: str) -> str:
    """The small model, its version 1 being the champion."""
    point(database, model, "champion", 1)
    return model


@pytest.fixture(scope="session")
def trained_direction() -> list["Trained"]:
    """The network of classes, once the first test has needed it."""
    return []


@pytest.fixture
def direction(
    client: TestClient, weekly: str, database: Database, trained_direction: list["Trained"]
) -> str:
    """A model of the directions of a weekly series."""
    body = {"name": "weekly-direction", "series": weekly, "spec": DIRECTION}
    answer = client.post("/v1/models", json=body)
    assert answer.status_code == 202, answer.text
    Trainer(database, trained_direction).finish(answer.json()["job"]["id"])
    return "weekly-direction"
