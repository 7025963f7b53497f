"""A pool of child processes that read files, started when they are needed."""

import dataclasses
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import IO, Annotated, Any

import anyio
import anyio.to_thread
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from app.access.acting import acting_project
from app.access.audit import announced_fields
from app.db import Database
from app.errors import FileProcessFailed, ServiceError
from app.ingest import uploads
from app.ingest.inspection import InspectionRead, inspect
from app.ingest.processes.places import Places
from app.ingest.processes.process import FileProcess, ProcessLost, ReadingAbandoned, refusal
from app.ingest.upload_requests import StoredUpload, UploadRequest
from app.parsing.options import ReadOptions
from app.settings import Settings

logger = logging.getLogger(__name__)

# Reading a text of this size blocks the interpreter for about ten milliseconds at most; asking
# another process costs 2 ms, and starting one half a second.
SMALL_BYTES = 100_000
# The size of these says little about what they hold once unpacked.
PACKED = (b"\x1f\x8b", b"PK", b"PAR1", b"ARRO", b"\xff\xff\xff\xff")
IDLE_SECONDS = 60.0
# A process that has held more is ended after its file: it would keep much of it.
KEPT_BYTES = 512 * 1024 * 1024

# Returns when the client that sent a file is gone.
Gone = Callable[[], Awaitable[None]]


class FileProcesses:
    """Reads large files in child processes, and small ones in this process.

    At most `upload_processes` files are read at a time, and as many again that are slow. Others
    wait, and occupy no thread of other requests while they wait. A process whose client is gone,
    or that takes too long, is ended, and another one takes its place.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self._database = database
        count = max(settings.upload_processes, 1)
        self._places = Places(count)
        self._threads = anyio.CapacityLimiter(2 * count)
        self._lock = threading.Lock()
        self._idle: list[FileProcess] = []
        self._busy: set[FileProcess] = set()

    async def upload(self, request: UploadRequest, file: IO[bytes], gone: Gone) -> StoredUpload:
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
            "project": acting_project(),
            "audit": announced_fields(),
            "database_url": self._database.url.render_as_string(hide_password=False),
            "timeout_seconds": self.settings.database_timeout_seconds,
            "request": dataclasses.asdict(request),
            **limits,
        }
        try:
            return StoredUpload(**await self._ask(question, file, gone))
        except ProcessLost as lost:
            # It may have ended between the commit and the answer.
            found = await run_in_threadpool(
                uploads.stored_before, self._database, request, file, is_new=True
            )
            if found is None:
                raise self._refusal(lost) from lost
            return found

    async def inspect(self, options: ReadOptions, file: IO[bytes], gone: Gone) -> InspectionRead:
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
            return InspectionRead.model_validate(await self._ask(question, file, gone))
        except ProcessLost as lost:
            raise self._refusal(lost) from lost

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
        is_small = size <= SMALL_BYTES and not file.read(4).startswith(PACKED)
        return self.settings.upload_processes == 0 or is_small

    async def _ask(self, question: dict[str, Any], file: IO[bytes], gone: Gone) -> dict[str, Any]:
        """The answer of a process, which is ended if the client is gone."""
        reading = _Reading()
        outcome: dict[str, Any] | Exception = ReadingAbandoned(0)

        async def abandon_when_gone(scope: anyio.CancelScope) -> None:
            await gone()
            reading.abandon()
            scope.cancel()

        # Errors are raised after the group, which would put them into a group of their own.
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(abandon_when_gone, tasks.cancel_scope)
            try:
                place = await self._places.take()
                try:
                    tasks.start_soon(place.move_when_slow)
                    outcome = await anyio.to_thread.run_sync(
                        self._work, reading, question, file, limiter=self._threads
                    )
                finally:
                    place.leave()
            except Exception as error:
                outcome = error
            tasks.cancel_scope.cancel()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _work(self, reading: "_Reading", question: dict[str, Any], file: IO[bytes]) -> Any:
        process = self._take()
        try:
            reading.begin(process)
            return process.ask(question, file, timeout_seconds=self.settings.upload_seconds)
        finally:
            reading.end()
            self._give_back(process)

    def _refusal(self, lost: ProcessLost) -> ServiceError:
        logger.warning("%s: its process ended with code %d", type(lost).__name__, lost.code)
        settings = self.settings
        return refusal(
            lost, memory_bytes=settings.upload_memory_bytes, seconds=settings.upload_seconds
        )

    def _take(self) -> FileProcess:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.is_running():
                    break
            else:
                process = self._start()
            self._busy.add(process)
            return process

    def _give_back(self, process: FileProcess) -> None:
        with self._lock:
            self._busy.discard(process)
            if process.is_running() and process.peak_bytes <= KEPT_BYTES:
                process.idle_since = time.monotonic()
                self._idle.append(process)
                return
        process.stop()

    def _start(self) -> FileProcess:
        try:
            return FileProcess(self.settings.upload_memory_bytes)
        except OSError as error:
            logger.exception("no process to read a file can be started")
            message = "The machine cannot start a process to read the file."
            raise FileProcessFailed(message) from error


class _Reading:
    """The process that reads a request's file; the request may end before it has one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: FileProcess | None = None
        self._is_abandoned = False

    def begin(self, process: FileProcess) -> None:
        """Say which process it is."""
        with self._lock:
            self._process = process
            if self._is_abandoned:
                process.abandon()

    def end(self) -> None:
        """Say that the process has answered: it may now read another file."""
        with self._lock:
            self._process = None

    def abandon(self) -> None:
        """End the process: its client waits no longer."""
        with self._lock:
            self._is_abandoned = True
            if self._process is not None:
                self._process.abandon()


async def _file_processes(request: Request) -> FileProcesses:
    processes: FileProcesses = request.app.state.file_processes
    return processes


FileProcessesDependency = Annotated[FileProcesses, Depends(_file_processes)]
