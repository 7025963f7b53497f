"""Start, await and stop the service's processes, as a supervisor would."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx2

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 20


def statecast(
    database_url: str, *arguments: str, log: IO[bytes] | None = None, **settings: str
) -> subprocess.Popen[bytes]:
    """Start a `statecast` command on a database.

    Args:
        database_url: `STATECAST_DATABASE_URL` of the process.
        arguments: The command's name and options.
        log: Where its output goes; by default to this process's own.
        settings: More environment variables.
    """
    command = [Path(sys.executable).with_name("statecast"), *arguments]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("STATECAST_")}
    environment = {**inherited, "STATECAST_DATABASE_URL": database_url, **settings}
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and end it when it does not."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running_service(
    database_url: str, log: IO[bytes] | None = None, **settings: str
) -> Iterator[httpx2.Client]:
    """Web and worker on a free port of this machine only, and a client of them."""
    port = free_port()
    process = statecast(database_url, "serve", "--port", str(port), log=log, **settings)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_until_ready(client, process, workers=1)
            yield client
    finally:
        stop(process)


def wait_until_ready(
    client: httpx2.Client, process: subprocess.Popen[bytes], *, workers: int = 0
) -> None:
    """Return as soon as the service is ready and has this number of workers.

    Raises:
        RuntimeError: If the process ended, or took too long.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with the code {process.returncode}")
        try:
            answer = client.get("/readyz")
            if answer.is_success and answer.json().get("workers", 0) >= workers:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.01)
    raise RuntimeError(f"the service was not ready after {START_TIMEOUT_SECONDS} seconds")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def checked(answer: httpx2.Response) -> dict[str, Any]:
    """The answer's JSON.

    Raises:
        RuntimeError: If the answer is an error, with its sentence.
    """
    body: dict[str, Any] = answer.json()
    if answer.is_error:
        request = answer.request
        raise RuntimeError(f"{request.method} {request.url.path}: {body['detail']}")
    return body
