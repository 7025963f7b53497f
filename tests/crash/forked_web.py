"""Web processes that start in a moment: one process loads the code, and forks each of them.

`python -m tests.crash.forked_web` forks a web process for every port that comes on its standard
input, and answers with its process id. A hundred kills need a hundred starts.
"""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

import httpx2
import psutil

from app.worker.lifeline import die_with_parent
from examples.running import free_port
from tests.crash.conftest import ROOT, eventually

# The parsers and the numeric libraries of a web process; nothing is opened by importing them.
LOADED_BEFOREHAND = (
    "models.runtime",
    "onnxruntime",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
)


@dataclass(frozen=True)
class Web:
    """A web process and a client of its own."""

    process: psutil.Process
    client: httpx2.Client


class Template:
    """The process that forks the others."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._clients: list[httpx2.Client] = []

    def web(self) -> Web:
        """Another web process, once it answers."""
        port = free_port()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{port}\n")
        self._process.stdin.flush()
        process = psutil.Process(int(self._process.stdout.readline()))
        client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self._clients.append(client)
        eventually(lambda: _answers(client), "the web process answers")
        return Web(process, client)

    def close(self) -> None:
        """Close the clients' connections."""
        for client in self._clients:
            client.close()


@contextmanager
def template(database_url: str) -> Iterator[Template]:
    """A template on a database; what it has forked ends with it."""
    inherited = {name: value for name, value in os.environ.items() if "STATECAST" not in name}
    command = (sys.executable, "-m", "tests.crash.forked_web")
    with subprocess.Popen(
        command,
        env={**inherited, "STATECAST_DATABASE_URL": database_url},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        forks = Template(process)
        try:
            yield forks
        finally:
            process.kill()
            forks.close()


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx2.TransportError:
        return False


def _serve_forks() -> None:
    for module in LOADED_BEFOREHAND:
        import_module(module)
    import uvicorn

    from app.main import create_app

    application = create_app()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # What is loaded is not looked through, and so not copied, in every fork.
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            die_with_parent(signal.SIGKILL)
            uvicorn.run(application, port=int(line), access_log=False, log_config=None)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve_forks()
