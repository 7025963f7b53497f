"""Jobs as a client of the service has them: queued, found, cancelled."""

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import Conflict, NotFound
from app.jobs import attempts, service, workers
from app.jobs.events import events_after
from app.jobs.tables import JobState
from app.jobs.workers import Identity

ALIVE = Identity("alive", "machine", 1, "1", "cpu")


def queued(session: Session, model: str = "m") -> str:
    return service.enqueue(session, "train", {"model": model, "version": 1}).id


def queue_and_fail(database: Database) -> None:
    with database.transaction() as session:
        queued(session)
        raise ZeroDivisionError


def engine_entries(database: Database) -> list[tuple[str, str, str]]:
    """What the engine itself has stored, whatever its library says."""
    schema = "" if database.is_sqlite else "dbos."
    statement = f"SELECT workflow_uuid, status, serialization FROM {schema}workflow_status"
    with database.reading() as session:
        return [tuple(row) for row in session.execute(sa.text(statement))]


class TestEnqueue:
    def test_the_job_and_the_engine_s_entry_are_stored_together(self, database: Database) -> None:
        with database.transaction() as session:
            job_id = queued(session)
        assert engine_entries(database) == [(job_id, "ENQUEUED", "portable_json")]
        with database.reading() as session:
            job = service.get_job(session, job_id)
            assert (job.state, job.attempt, job.progress["fraction"]) == ("queued", 0, 0.0)

    def test_a_transaction_that_fails_leaves_neither(self, database: Database) -> None:
        with pytest.raises(ZeroDivisionError):
            queue_and_fail(database)
        assert engine_entries(database) == []
        with database.reading() as session:
            assert session.scalars(service.jobs_where()).all() == []

    def test_its_first_event_is_that_it_is_queued(self, database: Database) -> None:
        with database.transaction() as session:
            events = events_after(session, queued(session), 0)
        assert [(e.sequence, e.event, e.data["state"]) for e in events] == [(1, "state", "queued")]


class TestFind:
    def test_an_unknown_job_is_not_found(self, database: Database) -> None:
        with database.reading() as session, pytest.raises(NotFound, match="no job 'x'"):
            service.get_job(session, "x")

    def test_the_newest_comes_first(self, client: TestClient, database: Database) -> None:
        with database.transaction() as session:
            ids = [queued(session) for _ in range(3)]
        first = client.get("/v1/jobs", params={"limit": 2}).json()
        assert [job["id"] for job in first["items"]] == sorted(ids)[:0:-1]
        second = client.get("/v1/jobs", params={"cursor": first["next"]}).json()
        assert [job["id"] for job in second["items"]] == [min(ids)]

    def test_jobs_are_filtered_by_state_kind_and_model(self, database: Database) -> None:
        with database.transaction() as session:
            first, second = queued(session, "first"), queued(session, "second")
            service.request_cancel(session, second)
            for found, filters in (
                ([first], {"state": JobState.QUEUED}),
                ([second], {"model": "second"}),
                ([], {"kind": "study"}),
                ([], {"model": "third"}),
            ):
                jobs = session.scalars(service.jobs_where(**filters))  # type: ignore[arg-type]
                assert [job.id for job in jobs] == found


class TestCancel:
    def test_a_queued_job_is_cancelled_at_once(self, database: Database) -> None:
        with database.transaction() as session:
            job = service.request_cancel(session, queued(session))
            assert job.state is JobState.CANCELLED
            assert job.finished_at is not None

    def test_a_cancelled_job_is_never_started(self, database: Database) -> None:
        with database.transaction() as session:
            job_id = queued(session)
            service.request_cancel(session, job_id)
            assert attempts.start(session, job_id, "alive") is None

    def test_the_worker_of_a_running_job_is_asked_to_stop_it(self, database: Database) -> None:
        with database.transaction() as session:
            workers.beat(session, ALIVE, lost_after_seconds=30)
            attempt = attempts.start(session, queued(session), ALIVE.executor)
            assert attempt is not None
            assert service.request_cancel(session, attempt.job_id).state is JobState.RUNNING
            assert attempts.instruction_for(session, attempt) is attempts.Instruction.CANCEL

    def test_a_job_whose_worker_is_dead_is_cancelled_at_once(self, database: Database) -> None:
        with database.transaction() as session:
            attempt = attempts.start(session, queued(session), "dead")
            assert attempt is not None
            assert service.request_cancel(session, attempt.job_id).state is JobState.CANCELLED
            assert attempts.instruction_for(session, attempt) is attempts.Instruction.ABANDON

    def test_a_job_that_has_ended_cannot_be_cancelled(self, database: Database) -> None:
        with database.transaction() as session:
            job_id = queued(session)
            service.request_cancel(session, job_id)
            with pytest.raises(Conflict, match="was cancelled"):
                service.request_cancel(session, job_id)
