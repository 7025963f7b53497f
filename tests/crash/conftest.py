"""Real processes that are killed, stopped and frozen; none is left when a test ends."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import psutil
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from app.db import Database
from app.jobs import service
from app.jobs.tables import UNFINISHED, Job, JobState, Worker
from examples.running import free_port
from tests.crash.forked import Forked, fork

PATIENCE_SECONDS = 120
HURRY = {"STATECAST_HEARTBEAT_SECONDS": "0.5", "STATECAST_RECOVERY_SECONDS": "0.5"}


def eventually(happened: Callable[[], bool], what: str) -> None:
    """Wait until something has happened; how long it takes is not what is tested."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {what}"
        time.sleep(0.02)


@dataclass
class Fleet:
    """The processes of a test and the jobs they work on."""

    database: Database
    database_url: str
    started: list[Forked] = field(default_factory=list)

    def counting_worker(self, *, lost_seconds: float = 30, device: str = "cpu") -> Forked:
        """A worker whose jobs only count; it is dead after `lost_seconds` without a heartbeat.

        On a busy machine a living worker may be silent for a few seconds too. Jobs that only
        count do not use a GPU, so a worker may claim to have one.
        """
        settings = {
            "STATECAST_WORKER_LOST_SECONDS": str(lost_seconds),
            "STATECAST_DEVICE": device,
        }
        return self.start("counting_worker", **settings)

    def training_worker(self) -> Forked:
        """The worker as it is."""
        return self.start("training_worker")

    @contextmanager
    def web(self, **settings: str) -> Iterator[tuple[Forked, httpx2.Client]]:
        """A web process and a client of it."""
        port = free_port()
        process = self.start("web", STATECAST_PORT=str(port), **settings)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            eventually(lambda: _answers(client), "the web process answers")
            yield process, client

    def start(self, entrance: str, **settings: str) -> Forked:
        """Start a process of the service on the test's database."""
        environment = {
            **{name: value for name, value in os.environ.items() if "STATECAST" not in name},
            **HURRY,
            "STATECAST_WARM_CHILD": "false",
            "STATECAST_DATABASE_URL": self.database_url,
            **settings,
        }
        process = fork(entrance, environment)
        self.started.append(process)
        return process

    def enqueue(self, kind: str, *, device: str | None = None, **subject: Any) -> str:
        with self.database.transaction() as session:
            return service.enqueue(session, kind, subject, device=device).id

    def job(self, job_id: str) -> Job:
        with self.database.reading() as session:
            return service.get_job(session, job_id)

    def wait_for_epoch(self, job_id: str, epoch: int, *, attempt: int = 1) -> None:
        def reached() -> bool:
            job = self.job(job_id)
            assert job.state in UNFINISHED, (job.state, job.error)
            return job.attempt >= attempt and (job.progress["epoch"] or 0) >= epoch

        eventually(reached, f"epoch {epoch} of attempt {attempt}")

    def wait_for_end(self, job_id: str) -> Job:
        eventually(lambda: self.job(job_id).state not in UNFINISHED, "the job's end")
        return self.job(job_id)

    def runs_one_of(self, worker: psutil.Process, jobs: list[Job]) -> bool:
        """Whether a worker is in the middle of one of the jobs."""
        running = {job.executor for job in jobs if job.state is JobState.RUNNING}
        with self.database.reading() as session:
            statement = sa.select(Worker.pid).where(Worker.executor.in_(running))
            return worker.pid in session.scalars(statement).all()

    def freeze(self, job_id: str, processes: list[psutil.Process]) -> None:
        """Stop processes between two writes.

        One that is stopped inside a write keeps the database's lock, and no service could
        take its job over before it goes on or dies.
        """

        def frozen() -> bool:
            for process in processes:
                process.suspend()
            if self._is_free(job_id):
                return True
            for process in processes:
                process.resume()
            return False

        eventually(frozen, "a moment without a write")

    def _is_free(self, job_id: str) -> bool:
        hurried = Database(self.database_url, timeout_seconds=0.2)
        try:
            with hurried.transaction() as session:
                session.get_one(Job, job_id, with_for_update=True)
        except OperationalError:
            return False
        else:
            return True
        finally:
            hurried.dispose()

    def end(self) -> None:
        """Kill whatever is left."""
        for process in self.started:
            for one in [*children_of(process), process]:
                with_signal(one, signal.SIGKILL)
        for process in self.started:
            process.wait(PATIENCE_SECONDS)


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx2.TransportError:
        return False


def children_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """Processes that do nothing for a moment, so that what is read of them still holds."""
    for process in processes:
        with_signal(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with_signal(process, signal.SIGCONT)


def with_signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def kill(process: Forked) -> list[psutil.Process]:
    """`kill -9`, and the children that the process had."""
    orphans = children_of(process)
    process.kill()
    process.wait(PATIENCE_SECONDS)
    return orphans


def are_gone(processes: list[psutil.Process]) -> bool:
    """Whether all have ended; zombies count, because their parent may be gone."""
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


@pytest.fixture
def fleet(database: Database, database_url: str) -> Iterator[Fleet]:
    """Processes on an empty database of one of the two kinds."""
    fleet = Fleet(database, database_url)
    yield fleet
    fleet.end()
