"""What a client sees of jobs that ask for a device."""

from typing import Any

import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.jobs import workers
from app.jobs.workers import Identity
from tests.app.conftest import SPEC
from tests.app.test_problems import check_problem


def start_worker(database: Database, device: str) -> None:
    identity = Identity(f"{device} worker", "machine", 1, "1", device)
    with database.transaction() as session:
        workers.beat(session, identity, lost_after_seconds=30)


def train(client: TestClient, device: str | None) -> dict[str, Any]:
    body = {"name": "m", "series": "weekly", "spec": SPEC, "device": device}
    answer = client.post("/v1/models", json=body)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()["job"]
    return job


def queue_of(database: Database, job_id: str) -> str:
    """Where the engine itself has put a job."""
    schema = "" if database.is_sqlite else "dbos."
    statement = sa.text(
        f"SELECT queue_name FROM {schema}workflow_status WHERE workflow_uuid = :job"
    )
    with database.reading() as session:
        return str(session.scalar(statement, {"job": job_id}))


class TestQueued:
    def test_only_a_job_that_asks_for_a_gpu_goes_to_its_queue(
        self, client: TestClient, database: Database, weekly: str
    ) -> None:
        queues = {
            device: queue_of(database, train(client, device)["id"])
            for device in ("gpu", "cpu", None)
        }
        assert queues == {"gpu": "jobs-gpu", "cpu": "jobs", None: "jobs"}

    def test_the_answer_says_that_no_worker_has_a_gpu(
        self, client: TestClient, database: Database, weekly: str
    ) -> None:
        start_worker(database, "cpu")
        job = train(client, "gpu")
        assert job["device"] == "gpu"
        assert "no worker with one is running" in job["waiting"]
        assert client.get(f"/v1/jobs/{job['id']}").json()["waiting"] == job["waiting"]
        assert client.get("/v1/jobs").json()["items"][0]["waiting"] == job["waiting"]

        start_worker(database, "gpu:0")
        assert client.get(f"/v1/jobs/{job['id']}").json()["waiting"] is None

    def test_without_any_worker_every_queued_job_says_so(
        self, client: TestClient, database: Database, weekly: str
    ) -> None:
        job = train(client, None)
        assert job["waiting"].startswith("No worker is running")
        start_worker(database, "cpu")
        assert client.get(f"/v1/jobs/{job['id']}").json()["waiting"] is None

    def test_a_cancelled_job_waits_for_nothing(self, client: TestClient, weekly: str) -> None:
        job = train(client, "gpu")
        assert client.post(f"/v1/jobs/{job['id']}/cancel").json()["waiting"] is None

    def test_a_device_that_is_none_is_422(self, client: TestClient, weekly: str) -> None:
        body = {"name": "m", "series": weekly, "device": "gpu:0"}
        problem = check_problem(client.post("/v1/models", json=body), 422)
        assert problem["errors"][0]["pointer"] == "/device"

    def test_float16_on_a_cpu_is_422(self, client: TestClient, weekly: str) -> None:
        body = {"name": "m", "series": weekly, "spec": {"precision": "mixed_float16"}}
        problem = check_problem(client.post("/v1/models", json={**body, "device": "cpu"}), 422)
        assert problem["errors"][0]["pointer"] == "/spec/precision"
        assert client.post("/v1/models", json={**body, "device": "gpu"}).status_code == 202

    def test_a_precision_that_is_none_is_422(self, client: TestClient, weekly: str) -> None:
        body = {"name": "m", "series": weekly, "spec": {"precision": "float8"}}
        problem = check_problem(client.post("/v1/models", json=body), 422)
        assert problem["errors"][0]["pointer"] == "/spec/precision"


class TestReadiness:
    def test_jobs_that_wait_for_a_gpu_are_counted(
        self, client: TestClient, database: Database, weekly: str
    ) -> None:
        train(client, "gpu")
        assert client.get("/readyz").json()["missing"] == ["worker"]
        start_worker(database, "cpu")
        ready = client.get("/readyz").json()
        assert ready["missing"] == ["gpu_worker"]
        assert (ready["workers"], ready["gpu_workers"]) == (1, 0)
        assert ready["detail"] == (
            "1 worker running. 1 queued job asks for a GPU, and no worker has one."
        )

        start_worker(database, "gpu:0")
        ready = client.get("/readyz").json()
        assert (ready["workers"], ready["gpu_workers"], ready["missing"]) == (2, 1, [])
        assert ready["detail"] == "2 workers running."
