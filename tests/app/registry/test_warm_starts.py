"""Warm starts over HTTP: accepted or refused, trained by the real handler, verified."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.jobs import attempts
from app.jobs.task import Task
from app.registry.queries import get_version
from app.worker import child
from app.worker.handlers import HANDLERS, load_handlers
from tests.app.conftest import ROWS, SPEC, put_rows, weekly_rows
from tests.app.test_problems import check_problem


def ask(client: TestClient, start: object, series: str = "weekly") -> Any:
    body = {"name": "weekly-gru", "series": series, "spec": SPEC, "warm_start": start}
    return client.post("/v1/models", json=body)


def run(client: TestClient, database: Database, job_id: str) -> dict[str, Any]:
    """Do the job as a worker's child does it."""
    with database.transaction() as session:
        attempt = attempts.start(session, job_id, "worker")
    assert attempt is not None
    child.run(Task(database, attempt), load_handlers(HANDLERS))
    job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
    return job


@pytest.mark.slow
class TestTrained:
    # The same lines run on both databases in the tests of training and verification.
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_it_begins_with_the_weights_and_is_verified_with_them(
        self, client: TestClient, database: Database, model: str
    ) -> None:
        put_rows(client, weekly_rows(ROWS, 60))
        queued = ask(client, 1)
        assert queued.status_code == 202, queued.text
        assert run(client, database, queued.json()["job"]["id"])["error"] is None
        first, second = (client.get(f"/v1/models/{model}/versions/{n}").json() for n in (1, 2))
        assert (first["started_from"], second["started_from"]) == (None, 1)
        assert second["training"]["start"] == {
            "weights_sha256": first["training"]["weights_sha256"],
            "taken": True,
            "reason": None,
        }
        verify = f"/v1/models/{model}/versions/2/verify"
        verified = run(client, database, client.post(verify).json()["id"])
        assert verified["result"]["identical"] is True
        with database.transaction() as session:
            session.delete(get_version(session, model, "1")[0])
        failed = run(client, database, client.post(verify).json()["id"])
        assert failed["state"] == "failed"
        assert "starts from the weights of version 1, which was deleted" in failed["error"]


# What is refused does not reach the database.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestRefused:
    def test_a_version_that_is_not_there_is_404(self, client: TestClient, model: str) -> None:
        for start in (7, "champion", 2**31 - 1):
            check_problem(ask(client, start), 404)

    def test_one_that_is_not_trained_is_409(self, client: TestClient, model: str) -> None:
        assert ask(client, None).status_code == 202
        check_problem(ask(client, 2), 409)

    def test_one_of_another_series_is_409(self, client: TestClient, model: str) -> None:
        client.post("/v1/series", json={"name": "other", "kind": "generic"})
        put_rows(client, weekly_rows(0, ROWS), "other")
        body = check_problem(ask(client, 1, "other"), 409)
        assert "version 1, which learnt from weekly" in body["detail"]
        assert len(client.get(f"/v1/models/{model}/versions").json()["items"]) == 1
