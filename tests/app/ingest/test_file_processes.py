"""Large files are read beside the web process: the same answers, and what happens to a loss."""

import errno
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from httpx2 import Response

from app.db import Database
from app.ingest import receiving, storing
from app.ingest.processes import process
from app.ingest.processes.pool import FileProcesses
from app.ingest.processes.process import FileProcess, ProcessLost
from app.main import create_app
from app.settings import Settings
from tests.app.ingest.test_upload_jobs import work as finish
from tests.app.ingest.test_uploads import TEXT, send, series_names
from tests.app.test_problems import check_problem

ROWS = 20_000
FULL = "database or disk is full"
BIG = "time,a\n" + "".join(f"{1_600_000_000 + 60 * row},{row % 97}.5\n" for row in range(ROWS))
UNCLEAR = "time,a\n" + "".join(f"0{1 + row % 9}/02/2024,{row}.5\n" for row in range(ROWS))
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """The application with one process for files."""
    changed = settings.model_copy(update={"upload_processes": 1})
    with TestClient(create_app(changed), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def processes(client: TestClient) -> FileProcesses:
    """The application's processes."""
    found: FileProcesses = client.app.state.file_processes  # type: ignore[attr-defined]
    return found


class TestRead:
    def test_a_large_file_is_read_in_another_process_with_the_same_answer(
        self, client: TestClient, processes: FileProcesses
    ) -> None:
        assert send(client, TEXT).status_code == 201
        assert processes.pids() == []
        report = send(client, BIG, name="big").json()
        assert (report["rows_stored"], report["dialect"]["timestamp_format"]) == (ROWS, ["epoch_s"])
        assert len(processes.pids()) == 1
        assert processes.pids() != [os.getpid()]
        rows = client.get("/v1/series/big/observations?limit=2").json()["rows"]
        assert rows == [["2020-09-13T12:26:40Z", 0.5], ["2020-09-13T12:27:40Z", 1.5]]
        assert send(client, BIG, name="big").status_code == 200

    @on_sqlite
    def test_refusals_and_looks_at_a_file_come_back_in_words(
        self, client: TestClient, processes: FileProcesses
    ) -> None:
        problem = check_problem(send(client, UNCLEAR), 422)
        assert "`timestamp_format=%d/%m/%Y`" in problem["detail"]
        assert series_names(client) == []
        found = client.post("/v1/uploads:inspect?columns=a,b", content=UNCLEAR).json()
        assert (found["readable"], found["problems"][0]["parameters"]) == (False, [])
        assert "`columns` must name" in found["problems"][0]["message"]
        before = processes.pids()
        processes.end_idle(60)
        assert processes.pids() == before
        processes.end_idle(0)
        assert processes.pids() == []
        assert not _exists(before[0])


@on_sqlite
class TestLoss:
    def test_a_killed_process_is_an_answer_in_words_and_the_next_one_reads(
        self, client: TestClient, processes: FileProcesses
    ) -> None:
        answers: list[Response] = []
        sender = threading.Thread(target=lambda: answers.append(send(client, BIG)))
        sender.start()
        os.kill(_first_pid(processes), signal.SIGKILL)
        sender.join()
        problem = check_problem(answers[0], 503)
        assert "ran out of memory. Nothing was stored" in problem["detail"]
        assert series_names(client) == []
        assert send(client, BIG).status_code == 201

    def test_what_was_committed_before_the_loss_is_reported(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ask = FileProcess.ask

        def committed_and_lost(*arguments: Any, **named: Any) -> dict[str, Any]:
            ask(*arguments, **named)
            raise ProcessLost(-signal.SIGKILL)

        monkeypatch.setattr(FileProcess, "ask", committed_and_lost)
        answer = send(client, BIG)
        assert (answer.status_code, answer.json()["rows_stored"]) == (201, ROWS)

    def test_a_machine_without_room_for_a_process_says_so(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(process, "COMMAND", ("/nowhere",))
        check_problem(send(client, BIG), 503)


@on_sqlite
class TestDisk:
    @pytest.mark.parametrize(
        ("number", "status", "sentence"),
        [(errno.ENOSPC, 507, "is full"), (errno.EACCES, 503, "Permission denied")],
    )
    def test_a_disk_that_takes_no_file_is_named(
        self,
        client: TestClient,
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        status: int,
        sentence: str,
    ) -> None:
        def broken(**_: Any) -> Any:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(receiving, "SpooledTemporaryFile", broken)
        assert sentence in check_problem(send(client, TEXT), status)["detail"]
        assert series_names(client) == []


@pytest.mark.parametrize("work", ["upload", "job"])
@on_sqlite
def test_a_full_database_is_a_507_or_a_job_that_failed_in_words(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError(FULL))

    monkeypatch.setattr(storing, "store_table", full)
    changed = settings.model_copy(update={"upload_job_bytes": 10 if work == "job" else 10**9})
    with TestClient(create_app(changed), raise_server_exceptions=False) as client:
        answer = send(client, TEXT)
        if work == "upload":
            assert "is full" in check_problem(answer, 507)["detail"]
        else:
            finish(database, answer.json()["id"])
            done = client.get(answer.headers["location"]).json()
            assert (done["state"], "is full" in done["error"]) == ("failed", True)
        assert series_names(client) == []


def _first_pid(processes: FileProcesses) -> int:
    deadline = time.monotonic() + 30
    while not processes.pids() and time.monotonic() < deadline:
        time.sleep(0.01)
    return processes.pids()[0]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
