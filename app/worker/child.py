"""The process that runs one job: `python -m app.worker.child [kind]`.

It imports the handlers of all kinds, or of the named kind only, waits for one line on its standard
input that names the job, runs the job and ends. All other data passes through the database.
"""

import dataclasses
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.access.acting import acting_for
from app.db import Database
from app.errors import ServiceError
from app.ingest.processes.memory import limit_memory
from app.jobs.attempts import Attempt, Superseded
from app.jobs.coalescing_writer import SUPERSEDED_EXIT_CODE
from app.jobs.task import Task
from app.logs import configure_logging
from app.parsing.errors import ParsingError
from app.request_ids import working_for
from app.settings import get_settings
from app.worker.handlers import HANDLERS, Handler, load_handlers
from app.worker.memory import advice, is_out_of_memory
from app.worker.parent_death import die_with_parent
from models.errors import ForecastingError

logger = logging.getLogger(__name__)

STANDARD_ERROR = 2
# The kind of job that reads a file, of which nothing is known before it is read.
UPLOAD = "upload"
# The web process on the same machine keeps its priority while a network is trained.
NICENESS = 5


def main(handlers: Mapping[str, str] = HANDLERS) -> None:
    """Wait for a job, run it, end."""
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    configure_logging()
    lines = _lines_of_parent()
    with _silent_imports():
        loaded = load_handlers(handlers)
    attempt = decode(lines.get())
    settings = get_settings()
    if attempt.kind == UPLOAD:
        limit_memory(settings.upload_memory_bytes)
    database = Database(settings.database_url, timeout_seconds=settings.database_timeout_seconds)
    try:
        with (
            working_for(request_id=attempt.request_id, job_id=attempt.job_id),
            acting_for(attempt.project),
        ):
            run(Task(database, attempt), loaded)
    except Superseded:
        logger.warning("another attempt of job %s has begun: this one ends", attempt.job_id)
        sys.exit(SUPERSEDED_EXIT_CODE)


def run(task: Task, handlers: Mapping[str, Handler]) -> None:
    """Run the job and store how it ended."""
    try:
        publish = _handler(handlers, task.attempt.kind)(task)
        if publish is not None:
            task.finish(publish)
    except Superseded:
        raise
    except (ForecastingError, ServiceError, ParsingError) as error:
        task.fail(str(error))
    except Exception as error:
        logger.exception("job %s failed unexpectedly", task.attempt.job_id)
        task.fail(_unexpected(task, error))


def encode(attempt: Attempt) -> bytes:
    """The line that names a job."""
    return json.dumps(dataclasses.asdict(attempt)).encode() + b"\n"


def decode(line: bytes) -> Attempt:
    """The job that a line names."""
    fields: dict[str, Any] = json.loads(line)
    return Attempt(**fields)


def _handler(handlers: Mapping[str, Handler], kind: str) -> Handler:
    handler = handlers.get(kind)
    if handler is None:
        message = f"`kind` must be one of {sorted(handlers)}. Received: {kind!r}"
        raise ForecastingError(message)
    return handler


def _unexpected(task: Task, error: Exception) -> str:
    if is_out_of_memory(error):
        smaller = task.read(lambda session: advice(session, task.attempt))
        return f"The training ran out of memory: {smaller}."
    return (
        f"An unexpected error ended the job ({type(error).__name__}). "
        "It is in the worker's log with the job's id."
    )


def _lines_of_parent() -> "queue.SimpleQueue[bytes]":
    """The lines that the parent writes; this process ends when the parent closes the pipe."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer:
            lines.put(line)
        os._exit(1)

    threading.Thread(target=read, name="lifeline", daemon=True).start()
    return lines


@contextmanager
def _silent_imports() -> Iterator[None]:
    """Keep TensorFlow's start messages out of the log; its log level does not suppress them.

    Python exceptions are still reported after the context. In a process without a visible GPU the
    level also hides the warning about that.
    """
    sees_gpu = bool(os.environ.get("CUDA_VISIBLE_DEVICES"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1" if sees_gpu else "3")
    kept = os.dup(STANDARD_ERROR)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, STANDARD_ERROR)
    try:
        yield
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(nothing)
        os.close(kept)


if __name__ == "__main__":
    main({kind: HANDLERS[kind] for kind in sys.argv[1:]} or HANDLERS)
