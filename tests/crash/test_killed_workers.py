"""Workers that are killed, stopped and frozen: their jobs end once, and leave no process."""

import signal

import pytest
import sqlalchemy as sa

from app.jobs.tables import JobState
from tests.crash.conftest import Fleet, are_gone, children_of, eventually, kill, with_signal

LONG = {"epochs": 12, "seconds": 0.2}
SHORT_SILENCE_SECONDS = 8


class TestKilled:
    @pytest.mark.one_database
    def test_the_next_worker_of_the_machine_goes_on_where_the_job_was(self, fleet: Fleet) -> None:
        worker = fleet.counting_worker()
        job_id = fleet.enqueue("count", **LONG)
        fleet.wait_for_epoch(job_id, 5)
        orphans = kill(worker)
        eventually(lambda: are_gone(orphans), "no child outlives its worker")

        fleet.counting_worker()
        job = fleet.wait_for_end(job_id)
        assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
        assert job.result is not None
        assert job.result["first"] > 0
        assert job.result["attempt"] == 2

    @pytest.mark.one_database
    def test_another_worker_takes_over_when_the_first_stays_silent(self, fleet: Fleet) -> None:
        workers = [fleet.counting_worker(lost_seconds=SHORT_SILENCE_SECONDS) for _ in range(2)]
        job_id = fleet.enqueue("count", **LONG)
        fleet.wait_for_epoch(job_id, 3)
        first = fleet.job(job_id).executor
        busy = [worker for worker in workers if children_of(worker)]
        assert len(busy) == 1
        orphans = kill(busy[0])

        job = fleet.wait_for_end(job_id)
        assert job.state is JobState.SUCCEEDED
        assert job.executor != first
        assert are_gone(orphans)

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_a_job_that_kills_its_workers_fails_in_the_end(self, fleet: Fleet) -> None:
        job_id = fleet.enqueue("kill-worker")
        for _ in range(3):
            worker = fleet.counting_worker()
            eventually(lambda worker=worker: worker.poll() is not None, "the worker is killed")
        fleet.counting_worker()
        job = fleet.wait_for_end(job_id)
        assert (job.state, job.attempt) == (JobState.FAILED, 3)
        assert (job.error or "").startswith("The worker ended while it ran this job")
        assert "died 3 times" in (job.error or "")


class TestForgotten:
    def test_a_job_that_the_queue_has_given_up_does_not_wait_for_ever(self, fleet: Fleet) -> None:
        job_id = fleet.enqueue("count", **LONG)
        schema = "" if fleet.database.is_sqlite else "dbos."
        with fleet.database.transaction() as session:
            session.execute(sa.text(f"UPDATE {schema}workflow_status SET status = 'ERROR'"))
        fleet.counting_worker()
        job = fleet.wait_for_end(job_id)
        assert job.state is JobState.FAILED
        assert "The worker lost the job through an error" in (job.error or "")


class TestStopped:
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_a_worker_that_is_asked_to_stop_returns_its_job(self, fleet: Fleet) -> None:
        worker = fleet.counting_worker()
        job_id = fleet.enqueue("count", **LONG)
        fleet.wait_for_epoch(job_id, 5)
        children = children_of(worker)
        worker.terminate()
        assert worker.wait(60) == 0
        assert are_gone(children)
        assert fleet.job(job_id).state is JobState.QUEUED

        fleet.counting_worker()
        job = fleet.wait_for_end(job_id)
        assert (job.state, job.attempt, job.lost_attempts) == (JobState.SUCCEEDED, 2, 0)


class TestFrozen:
    def test_a_worker_that_wakes_up_too_late_changes_nothing(self, fleet: Fleet) -> None:
        zombie = fleet.counting_worker(lost_seconds=SHORT_SILENCE_SECONDS)
        job_id = fleet.enqueue("count", **LONG)
        fleet.wait_for_epoch(job_id, 3)
        frozen = [*children_of(zombie), zombie]
        fleet.freeze(job_id, frozen)
        fleet.counting_worker(lost_seconds=SHORT_SILENCE_SECONDS)
        fleet.wait_for_epoch(job_id, 5, attempt=2)
        for process in frozen:
            process.resume()

        job = fleet.wait_for_end(job_id)
        assert job.state is JobState.SUCCEEDED
        assert job.result is not None
        assert job.result["attempt"] == job.attempt > 1
        eventually(lambda: are_gone(frozen[:-1]), "the zombie's child ends")

        again = fleet.enqueue("count", epochs=1, seconds=0)
        assert fleet.wait_for_end(again).state is JobState.SUCCEEDED


class TestTogether:
    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_two_workers_share_the_jobs_and_none_runs_twice(self, fleet: Fleet) -> None:
        for _ in range(2):
            fleet.counting_worker()
        jobs = [fleet.enqueue("count", epochs=3, seconds=0.2) for _ in range(4)]
        ended = [fleet.wait_for_end(job_id) for job_id in jobs]
        assert {(job.state, job.attempt) for job in ended} == {(JobState.SUCCEEDED, 1)}
        assert len({job.executor for job in ended}) == 2


class TestKilledChild:
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_the_job_goes_on_from_its_checkpoint(self, fleet: Fleet) -> None:
        worker = fleet.counting_worker()
        job_id = fleet.enqueue("count", **LONG)
        fleet.wait_for_epoch(job_id, 3)
        for child in children_of(worker):
            with_signal(child, signal.SIGKILL)
        job = fleet.wait_for_end(job_id)
        assert (job.state, job.attempt, job.lost_attempts) == (JobState.SUCCEEDED, 2, 1)
        assert job.result is not None
        assert job.result["first"] > 0

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_a_job_that_kills_its_process_fails_in_the_end_and_the_worker_goes_on(
        self, fleet: Fleet
    ) -> None:
        fleet.counting_worker()
        job = fleet.wait_for_end(fleet.enqueue("die"))
        assert (job.state, job.attempt) == (JobState.FAILED, 3)
        assert (job.error or "").startswith("The training process was ended by SIGKILL")
        assert "died 3 times" in (job.error or "")

        again = fleet.enqueue("count", epochs=1, seconds=0)
        assert fleet.wait_for_end(again).state is JobState.SUCCEEDED
