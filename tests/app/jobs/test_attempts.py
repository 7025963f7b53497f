"""The fence: only the newest attempt of a job that has not ended may write."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Database
from app.jobs import attempts, service
from app.jobs.attempts import Attempt, Superseded
from app.jobs.events import MOST_EVENTS, events_after
from app.jobs.tables import NO_PROGRESS, Job, JobState

RESULT = {"model": "m", "version": 1}


def enqueued(session: Session) -> str:
    return service.enqueue(session, "train", {"model": "m"}).id


def started(session: Session, job_id: str | None = None) -> Attempt:
    attempt = attempts.start(session, job_id or enqueued(session), "worker")
    assert attempt is not None
    return attempt


def job_of(session: Session, attempt: Attempt) -> Job:
    return session.get_one(Job, attempt.job_id)


def progress(epoch: int) -> dict[str, Any]:
    return {**NO_PROGRESS, "epoch": epoch}


def must_not_publish(session: Session) -> dict[str, Any]:
    raise AssertionError("published by an attempt that is not the job's")


class TestStart:
    def test_attempts_are_counted(self, database: Database) -> None:
        with database.transaction() as session:
            first = started(session)
            second = started(session, first.job_id)
            assert (first.number, second.number) == (1, 2)

    def test_a_job_that_lost_its_worker_three_times_fails(self, database: Database) -> None:
        with database.transaction() as session:
            job_id = enqueued(session)
            for _ in range(attempts.MAX_LOST_ATTEMPTS):
                started(session, job_id)
            assert attempts.start(session, job_id, "worker") is None
            job = service.get_job(session, job_id)
            assert job.state is JobState.FAILED
            assert "died 3 times" in (job.error or "")

    def test_a_job_that_was_given_back_has_lost_nothing(self, database: Database) -> None:
        with database.transaction() as session:
            attempt = started(session)
            for _ in range(5):
                assert attempts.give_back(session, attempt)
                assert job_of(session, attempt).state is JobState.QUEUED
                attempt = started(session, attempt.job_id)
            assert job_of(session, attempt).lost_attempts == 0

    def test_the_first_start_is_the_job_s_start(self, database: Database) -> None:
        with database.transaction() as session:
            first = started(session)
            moment = job_of(session, first).started_at
            started(session, first.job_id)
            assert job_of(session, first).started_at == moment


class TestFence:
    def test_an_older_attempt_cannot_report(self, database: Database) -> None:
        with database.transaction() as session:
            old = started(session)
            attempts.report(session, old, progress(1))
            new = started(session, old.job_id)
            with pytest.raises(Superseded):
                attempts.report(session, old, progress(2))
            assert attempts.instruction_for(session, old) is attempts.Instruction.ABANDON
            assert attempts.instruction_for(session, new) is attempts.Instruction.CONTINUE
            assert job_of(session, new).progress["epoch"] == 1

    def test_an_older_attempt_publishes_nothing(self, database: Database) -> None:
        with database.transaction() as session:
            old = started(session)
            new = started(session, old.job_id)
            with pytest.raises(Superseded):
                attempts.succeed(session, old, must_not_publish)
            attempts.succeed(session, new, lambda _: RESULT)
            assert job_of(session, new).result == RESULT

    def test_an_attempt_ends_once(self, database: Database) -> None:
        with database.transaction() as session:
            attempt = started(session)
            attempts.succeed(session, attempt, lambda _: RESULT)
            with pytest.raises(Superseded):
                attempts.succeed(session, attempt, must_not_publish)
            attempts.fail(session, attempt, "too late")
            assert not attempts.give_back(session, attempt)
            job = job_of(session, attempt)
            assert (job.state, job.error) == (JobState.SUCCEEDED, None)

    def test_an_older_attempt_keeps_no_checkpoint(self, database: Database) -> None:
        with database.transaction() as session:
            old = started(session)
            attempts.save_checkpoint(session, old, b"one")
            attempts.save_checkpoint(session, old, b"two")
            new = started(session, old.job_id)
            with pytest.raises(Superseded):
                attempts.save_checkpoint(session, old, b"three")
            assert attempts.load_checkpoint(session, new) == b"two"

    def test_the_result_and_the_end_are_one_transaction(self, database: Database) -> None:
        def publish(session: Session) -> dict[str, Any]:
            enqueued(session)
            raise ZeroDivisionError

        with database.transaction() as session:
            attempt = started(session)
        with pytest.raises(ZeroDivisionError), database.transaction() as session:
            attempts.succeed(session, attempt, publish)
        with database.reading() as session:
            assert [job.state for job in session.scalars(service.jobs_where())] == [
                JobState.RUNNING
            ]


class TestRestart:
    def test_an_attempt_that_was_stopped_is_followed_by_the_next(self, database: Database) -> None:
        with database.transaction() as session:
            attempt = started(session)
            following = attempts.restart(session, attempt, "worker")
            assert following is not None
            assert following.number == 2
            assert job_of(session, attempt).lost_attempts == 0

    def test_not_if_another_worker_has_taken_the_job(self, database: Database) -> None:
        with database.transaction() as session:
            old = started(session)
            new = started(session, old.job_id)
            assert attempts.restart(session, old, "worker") is None
            assert attempts.instruction_for(session, new) is attempts.Instruction.CONTINUE


class TestStartAgain:
    def test_an_attempt_whose_process_died_is_followed_by_the_next(
        self, database: Database
    ) -> None:
        with database.transaction() as session:
            first = started(session)
            second = attempts.start_again(session, first, "worker", "It died.")
            assert second is not None
            assert (second.number, job_of(session, second).lost_attempts) == (2, 1)
            assert attempts.start_again(session, first, "worker", "It died.") is None

    def test_the_last_one_says_what_was_seen(self, database: Database) -> None:
        with database.transaction() as session:
            attempt: Attempt | None = started(session)
            for _ in range(attempts.MAX_LOST_ATTEMPTS):
                assert attempt is not None
                job = job_of(session, attempt)
                attempt = attempts.start_again(session, attempt, "worker", "It died.")
            assert attempt is None
            assert (
                job.error == "It died. Attempts of this job died 3 times, so it is not tried again."
            )

    def test_a_job_that_has_ended_is_left_alone(self, database: Database) -> None:
        with database.transaction() as session:
            attempt = started(session)
            attempts.succeed(session, attempt, lambda _: RESULT)
            assert attempts.start_again(session, attempt, "worker", "It died.") is None
            assert job_of(session, attempt).state is JobState.SUCCEEDED


class TestEnd:
    def test_the_end_completes_the_progress_and_drops_the_checkpoint(
        self, database: Database
    ) -> None:
        with database.transaction() as session:
            attempt = started(session)
            attempts.report(session, attempt, progress(7))
            attempts.save_checkpoint(session, attempt, b"state")
            attempts.succeed(session, attempt, lambda _: RESULT)
            job = job_of(session, attempt)
            assert (job.progress["epoch"], job.progress["fraction"]) == (7, 1.0)
            assert job.finished_at is not None
            assert attempts.load_checkpoint(session, attempt) is None

    def test_a_failure_keeps_its_sentence_and_the_checkpoint(self, database: Database) -> None:
        with database.transaction() as session:
            attempt = started(session)
            attempts.save_checkpoint(session, attempt, b"state")
            attempts.fail(session, attempt, "The loss is not a number.")
            job = job_of(session, attempt)
            assert (job.state, job.error) == (JobState.FAILED, "The loss is not a number.")
            assert attempts.load_checkpoint(session, attempt) == b"state"


class TestEvents:
    def test_each_change_is_an_event_with_the_whole_job(self, database: Database) -> None:
        with database.transaction() as session:
            attempt = started(session)
            attempts.report(session, attempt, progress(1))
            attempts.succeed(session, attempt, lambda _: RESULT)
            events = events_after(session, attempt.job_id, 1)
            assert [(e.sequence, e.event, e.data["state"]) for e in events] == [
                (2, "state", "running"),
                (3, "progress", "running"),
                (4, "state", "succeeded"),
            ]
            assert events[-1].data["result"] == RESULT

    def test_old_events_are_dropped(self, database: Database) -> None:
        with database.transaction() as session:
            attempt = started(session)
            for epoch in range(MOST_EVENTS + 10):
                attempts.report(session, attempt, progress(epoch))
            events = events_after(session, attempt.job_id, 0)
            assert len(events) == MOST_EVENTS
            assert events[-1].data["progress"]["epoch"] == MOST_EVENTS + 9
