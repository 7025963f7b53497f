"""`statecast serve` with parts that are killed."""

import socket
from pathlib import Path

import httpx2
import psutil
import pytest

from examples.running import free_port, statecast, stop, wait_until_ready
from tests.crash.conftest import children_of, eventually


def part(serving: int, name: str) -> psutil.Process | None:
    """The process of `web` or `worker`, if it runs."""
    for process in children_of(psutil.Process(serving)):
        try:
            if name in process.cmdline():
                return process
        except psutil.NoSuchProcess:
            continue
    return None


def is_another(serving: int, name: str, before: psutil.Process) -> bool:
    now = part(serving, name)
    return now is not None and now != before


@pytest.mark.parametrize("name", ["web", "worker"])
def test_a_killed_part_is_started_again(tmp_path: Path, name: str) -> None:
    port = free_port()
    process = statecast(
        f"sqlite:///{tmp_path}/db.sqlite",
        "serve",
        "--port",
        str(port),
        STATECAST_WARM_CHILD="false",
    )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_until_ready(client, process, workers=1)
            killed = part(process.pid, name)
            assert killed is not None
            killed.kill()
            if name == "worker":
                assert client.get("/healthz").is_success
            eventually(lambda: is_another(process.pid, name, killed), "another process")
            wait_until_ready(client, process, workers=1)
        assert process.poll() is None
    finally:
        stop(process)


def test_a_taken_port_ends_it_with_an_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with socket.socket() as taken, log.open("wb") as output:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        url = f"sqlite:///{tmp_path}/db.sqlite"
        settings = {"STATECAST_WARM_CHILD": "false"}
        process = statecast(url, "serve", "--port", port, log=output, **settings)
        try:
            assert process.wait(120) == 1
        finally:
            stop(process)
    assert "The web process ended 5 times in a row" in log.read_text()
