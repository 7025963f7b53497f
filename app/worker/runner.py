"""Run jobs in the worker's parent process: start a child for each, supervise it, store the end."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database_retry import DATABASE_ERRORS, RetryStopped, retry_until_available
from app.db import Database
from app.jobs import attempts
from app.jobs.attempts import Attempt, Instruction
from app.jobs.service import cancel
from app.jobs.tables import LIGHT_KINDS, Job
from app.request_ids import working_for
from app.worker.children import Child, Children, describe_exit
from app.worker.heartbeat import Heartbeat
from app.worker.memory import advice

logger = logging.getLogger(__name__)

# A cancelled job stops within two seconds: this interval, and one second to end the process.
WATCH_SECONDS = 0.4
# Light jobs are limited by the disk and the database, not by the processor.
LIGHT_AT_ONCE = 1
# The activity of a kind of job, for messages; all other kinds train.
WORK = {"check": "checking", "clean": "cleaning", "promote": "promoting", "upload": "reading"}

Result = TypeVar("Result")


class WorkerStopping(BaseException):
    """The worker ends before the job does.

    Not an `Exception`: the engine must not record an outcome, so that the job's entry keeps this
    worker's name and is recovered by another worker.
    """


class Ending(Enum):
    """Why an attempt is over."""

    EXITED = auto()
    """The child process has ended."""
    CANCELLED = auto()
    """A client has cancelled the job."""
    OVER = auto()
    """The job has ended, or belongs to another attempt."""
    SILENCED = auto()
    """The heartbeat did not reach the database for too long."""
    STOPPING = auto()
    """The worker stops."""


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """What was seen of a process: its exit code, and its memory at the last look."""

    code: int
    memory_bytes: int | None


class Runner:
    """Runs jobs, up to the worker's limit at the same time."""

    def __init__(
        self, database: Database, children: Children, heartbeat: Heartbeat, executor: str, room: int
    ) -> None:
        self._database = database
        self._children = children
        self._heartbeat = heartbeat
        self._executor = executor
        self._rooms = {
            False: threading.BoundedSemaphore(room),
            True: threading.BoundedSemaphore(LIGHT_AT_ONCE),
        }
        self._stopping = threading.Event()
        self._running = 0
        self._idle = threading.Condition()

    def run(self, job_id: str) -> str:
        """Run a job until it has ended, here or elsewhere."""
        with self._counted(), self._place(self._is_light(job_id)):
            try:
                attempt = self._write(lambda s: attempts.start(s, job_id, self._executor))
                while attempt is not None:
                    attempt = self._run_attempt(attempt)
            except RetryStopped:
                raise WorkerStopping from None
        self._children.warm_up()
        return job_id

    def stop(self, timeout_seconds: float) -> None:
        """Stop every job and return it to the queue, so that it runs again elsewhere or later."""
        self._stopping.set()
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0, timeout_seconds)

    def _is_light(self, job_id: str) -> bool:
        """Whether the job is of a light kind, which does not wait for trainings."""

        def kind() -> str | None:
            with self._database.reading() as session:
                return session.scalar(sa.select(Job.kind).where(Job.id == job_id))

        try:
            return retry_until_available(kind, self._stopping) in LIGHT_KINDS
        except RetryStopped:
            raise WorkerStopping from None

    def _run_attempt(self, attempt: Attempt) -> Attempt | None:
        """Run one attempt; return the next one if it has to run here."""
        try:
            with working_for(request_id=attempt.request_id, job_id=attempt.job_id):
                ending, end = self._supervise(attempt)
        except Exception as error:
            logger.exception("job %s could not be run", attempt.job_id)
            sentence = f"The worker could not run the job ({type(error).__name__}: {error})."
            self._write(lambda session: attempts.fail(session, attempt, sentence))
            return None
        return self._settle(attempt, ending, end)

    def _supervise(self, attempt: Attempt) -> tuple[Ending, ProcessEnd]:
        """Run the attempt in a child process, which has ended when this returns."""
        with self._children.take(attempt.device, attempt.kind) as child:
            logger.info("job %s: attempt %d, process %d", attempt.job_id, attempt.number, child.pid)
            child.begin(attempt)
            ending, end = self._watch(attempt, child)
        logger.info("job %s: attempt %d %s", attempt.job_id, attempt.number, ending.name.lower())
        return ending, end

    def _watch(self, attempt: Attempt, child: Child) -> tuple[Ending, ProcessEnd]:
        """Wait until the process ends or has to be ended."""
        memory_bytes = child.memory_bytes()
        while (code := child.wait(WATCH_SECONDS)) is None:
            memory_bytes = child.memory_bytes() or memory_bytes
            ending = self._reason_to_stop(attempt)
            if ending is not None:
                return ending, ProcessEnd(0, memory_bytes)
        return Ending.EXITED, ProcessEnd(code, memory_bytes)

    def _reason_to_stop(self, attempt: Attempt) -> Ending | None:
        if self._stopping.is_set():
            return Ending.STOPPING
        if self._heartbeat.is_lost():
            return Ending.SILENCED
        try:
            with self._database.reading() as session:
                instruction = attempts.instruction_for(session, attempt)
        except DATABASE_ERRORS:
            return None  # the heartbeat is lost if this lasts too long
        if instruction is Instruction.CANCEL:
            return Ending.CANCELLED
        return Ending.OVER if instruction is Instruction.ABANDON else None

    def _settle(self, attempt: Attempt, ending: Ending, end: ProcessEnd) -> Attempt | None:
        """Store how the attempt ended if its process did not; return the next one, if any."""
        if ending is Ending.EXITED:
            return self._write(lambda session: self._after_exit(session, attempt, end))
        if ending is Ending.CANCELLED:
            self._write(lambda session: cancel(session, attempt.is_current()))
        elif ending is Ending.SILENCED:
            # Without a beat the next attempt would be stopped at once, for the same reason.
            retry_until_available(self._heartbeat.beat, self._stopping)
            return self._write(lambda s: attempts.restart(s, attempt, self._executor))
        elif ending is Ending.STOPPING:
            self._write_once(lambda session: attempts.give_back(session, attempt))
            raise WorkerStopping
        return None

    def _after_exit(self, session: Session, attempt: Attempt, end: ProcessEnd) -> Attempt | None:
        """Try a job again whose process ended without storing an outcome."""
        what = WORK.get(attempt.kind, "training")
        seen = describe_exit(end.code, end.memory_bytes, advice(session, attempt), what)
        if end.code != 0:
            logger.warning("job %s: attempt %d: %s", attempt.job_id, attempt.number, seen)
        return attempts.start_again(session, attempt, self._executor, seen)

    def _write(self, work: Callable[[Session], Result]) -> Result:
        def once() -> Result:
            with self._database.transaction() as session:
                return work(session)

        return retry_until_available(once, self._stopping)

    def _write_once(self, work: Callable[[Session], Result]) -> None:
        try:
            with self._database.transaction() as session:
                work(session)
        except DATABASE_ERRORS:
            logger.warning("the job could not be returned; another worker will recover it")

    @contextmanager
    def _place(self, is_light: bool) -> Iterator[None]:
        """Wait for a free place for one child.

        The queue's limit is shared by all workers and set by the last one started. This limit is
        the worker's own.
        """
        room = self._rooms[is_light]
        while not room.acquire(timeout=WATCH_SECONDS):
            if self._stopping.is_set():
                raise WorkerStopping
        try:
            if self._stopping.is_set():
                raise WorkerStopping
            yield
        finally:
            room.release()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._idle:
            self._running += 1
        try:
            yield
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()
