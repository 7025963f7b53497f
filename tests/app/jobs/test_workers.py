"""Heartbeats: who is alive, by the database's clock."""

from datetime import timedelta

from sqlalchemy.orm import Session

from app.db import Database, utc_now
from app.jobs import workers
from app.jobs.tables import Worker
from app.jobs.workers import Identity


def identity(executor: str, machine: str = "here") -> Identity:
    return Identity(executor, machine, 4711, "123456", "cpu")


def beat(session: Session, executor: str, *, lost_after_seconds: float = 30) -> None:
    workers.beat(session, identity(executor), lost_after_seconds=lost_after_seconds)


class TestBeat:
    def test_a_worker_that_beats_is_alive(self, database: Database) -> None:
        with database.transaction() as session:
            assert len(workers.live_executors(session)) == 0
            beat(session, "a")
            beat(session, "b")
            beat(session, "a")
            assert workers.live_executors(session) == {"a", "b"}
            assert len(workers.live_executors(session)) == 2
            assert workers.is_live(session, "a")
            assert not workers.is_live(session, "c")

    def test_a_worker_that_is_silent_too_long_is_not(self, database: Database) -> None:
        with database.transaction() as session:
            beat(session, "silent", lost_after_seconds=-1)
            assert len(workers.live_executors(session)) == 0
            beat(session, "silent")
            assert workers.live_executors(session) == {"silent"}

    def test_the_clock_is_that_of_the_database(self, database: Database) -> None:
        with database.transaction() as session:
            beat(session, "a")
        with database.reading() as session:
            worker = session.get_one(Worker, "a")
            assert abs(worker.beat_at - utc_now()) < timedelta(minutes=1)
            assert worker.alive_until - worker.beat_at >= timedelta(seconds=29)


class TestRemove:
    def test_a_worker_that_says_goodbye_is_forgotten(self, database: Database) -> None:
        with database.transaction() as session:
            beat(session, "a")
            beat(session, "b")
            workers.remove(session, ["a"])
            assert workers.live_executors(session) == {"b"}

    def test_the_dead_are_forgotten_and_the_living_are_not(self, database: Database) -> None:
        with database.transaction() as session:
            beat(session, "dead", lost_after_seconds=-1)
            beat(session, "alive")
            workers.remove_dead(session)
            assert [w.executor for w in workers.workers_of_machine(session, "here")] == ["alive"]
            assert workers.workers_of_machine(session, "elsewhere") == []
