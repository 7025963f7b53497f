"""Very large uploads: a job reads them, and what becomes of it when it is read, refused or lost."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.ingest import kept_files, tasks
from app.jobs import attempts
from app.jobs.tables import Job
from app.jobs.task import Task
from app.main import create_app
from app.series.tables import KeptFile, KeptPiece
from app.settings import Settings
from app.worker.child import run
from app.worker.handlers import load_handlers
from tests.app.ingest.test_uploads import TEXT, send, series_names
from tests.app.parsing.files import packed
from tests.app.test_problems import check_problem

HANDLERS = load_handlers({"upload": "app.ingest.tasks:read_upload"})


@pytest.fixture
def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The application, to which any file is very large."""
    monkeypatch.setattr(kept_files, "PIECE_BYTES", 50)
    changed = settings.model_copy(update={"upload_job_bytes": 60})
    with TestClient(create_app(changed), raise_server_exceptions=False) as client:
        yield client


def work(database: Database, job_id: str) -> None:
    """Do a job as a worker's child does."""
    with database.transaction() as session:
        attempt = attempts.start(session, job_id, "worker")
    assert attempt is not None
    run(Task(database, attempt), HANDLERS)


def pieces(database: Database) -> tuple[int, int]:
    """How many files are kept, and in how many pieces."""
    with database.reading() as session:
        counts = [session.scalar(sa.select(sa.func.count()).select_from(t)) for t in TABLES]
    return counts[0] or 0, counts[1] or 0


TABLES = (KeptFile, KeptPiece)


class TestVeryLargeFile:
    def test_it_is_a_job_whose_result_is_the_report(
        self, client: TestClient, database: Database
    ) -> None:
        content = packed(TEXT)
        answer = send(client, content)
        job = answer.json()
        assert (answer.status_code, job["kind"], job["state"]) == (202, "upload", "queued")
        assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
        assert (series_names(client), pieces(database)) == ([], (1, 2))
        work(database, job["id"])
        done = client.get(f"/v1/jobs/{job['id']}").json()
        assert (done["state"], done["progress"]["fraction"]) == ("succeeded", 1.0)
        report = client.get(done["result"]["location"]).json()
        assert report == done["result"]["report"]
        assert (report["rows_stored"], client.get("/v1/series/days").json()["rows"]) == (10, 10)
        assert pieces(database) == (0, 0)
        again = send(client, content)
        assert (again.status_code, again.json()) == (200, report)

    def test_the_same_bytes_sent_twice_at_once_are_stored_once(
        self, client: TestClient, database: Database
    ) -> None:
        jobs = [send(client, TEXT).json()["id"] for _ in range(2)]
        for job in jobs:
            work(database, job)
        first, second = (client.get(f"/v1/jobs/{job}").json()["result"] for job in jobs)
        assert (first["is_new"], second["is_new"]) == (True, False)
        assert first["report"] == second["report"]

    def test_a_refused_file_is_a_failed_job_in_words_and_leaves_nothing(
        self, client: TestClient, database: Database
    ) -> None:
        job = send(client, "date,a\n" + "01/02/2024,1\n02/03/2024,2\n" * 5).json()["id"]
        work(database, job)
        done = client.get(f"/v1/jobs/{job}").json()
        assert done["state"] == "failed"
        assert "`timestamp_format=%d/%m/%Y`" in done["error"]
        assert (series_names(client), pieces(database)) == ([], (0, 0))

    def test_a_cancelled_one_stores_nothing(self, client: TestClient, database: Database) -> None:
        job = send(client, TEXT).json()["id"]
        assert client.post(f"/v1/jobs/{job}/cancel").status_code == 200
        assert (series_names(client), pieces(database)) == ([], (0, 0))

    def test_an_attempt_that_was_superseded_stores_nothing(
        self, client: TestClient, database: Database
    ) -> None:
        job = send(client, TEXT).json()["id"]
        with database.transaction() as session:
            late = attempts.start(session, job, "frozen")
        work(database, job)
        assert late is not None
        with pytest.raises(attempts.Superseded):
            run(Task(database, late), {"upload": _store_again})
        with database.reading() as session:
            assert session.get_one(Job, job).state == "succeeded"
        assert client.get("/v1/series/days").json()["revision"] == 1

    def test_what_nobody_can_read_is_refused_at_once(
        self, client: TestClient, database: Database
    ) -> None:
        check_problem(send(client, TEXT, create=False), 404)
        assert pieces(database) == (0, 0)


def _store_again(task: Task) -> None:
    task.finish_long(lambda session: {"rows": session.connection().closed})


class TestManySeries:
    TEXT = "Date,Symbol,price\n" + "".join(
        f"{day}/01/2024,S{number},{day * number}\n"
        for day in (13, 14, 15)
        for number in range(1, 6)
    )

    @pytest.fixture
    def client(self, settings: Settings) -> Any:
        """The application, to which more than four series are many."""
        changed = settings.model_copy(update={"split_job_series": 4})
        with TestClient(create_app(changed), raise_server_exceptions=False) as client:
            yield client

    def upload(self, client: TestClient, text: str) -> Any:
        return client.post("/v1/series/m/uploads", params={"split": "Symbol"}, content=text)

    def test_they_are_stored_by_a_job_that_names_each(
        self, client: TestClient, database: Database
    ) -> None:
        answer = self.upload(client, self.TEXT)
        assert (answer.status_code, series_names(client)) == (202, [])
        work(database, answer.json()["id"])
        done = client.get(f"/v1/jobs/{answer.json()['id']}").json()
        assert (done["state"], done["result"]["is_new"]) == ("succeeded", True)
        report = done["result"]["report"]
        assert (report["series"], report["rows_stored"], report["cadence"]) == (5, 15, "1D")
        assert report["items"][4]["series"] == "m-S5"
        shown = client.get(f"/v1/series/m-S5/uploads/{report['items'][4]['id']}").json()
        assert shown["rows_stored"] == 3
        again = self.upload(client, self.TEXT)
        assert (again.status_code, len(again.json()["items"])) == (200, 5)
        assert pieces(database) == (0, 0)

    def test_fewer_are_stored_at_once(self, client: TestClient) -> None:
        few = "".join(line for line in self.TEXT.splitlines(True) if "S5" not in line)
        assert self.upload(client, few).status_code == 201


@pytest.mark.one_database
def test_a_job_whose_file_takes_too_long_fails_in_words_and_ends_its_process(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def endless(*_: Any, **__: Any) -> None:
        assert ended.wait(60)
        raise attempts.Superseded

    monkeypatch.setattr(tasks.uploads, "read", endless)
    monkeypatch.setattr(tasks.os, "_exit", lambda _: ended.set())
    monkeypatch.setattr(tasks, "get_settings", lambda: Settings(upload_job_seconds=0.01))
    job_id = send(client, packed(TEXT)).json()["id"]
    with pytest.raises(attempts.Superseded):
        work(database, job_id)
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert job["state"] == "failed"
    assert "STATECAST_UPLOAD_JOB_SECONDS" in job["error"]
    assert series_names(client) == []
