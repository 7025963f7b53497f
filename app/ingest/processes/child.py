"""A process that reads files: `python -m app.ingest.processes.child`.

It uploads a file or inspects it, and answers with the report. It writes to the database directly:
rows never travel between processes, and the web process holds none of them. Its memory has a limit,
and its parent ends it if it takes too long.
"""

import dataclasses
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from app.access.acting import acting_for
from app.access.audit import Announced, announce
from app.db import Database
from app.ingest import uploads
from app.ingest.inspection import inspect
from app.ingest.processes import messages
from app.ingest.processes.memory import is_out_of_memory, limit_memory, peak_bytes
from app.ingest.upload_requests import UploadRequest, with_tuples
from app.logs import configure_logging
from app.parsing.options import ReadOptions

logger = logging.getLogger(__name__)

# Forecasts of the web process have priority where cores are few.
NICENESS = 10
# If memory runs out, the kernel kills this process and not the service.
OUT_OF_MEMORY_SCORE = "800"


def main() -> None:
    """Answer one question after another until the parent closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    _prefer_to_be_killed()
    # What every reading imports: a library that finds no memory raises errors of its own.
    for library in ("pyarrow.compute", "pyarrow.csv", "numpy"):
        import_module(library)
    configure_logging()
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    limit_memory(int(sys.argv[2]))
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        while True:
            try:
                question, file = messages.receive(connection)
            except EOFError:
                return
            messages.send(connection, _answer(question, file) | {"peak_bytes": peak_bytes()})


def _answer(question: dict[str, Any], file: IO[bytes] | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        with file:
            return WORK[question.pop("work")](file, **question)
    except Exception as error:
        if is_out_of_memory(error):
            # The process may be in any state: end it.
            os._exit(messages.OUT_OF_MEMORY)
        known = messages.refusal(error)
        if known is None:
            logger.exception("a file could not be read")
            return {"unexpected": type(error).__name__}
        return known


def _upload(
    file: IO[bytes],
    *,
    project: str,
    audit: dict[str, Any] | None,
    database_url: str,
    timeout_seconds: float,
    request: dict[str, Any],
    limit_bytes: int,
    most_series: int,
) -> dict[str, Any]:
    database = _database(database_url, timeout_seconds)
    announce(None if audit is None else Announced(**audit))
    with acting_for(project):
        stored = uploads.upload(
            database,
            UploadRequest.from_json(request),
            file,
            limit_bytes=limit_bytes,
            most_series=most_series,
        )
    return dataclasses.asdict(stored)


def _inspect(file: IO[bytes], *, options: dict[str, Any], limit_bytes: int) -> dict[str, Any]:
    found = inspect(file, ReadOptions(**with_tuples(options)), limit_bytes=limit_bytes)
    return found.model_dump(mode="json")


WORK: dict[str, Callable[..., dict[str, Any]]] = {"upload": _upload, "inspect": _inspect}


@cache
def _database(url: str, timeout_seconds: float) -> Database:
    return Database(url, timeout_seconds=timeout_seconds)


def _prefer_to_be_killed() -> None:
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text(OUT_OF_MEMORY_SCORE)


def _end_with_parent() -> None:
    """Exit when the pipe closes that the parent holds open and never writes to."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
