"""A training whose loss is lost: what its owner reads, and what is kept."""

import io
import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.jobs import attempts
from app.jobs.task import Task
from app.worker import child
from app.worker.handlers import HANDLERS, load_handlers
from tests.app.test_problems import check_problem

# One update an epoch: the loss grows from epoch to epoch until it is not a number.
DIVERGING = {
    "mode": "windowed",
    "lookback": 4,
    "horizon": 2,
    "steps_per_epoch": 1,
    "epochs": 200,
    "loss": "mse",
    "layers": [{"cell": "rnn", "units": 3, "activation": "linear"}],
    "optimizer": {"name": "sgd", "learning_rate": 3.0},
    "early_stopping": {"patience": 200},
}


def diverged(client: TestClient, database: Database) -> dict[str, Any]:
    """A training job that failed because its loss was lost."""
    body = {"name": "m", "series": "weekly", "spec": DIVERGING}
    answer = client.post("/v1/models", json=body)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job"]["id"]
    with database.transaction() as session:
        attempt = attempts.start(session, job_id, "worker")
    assert attempt is not None
    child.run(Task(database, attempt), load_handlers({"train": HANDLERS["train"]}))
    job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
    return job


@pytest.mark.slow
class TestDiverged:
    @pytest.mark.one_database
    def test_the_epoch_the_cause_and_the_kept_weights_are_named(
        self, client: TestClient, database: Database, weekly: str
    ) -> None:
        job = diverged(client, database)
        assert job["state"] == "failed"
        last = job["progress"]["epoch"]
        assert last >= 1
        assert job["error"].startswith(
            f"The loss is not finite in epoch {last + 1}. The likely cause: "
            "`optimizer.learning_rate` is 3, far above the usual 0.01 of sgd: lower it."
        )
        assert "gradients are not clipped" in job["error"]
        version = client.get("/v1/models/m/versions/1").json()
        assert (version["state"], version["error"]) == ("failed", job["error"])

        content = client.get(f"/v1/jobs/{job['id']}/checkpoint").content
        with np.load(io.BytesIO(content)) as kept:
            run = json.loads(kept["meta"].tobytes())["run"]
            weights = [kept[name] for name in kept.files if name.startswith("best_")]
            same = [kept[name] for name in kept.files if name.startswith("trainable_")]
        assert run["epoch"] == last
        assert f"keeps the weights of epoch {run['best_epoch']}, the best" in job["error"]
        assert all(np.isfinite(array).all() for array in weights)
        for first, second in zip(weights, same, strict=True):
            np.testing.assert_array_equal(first, second)

    def test_what_was_kept_goes_with_the_model(
        self, client: TestClient, database: Database, weekly: str
    ) -> None:
        job = diverged(client, database)
        assert client.delete("/v1/models/m").status_code == 204
        check_problem(client.get(f"/v1/jobs/{job['id']}/checkpoint"), 404)
