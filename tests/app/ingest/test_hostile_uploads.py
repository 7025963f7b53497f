"""Files that take too long or too much memory: refused, and other files are read meanwhile."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from tempfile import TemporaryFile
from typing import Any

import anyio
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from app.errors import Invalid
from app.ingest.processes import places, pool
from app.ingest.processes.pool import FileProcesses
from app.main import create_app
from app.parsing.options import ReadOptions
from app.settings import Settings
from tests.app.ingest.test_file_processes import BIG
from tests.app.ingest.test_uploads import TEXT, send, series_names
from tests.app.test_problems import check_problem

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# Ten megabytes, which take more than sixty while they are read.
LARGE = "time,a\n" + "".join(f"{1_600_000_000 + 60 * row},{row % 97}.5\n" for row in range(600_000))

Open = Callable[..., TestClient]


@pytest.fixture
def opened(settings: Settings) -> Iterator[Open]:
    """Opens the application with changed settings and one process for files."""
    clients: list[TestClient] = []

    def open_with(**changes: Any) -> TestClient:
        changed = settings.model_copy(update={"upload_processes": 1, **changes})
        client = TestClient(create_app(changed), raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client

    yield open_with
    for client in clients:
        client.__exit__(None, None, None)


def processes_of(client: TestClient) -> FileProcesses:
    found: FileProcesses = client.app.state.file_processes  # type: ignore[attr-defined]
    return found


def frozen(client: TestClient, name: str) -> tuple[threading.Thread, list[Response], int]:
    """Send a file whose process stops as soon as it is there: an endless file."""
    answers: list[Response] = []
    before = set(processes_of(client).pids())
    sender = threading.Thread(target=lambda: answers.append(send(client, BIG, name=name)))
    sender.start()
    while not (started := set(processes_of(client).pids()) - before):
        time.sleep(0.001)
    (pid,) = started
    os.kill(pid, signal.SIGSTOP)
    return sender, answers, pid


class TestLimits:
    def test_a_file_that_takes_too_long_is_413_and_its_process_is_replaced(
        self, opened: Open
    ) -> None:
        client = opened(upload_seconds=3.0)
        sender, answers, pid = frozen(client, "slow")
        sender.join()
        problem = check_problem(answers[0], 413)
        assert problem["type"].endswith("file-takes-too-long")
        assert "STATECAST_UPLOAD_SECONDS" in problem["detail"]
        assert pid not in processes_of(client).pids()
        assert series_names(client) == []

    def test_a_file_that_takes_too_much_memory_is_413(self, opened: Open) -> None:
        client = opened(upload_memory_bytes=64 * 1024 * 1024)
        for path in ("/v1/uploads:inspect", "/v1/series/big/uploads?create=true"):
            problem = check_problem(client.post(path, content=LARGE), 413)
            assert problem["type"].endswith("file-takes-too-much-memory")
            assert "STATECAST_UPLOAD_MEMORY_BYTES" in problem["detail"]
            assert processes_of(client).pids() == []
        assert send(client, TEXT).status_code == 201

    def test_a_process_that_held_much_memory_ends_after_its_file(
        self, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = opened()
        assert send(client, BIG).status_code == 201
        assert len(processes_of(client).pids()) == 1
        monkeypatch.setattr(pool, "KEPT_BYTES", 1)
        assert send(client, BIG, name="other").status_code == 201
        assert processes_of(client).pids() == []

    @pytest.mark.parametrize("magic", pool.PACKED)
    def test_what_is_packed_is_read_in_a_process_however_small_it_is(
        self, opened: Open, magic: bytes
    ) -> None:
        client = opened()
        client.post("/v1/uploads:inspect", content=magic + b"1234")
        assert len(processes_of(client).pids()) == 1


class TestQueue:
    def test_slow_files_do_not_stop_the_next_one(
        self, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(places, "SLOW_SECONDS", 0.1)
        client = opened(upload_seconds=60.0)
        sender, _, pid = frozen(client, "slow")
        assert send(client, BIG, name="next").status_code == 201
        os.kill(pid, signal.SIGKILL)
        sender.join()

    def test_a_file_that_waits_too_long_is_503_with_a_time_to_retry(
        self, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(places, "WAIT_SECONDS", 0.1)
        client = opened(upload_seconds=60.0)
        sender, _, pid = frozen(client, "slow")
        answer = send(client, BIG, name="next")
        problem = check_problem(answer, 503)
        assert problem["type"].endswith("file-processes-busy")
        assert int(answer.headers["Retry-After"]) > 0
        os.kill(pid, signal.SIGKILL)
        sender.join()
        assert send(client, BIG, name="next").status_code == 201

    def test_only_some_files_may_wait(self, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(places, "MOST_WAITING", 0)
        client = opened()
        problem = check_problem(send(client, BIG), 503)
        assert problem["type"].endswith("file-processes-busy")
        assert processes_of(client).pids() == []


class TestGone:
    def test_the_process_of_a_client_that_is_gone_is_ended(self, opened: Open) -> None:
        client = opened(upload_seconds=60.0)
        processes = processes_of(client)
        killed: list[int] = []

        async def gone() -> None:
            while not processes.pids():
                await anyio.sleep(0.001)
            killed.extend(processes.pids())
            os.kill(killed[0], signal.SIGSTOP)

        async def inspect() -> None:
            with TemporaryFile() as file:
                file.write(BIG.encode())
                await processes.inspect(ReadOptions(), file, gone)

        with pytest.raises(Invalid, match="connection was closed"):
            client.portal.call(inspect)  # type: ignore[union-attr]
        assert processes.pids() == []
        with pytest.raises(ProcessLookupError):
            os.kill(killed[0], 0)

    def test_one_that_is_gone_before_its_turn_leaves_the_queue(self, opened: Open) -> None:
        client = opened(upload_seconds=60.0)
        processes = processes_of(client)
        sender, _, pid = frozen(client, "slow")

        async def gone() -> None:
            await anyio.sleep(0.05)

        async def inspect() -> None:
            with TemporaryFile() as file:
                file.write(BIG.encode())
                await processes.inspect(ReadOptions(), file, gone)

        with pytest.raises(Invalid, match="connection was closed"):
            client.portal.call(inspect)  # type: ignore[union-attr]
        assert processes.pids() == [pid]
        os.kill(pid, signal.SIGKILL)
        sender.join()
