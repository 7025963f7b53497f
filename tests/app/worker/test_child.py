"""What a job's process writes about how its job ended."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import NotFound
from app.jobs import attempts, service
from app.jobs.attempts import Attempt, Superseded
from app.jobs.tables import Job
from app.jobs.task import Publish, Task
from app.worker import child
from models.errors import DataError


@pytest.fixture
def attempt(database: Database) -> Attempt:
    with database.transaction() as session:
        job = service.enqueue(session, "count", {"epochs": 2})
        attempt = attempts.start(session, job.id, "worker")
        assert attempt is not None
        return attempt


@pytest.fixture
def task(database: Database, attempt: Attempt) -> Iterator[Task]:
    task = Task(database, attempt)
    yield task
    task.close()


def job_of(database: Database, attempt: Attempt) -> Job:
    with database.reading() as session:
        return session.get_one(Job, attempt.job_id)


def raising(error: Exception) -> dict[str, child.Handler]:
    def handler(task: Task) -> Publish:
        raise error

    return {"count": handler}


class TestRun:
    def test_the_result_is_what_was_published(
        self, database: Database, task: Task, attempt: Attempt
    ) -> None:
        def count(task: Task) -> Publish:
            task.report(phase="counting", epoch=2, epochs=2, fraction=0.9, loss=float("nan"))
            task.save_checkpoint(b"2")
            return lambda _: {"counted": 2}

        child.run(task, {"count": count})
        job = job_of(database, attempt)
        assert (job.state, job.result) == ("succeeded", {"counted": 2})
        assert (job.progress["epoch"], job.progress["fraction"]) == (2, 1.0)
        assert job.progress["loss"] is None

    @pytest.mark.parametrize("error", [DataError("The column is empty."), NotFound("It is gone.")])
    def test_an_expected_error_is_stored_with_its_message(
        self, database: Database, task: Task, attempt: Attempt, error: Exception
    ) -> None:
        child.run(task, raising(error))
        job = job_of(database, attempt)
        assert (job.state, job.error) == ("failed", str(error))

    def test_an_unexpected_error_shows_its_kind_and_no_secrets(
        self, database: Database, task: Task, attempt: Attempt
    ) -> None:
        child.run(task, raising(KeyError("password")))
        error = job_of(database, attempt).error or ""
        assert "(KeyError)" in error
        assert "password" not in error

    def test_too_little_memory_is_named(
        self, database: Database, task: Task, attempt: Attempt
    ) -> None:
        child.run(task, raising(MemoryError()))
        assert "memory" in (job_of(database, attempt).error or "")

    def test_a_kind_without_a_handler_fails(
        self, database: Database, task: Task, attempt: Attempt
    ) -> None:
        child.run(task, {})
        assert "`kind` must be one of []" in (job_of(database, attempt).error or "")

    def test_an_error_while_publishing_publishes_nothing(
        self, database: Database, task: Task, attempt: Attempt
    ) -> None:
        def publish(session: Session) -> dict[str, Any]:
            service.enqueue(session, "count", {})
            raise NotFound("The model was deleted while it was trained.")

        child.run(task, {"count": lambda _: publish})
        assert job_of(database, attempt).error == "The model was deleted while it was trained."
        with database.reading() as session:
            assert len(session.scalars(service.jobs_where()).all()) == 1

    def test_an_attempt_that_was_replaced_publishes_nothing(
        self, database: Database, task: Task, attempt: Attempt
    ) -> None:
        def count(task: Task) -> Publish:
            with database.transaction() as session:
                attempts.start(session, attempt.job_id, "another worker")
            return lambda _: {"counted": 1}

        with pytest.raises(Superseded):
            child.run(task, {"count": count})
        job = job_of(database, attempt)
        assert (job.state, job.attempt, job.result) == ("running", 2, None)


class TestLine:
    def test_a_job_survives_the_pipe(self, attempt: Attempt) -> None:
        assert child.decode(child.encode(attempt)) == attempt
