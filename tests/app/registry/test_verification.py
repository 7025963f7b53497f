"""Verification over HTTP: queued, run as a job, and what its result says."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.jobs import attempts
from app.jobs.task import Task
from app.registry.queries import get_version
from app.worker import child
from app.worker.handlers import HANDLERS, load_handlers
from tests.app.conftest import SPEC
from tests.app.test_problems import check_problem


def verify(client: TestClient, model: str, version: str = "1") -> dict[str, Any]:
    answer = client.post(f"/v1/models/{model}/versions/{version}/verify")
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    return job


def run(database: Database, job_id: str) -> None:
    """Do the job as a worker's child does it."""
    with database.transaction() as session:
        attempt = attempts.start(session, job_id, "worker")
    assert attempt is not None
    child.run(Task(database, attempt), load_handlers(HANDLERS))


def outcome(client: TestClient, database: Database, model: str) -> dict[str, Any]:
    job_id = verify(client, model)["id"]
    run(database, job_id)
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert (job["state"], job["error"]) == ("succeeded", None)
    result: dict[str, Any] = job["result"]
    return result


class TestRequest:
    def test_the_answer_is_a_job_that_names_the_version(
        self, client: TestClient, model: str
    ) -> None:
        job = verify(client, model, "latest")
        assert (job["kind"], job["state"]) == ("verify", "queued")
        assert (job["subject"]["model"], job["subject"]["version"]) == (model, 1)
        listed = client.get(f"/v1/jobs?kind=verify&model={model}").json()["items"]
        assert [item["id"] for item in listed] == [job["id"]]

    def test_a_key_sent_twice_queues_once(self, client: TestClient, model: str) -> None:
        path, headers = f"/v1/models/{model}/versions/1/verify", {"Idempotency-Key": "v"}
        first, second = (client.post(path, headers=headers) for _ in range(2))
        assert first.json() == second.json()

    @pytest.mark.parametrize("path", ["none/versions/1", "weekly-gru/versions/2"])
    def test_an_unknown_version_is_404(self, client: TestClient, model: str, path: str) -> None:
        check_problem(client.post(f"/v1/models/{path}/verify"), 404)

    def test_a_version_that_is_not_trained_yet_is_409(
        self, client: TestClient, weekly: str
    ) -> None:
        client.post("/v1/models", json={"name": "m", "series": weekly, "spec": SPEC})
        body = check_problem(client.post("/v1/models/m/versions/1/verify"), 409)
        assert "queued" in body["detail"]

    def test_it_is_cancelled_when_the_model_is_deleted(
        self, client: TestClient, model: str
    ) -> None:
        job_id = verify(client, model)["id"]
        client.delete(f"/v1/models/{model}")
        assert client.get(f"/v1/jobs/{job_id}").json()["state"] == "cancelled"


@pytest.mark.slow
class TestOutcome:
    @pytest.mark.one_database
    def test_a_version_is_identical_to_its_repetition(
        self, client: TestClient, database: Database, model: str
    ) -> None:
        result = outcome(client, database, model)
        assert (result["model"], result["version"]) == (model, 1)
        assert (result["identical"], result["differences"]) == (True, [])
        stored = client.get(f"/v1/models/{model}/versions/1").json()
        assert result["weights_sha256"] == {
            "stored": stored["training"]["weights_sha256"],
            "retrained": stored["training"]["weights_sha256"],
        }
        assert result["data_sha256"]["retrained"] == stored["data"]["arrays_sha256"]

    @pytest.mark.one_database
    def test_rows_that_arrived_later_do_not_count(
        self, client: TestClient, database: Database, model: str
    ) -> None:
        body = {"columns": ["time", "y"], "rows": [["2000-01-01T00:00:00Z", 99.0]]}
        assert client.put("/v1/series/weekly/observations", json=body).status_code == 200
        assert outcome(client, database, model)["identical"] is True

    @pytest.mark.one_database
    def test_a_spec_that_was_changed_in_the_database_is_named(
        self, client: TestClient, database: Database, model: str
    ) -> None:
        with database.transaction() as session:
            version = get_version(session, model, "1")[0]
            version.spec = {**version.spec, "seed": 7}
        result = outcome(client, database, model)
        assert result["identical"] is False
        assert result["weights_sha256"]["stored"] != result["weights_sha256"]["retrained"]
        assert "`spec.seed` was 0 and is 7." in result["differences"]
        assert any(line.startswith("Forecasts of y differ") for line in result["differences"])

    def test_a_version_that_was_deleted_meanwhile_is_a_failed_job(
        self, client: TestClient, database: Database, model: str
    ) -> None:
        job_id = verify(client, model)["id"]
        with database.transaction() as session:
            attempt = attempts.start(session, job_id, "worker")
            session.delete(get_version(session, model, "1")[0])
        assert attempt is not None
        child.run(Task(database, attempt), load_handlers(HANDLERS))
        job = client.get(f"/v1/jobs/{job_id}").json()
        assert job["error"] == "The model was deleted while it was trained."
