"""A pool of child processes that read files, started when they are needed."""

import dataclasses
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from typing import IO, Annotated, Any

import anyio
import anyio.to_thread
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from app.db import Database
from app.errors import FileProcessFailed
from app.ingest import uploads
from app.ingest.inspection import InspectionRead, inspect
from app.ingest.processes import messages
from app.ingest.upload_requests import StoredUpload, UploadRequest
from app.parsing.options import ReadOptions
from app.settings import Settings

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "app.ingest.processes.child")
# Reading a file of this size blocks the interpreter for about ten milliseconds at most; asking
# another process costs 2 ms, and starting one half a second.
SMALL_BYTES = 100_000
SMALL_PACKED_BYTES = 10_000
PACKED = (b"\x1f\x8b", b"PK", b"PAR1")
IDLE_SECONDS = 60.0
STOP_SECONDS = 1.0


class ProcessLost(Exception):
    """The process ended before it answered; `code` is its exit code, negative for a signal."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class FileProcess:
    """One process that reads files, one at a time."""

    def __init__(self) -> None:
        with ExitStack() as opened:
            self._connection, theirs = map(opened.enter_context, socket.socketpair())
            self._process = subprocess.Popen(  # noqa: S603 - the command is our own
                (*COMMAND, str(theirs.fileno())),
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
            opened.pop_all()
            theirs.close()
        self.idle_since = time.monotonic()

    @property
    def pid(self) -> int:
        """The operating system's id of the process."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def ask(self, question: dict[str, Any], file: IO[bytes]) -> dict[str, Any]:
        """Send it a file with a question and return its answer.

        Raises:
            ProcessLost: If it ended before it answered.
            ServiceError: If it could not read the file, or refused it for another reason.
        """
        try:
            messages.send(self._connection, question, file)
            answer, _ = messages.receive(self._connection)
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise ProcessLost(self._process.wait()) from error
        if "refused" in answer:
            raise messages.refused(answer)
        if "unexpected" in answer:
            raise RuntimeError(f"{answer['unexpected']} in the process {self.pid}: see its log")
        return answer

    def stop(self) -> None:
        """End the process; rows that it has not committed are not stored."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._connection.close()
        if self._process.stdin is not None:
            self._process.stdin.close()


class FileProcesses:
    """Reads large files in child processes, and small ones in this process.

    At most `upload_processes` files are read at a time. Others wait, and occupy no thread of
    other requests while they wait.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self._database = database
        self._limiter = anyio.CapacityLimiter(max(settings.upload_processes, 1))
        self._lock = threading.Lock()
        self._idle: list[FileProcess] = []
        self._busy: set[FileProcess] = set()

    async def upload(self, request: UploadRequest, file: IO[bytes]) -> StoredUpload:
        """Run `uploads.upload`, in a child process if the file is large."""
        limits = {
            "limit_bytes": self.settings.decompressed_limit_bytes,
            "most_series": self.settings.split_job_series,
        }
        if self._is_read_here(file):
            return await run_in_threadpool(
                partial(uploads.upload, self._database, request, file, **limits)
            )
        question = {
            "work": "upload",
            "database_url": self._database.url.render_as_string(hide_password=False),
            "timeout_seconds": self.settings.database_timeout_seconds,
            "synchronous": self.settings.sqlite_synchronous,
            "request": dataclasses.asdict(request),
            **limits,
        }
        try:
            return StoredUpload(**await self._ask(question, file))
        except ProcessLost as lost:
            # It may have ended between the commit and the answer.
            found = await run_in_threadpool(
                uploads.stored_before, self._database, request, file, is_new=True
            )
            if found is None:
                raise _unavailable(lost) from lost
            return found

    async def inspect(self, options: ReadOptions, file: IO[bytes]) -> InspectionRead:
        """Run `inspection.inspect`, in a child process if the file is large."""
        limit_bytes = self.settings.decompressed_limit_bytes
        if self._is_read_here(file):
            return await run_in_threadpool(inspect, file, options, limit_bytes=limit_bytes)
        question = {
            "work": "inspect",
            "options": dataclasses.asdict(options),
            "limit_bytes": limit_bytes,
        }
        try:
            return InspectionRead.model_validate(await self._ask(question, file))
        except ProcessLost as lost:
            raise _unavailable(lost) from lost

    async def watch(self) -> None:
        """End processes that have been idle for `IDLE_SECONDS`, until cancelled."""
        while True:
            await anyio.sleep(IDLE_SECONDS / 4)
            await run_in_threadpool(self.end_idle, IDLE_SECONDS)

    def end_idle(self, idle_seconds: float) -> None:
        """End the processes that have been idle for at least this time."""
        since = time.monotonic() - idle_seconds
        with self._lock:
            ended = [one for one in self._idle if one.idle_since <= since]
            self._idle = [one for one in self._idle if one not in ended]
        for process in ended:
            process.stop()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            processes, self._idle, self._busy = [*self._idle, *self._busy], [], set()
        for process in processes:
            process.stop()

    def pids(self) -> list[int]:
        """The ids of the processes, busy or idle."""
        with self._lock:
            return [process.pid for process in (*self._busy, *self._idle)]

    def _is_read_here(self, file: IO[bytes]) -> bool:
        size = file.seek(0, 2)
        file.seek(0)
        limit = SMALL_PACKED_BYTES if file.read(4).startswith(PACKED) else SMALL_BYTES
        return self.settings.upload_processes == 0 or size <= limit

    async def _ask(self, question: dict[str, Any], file: IO[bytes]) -> dict[str, Any]:
        return await anyio.to_thread.run_sync(self._work, question, file, limiter=self._limiter)

    def _work(self, question: dict[str, Any], file: IO[bytes]) -> dict[str, Any]:
        process = self._take()
        try:
            return process.ask(question, file)
        finally:
            self._give_back(process)

    def _take(self) -> FileProcess:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.is_running():
                    break
            else:
                process = _start()
            self._busy.add(process)
            return process

    def _give_back(self, process: FileProcess) -> None:
        with self._lock:
            self._busy.discard(process)
            if process.is_running():
                process.idle_since = time.monotonic()
                self._idle.append(process)
                return
        process.stop()


def _start() -> FileProcess:
    try:
        return FileProcess()
    except OSError as error:
        logger.exception("no process to read a file can be started")
        message = "The machine cannot start a process to read the file."
        raise FileProcessFailed(message) from error


def _unavailable(lost: ProcessLost) -> FileProcessFailed:
    logger.error("a process that read a file ended with code %d", lost.code)
    if lost.code == -signal.SIGKILL:
        return FileProcessFailed(
            "The process that read the file was killed, most likely because the machine ran out "
            "of memory. Nothing was stored: send the file in several parts."
        )
    return FileProcessFailed(
        f"The process that read the file ended unexpectedly with code {lost.code}. Nothing was "
        "stored; the service's log may say why."
    )


async def _file_processes(request: Request) -> FileProcesses:
    processes: FileProcesses = request.app.state.file_processes
    return processes


FileProcessesDependency = Annotated[FileProcesses, Depends(_file_processes)]
