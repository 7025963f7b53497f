"""Telling a process that runs from one that is gone, and from a later one with its id."""

import os
import subprocess
import sys

import pytest

from app.db import Database
from app.jobs import workers
from app.jobs.tables import Worker
from app.worker.identity import GONE, has_exited, own_identity, process_started
from app.worker.recovery import remove_dead_workers

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="processes are watched through /proc, which Linux has"
)


def worker(pid: int, started: str) -> Worker:
    return Worker(pid=pid, process_started=started)


class TestIdentity:
    @pytest.mark.unit
    def test_no_two_starts_have_the_same_name(self) -> None:
        first, second = own_identity(), own_identity()
        assert first.executor != second.executor
        assert first.machine == second.machine

    @pytest.mark.unit
    def test_a_process_that_runs_is_not_gone(self) -> None:
        own = own_identity()
        assert not has_exited(worker(own.pid, own.process_started))

    def test_a_process_that_ended_has_exited_even_before_anybody_asked_how(self) -> None:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        started = process_started(process.pid)
        assert started != GONE
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert has_exited(worker(process.pid, started))
        process.communicate()
        assert has_exited(worker(process.pid, started))

    @pytest.mark.unit
    def test_a_later_process_with_the_same_id_is_another(self) -> None:
        assert has_exited(worker(os.getpid(), "1"))


class TestBury:
    def test_only_the_gone_of_this_machine_are_forgotten(self, database: Database) -> None:
        own = own_identity()
        with database.transaction() as session:
            for executor, machine, started in (
                ("running", own.machine, own.process_started),
                ("gone", own.machine, "1"),
                ("elsewhere", "another machine", "1"),
            ):
                known = workers.Identity(executor, machine, own.pid, started, "cpu")
                workers.beat(session, known, lost_after_seconds=30)
        remove_dead_workers(database)
        with database.reading() as session:
            assert workers.live_executors(session) == {"running", "elsewhere"}
