"""Jobs over HTTP."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.jobs import attempts, service, workers
from app.jobs.attempts import Attempt
from app.jobs.tables import NO_PROGRESS
from app.jobs.workers import Identity
from app.main import create_app
from app.settings import Settings
from tests.app.test_problems import check_problem

ALIVE = Identity("alive", "machine", 1, "1", "cpu")


def enqueue(database: Database, model: str = "m") -> str:
    with database.transaction() as session:
        return service.enqueue(session, "train", {"model": model, "version": 1}).id


def start(database: Database, job_id: str) -> Attempt:
    with database.transaction() as session:
        workers.beat(session, ALIVE, lost_after_seconds=30)
        attempt = attempts.start(session, job_id, ALIVE.executor)
        assert attempt is not None
        return attempt


def report(database: Database, attempt: Attempt, epoch: int) -> None:
    with database.transaction() as session:
        attempts.report(session, attempt, {**NO_PROGRESS, "epoch": epoch})


def succeed(database: Database, attempt: Attempt) -> None:
    with database.transaction() as session:
        attempts.succeed(session, attempt, lambda _: {"model": "m", "version": 1})


def events(lines: Iterator[str]) -> list[dict[str, Any]]:
    """Server-sent events from the lines of a stream."""
    found: list[dict[str, Any]] = [{}]
    for line in lines:
        field, _, value = line.partition(": ")
        if line == "":
            found.append({})
        elif field:
            found[-1][field] = json.loads(value) if field == "data" else value
    return [event for event in found if event]


class TestRead:
    def test_a_queued_job_shows_every_field(self, client: TestClient, database: Database) -> None:
        job_id = enqueue(database)
        body = client.get(f"/v1/jobs/{job_id}").json()
        created_at = body.pop("created_at")
        assert created_at.endswith("Z")
        assert body == {
            "id": job_id,
            "kind": "train",
            "subject": {"model": "m", "version": 1},
            "device": None,
            "state": "queued",
            "waiting": "No worker is running: the job waits in the queue until one is started.",
            "progress": NO_PROGRESS,
            "error": None,
            "result": None,
            "request_id": None,
            "started_at": None,
            "finished_at": None,
        }

    def test_an_unknown_job_is_a_404(self, client: TestClient) -> None:
        answer = client.get("/v1/jobs/nothing")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"

    def test_pages_go_from_the_newest_to_the_oldest(
        self, client: TestClient, database: Database
    ) -> None:
        ids = sorted(enqueue(database) for _ in range(3))
        first = client.get("/v1/jobs", params={"limit": 2}).json()
        second = client.get("/v1/jobs", params={"limit": 2, "cursor": first["next"]}).json()
        assert [job["id"] for job in first["items"] + second["items"]] == ids[::-1]
        assert second["next"] is None

    def test_lists_are_filtered(self, client: TestClient, database: Database) -> None:
        wanted, _ = enqueue(database, "wanted"), enqueue(database, "other")
        query = {"model": "wanted", "state": "queued", "kind": "train"}
        listed = client.get("/v1/jobs", params=query).json()
        assert [job["id"] for job in listed["items"]] == [wanted]

    def test_an_unknown_state_is_a_422(self, client: TestClient) -> None:
        assert client.get("/v1/jobs", params={"state": "asleep"}).status_code == 422


class TestCancel:
    def test_a_queued_job_is_cancelled_at_once(
        self, client: TestClient, database: Database
    ) -> None:
        answer = client.post(f"/v1/jobs/{enqueue(database)}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")

    def test_a_running_job_is_stopped_by_its_worker(
        self, client: TestClient, database: Database
    ) -> None:
        attempt = start(database, enqueue(database))
        answer = client.post(f"/v1/jobs/{attempt.job_id}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (202, "running")

    def test_a_job_that_has_ended_is_a_409(self, client: TestClient, database: Database) -> None:
        attempt = start(database, enqueue(database))
        succeed(database, attempt)
        answer = client.post(f"/v1/jobs/{attempt.job_id}/cancel")
        assert answer.status_code == 409
        assert "succeeded" in answer.json()["detail"]

    def test_an_unknown_job_is_a_404(self, client: TestClient) -> None:
        assert client.post("/v1/jobs/nothing/cancel").status_code == 404


class TestFollow:
    def test_the_stream_tells_the_whole_story_and_ends(
        self, client: TestClient, database: Database
    ) -> None:
        attempt = start(database, enqueue(database))
        report(database, attempt, 1)
        succeed(database, attempt)
        with client.stream("GET", f"/v1/jobs/{attempt.job_id}/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            reported = events(stream.iter_lines())
        assert [(e["id"], e["event"], e["data"]["state"]) for e in reported] == [
            ("1", "state", "queued"),
            ("2", "state", "running"),
            ("3", "progress", "running"),
            ("4", "state", "succeeded"),
        ]
        assert reported[-1]["data"] == client.get(f"/v1/jobs/{attempt.job_id}").json()

    def test_a_client_that_comes_back_gets_what_it_missed(
        self, client: TestClient, database: Database
    ) -> None:
        attempt = start(database, enqueue(database))
        report(database, attempt, 1)
        succeed(database, attempt)
        url, headers = f"/v1/jobs/{attempt.job_id}/events", {"Last-Event-ID": "3"}
        with client.stream("GET", url, headers=headers) as stream:
            assert [event["id"] for event in events(stream.iter_lines())] == ["4"]

    def test_the_stream_goes_on_while_the_job_does(
        self, client: TestClient, database: Database
    ) -> None:
        attempt = start(database, enqueue(database))
        ending = threading.Timer(0.5, succeed, (database, attempt))
        ending.start()
        with client.stream("GET", f"/v1/jobs/{attempt.job_id}/events") as stream:
            reported = events(stream.iter_lines())
        ending.join()
        assert [event["data"]["state"] for event in reported] == ["queued", "running", "succeeded"]

    def test_an_unknown_job_is_a_404(self, client: TestClient) -> None:
        assert client.get("/v1/jobs/nothing/events").status_code == 404


class TestCheckpoint:
    def test_it_can_be_downloaded_while_a_job_runs_and_after_it_failed(
        self, client: TestClient, database: Database
    ) -> None:
        attempt = start(database, enqueue(database))
        with database.transaction() as session:
            attempts.save_checkpoint(session, attempt, b"weights")
        path = f"/v1/jobs/{attempt.job_id}/checkpoint"
        assert client.get(path).content == b"weights"
        with database.transaction() as session:
            attempts.fail(session, attempt, "The loss is not a number.")
        answer = client.get(path)
        assert answer.content == b"weights"
        assert f'filename="{attempt.job_id}.npz"' in answer.headers["content-disposition"]

    def test_a_job_that_succeeded_has_none(self, client: TestClient, database: Database) -> None:
        attempt = start(database, enqueue(database))
        with database.transaction() as session:
            attempts.save_checkpoint(session, attempt, b"weights")
        succeed(database, attempt)
        body = check_problem(client.get(f"/v1/jobs/{attempt.job_id}/checkpoint"), 404)
        assert body["detail"].endswith(
            "it succeeded, and only an unfinished or failed one keeps it."
        )

    def test_one_that_has_not_saved_any_says_so(
        self, client: TestClient, database: Database
    ) -> None:
        body = check_problem(client.get(f"/v1/jobs/{enqueue(database)}/checkpoint"), 404)
        assert body["detail"].endswith("it has not saved any.")

    def test_an_unknown_job_is_404(self, client: TestClient) -> None:
        check_problem(client.get("/v1/jobs/nothing/checkpoint"), 404)


class TestBusyDatabase:
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_a_locked_database_is_a_503_that_says_when_to_come_again(
        self, settings: Settings, database: Database
    ) -> None:
        job_id = enqueue(database)
        impatient = settings.model_copy(update={"database_timeout_seconds": 0.1})
        with TestClient(create_app(impatient), raise_server_exceptions=False) as client:
            with database.transaction():
                answer = client.post(f"/v1/jobs/{job_id}/cancel")
                assert answer.status_code == 503
                assert int(answer.headers["retry-after"]) >= 1
            assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
