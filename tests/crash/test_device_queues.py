"""Jobs that ask for a device, and real workers that have one or say so."""

import pytest

from app.jobs.tables import Job, JobState, Worker
from app.jobs.workers import live_device_kinds
from tests.crash.conftest import Fleet, eventually, kill
from tests.crash.forked import Forked


def worker_of(fleet: Fleet, job: Job) -> str:
    """The device of the worker that ran a job."""
    with fleet.database.reading() as session:
        return session.get_one(Worker, job.executor).device


def wait_for_worker(fleet: Fleet, kind: str) -> None:
    def registered() -> bool:
        with fleet.database.reading() as session:
            return kind in live_device_kinds(session)

    eventually(registered, f"a worker with a {kind}")


@pytest.fixture
def cpu_worker(fleet: Fleet) -> Forked:
    worker = fleet.counting_worker(device="cpu")
    wait_for_worker(fleet, "cpu")
    return worker


class TestQueues:
    def test_a_job_for_a_gpu_waits_for_a_worker_with_one(
        self, fleet: Fleet, cpu_worker: Forked
    ) -> None:
        asking = fleet.enqueue("look", device="gpu")
        later = fleet.wait_for_end(fleet.enqueue("look"))
        assert later.state is JobState.SUCCEEDED
        assert worker_of(fleet, later) == "cpu"
        assert fleet.job(asking).state is JobState.QUEUED

        fleet.counting_worker(device="gpu:1")
        job = fleet.wait_for_end(asking)
        assert (job.state, job.result) == (JobState.SUCCEEDED, {"gpus": "1"})
        assert worker_of(fleet, job) == "gpu:1"

    @pytest.mark.one_database
    def test_a_worker_with_a_gpu_takes_every_job_and_hides_it_from_those_for_a_cpu(
        self, fleet: Fleet
    ) -> None:
        fleet.counting_worker(device="gpu:0")
        results = [
            fleet.wait_for_end(fleet.enqueue("look", device=device)).result
            for device in ("gpu", "cpu", None)
        ]
        assert results == [{"gpus": "0"}, {"gpus": ""}, {"gpus": "0"}]

    @pytest.mark.one_database
    def test_a_job_whose_gpu_worker_died_waits_for_the_next_one(
        self, fleet: Fleet, cpu_worker: Forked
    ) -> None:
        worker = fleet.counting_worker(device="gpu:0")
        job_id = fleet.enqueue("count", device="gpu", epochs=20, seconds=0.2)
        fleet.wait_for_epoch(job_id, 3)
        kill(worker)
        fleet.counting_worker(device="gpu:0")
        job = fleet.wait_for_end(job_id)
        assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
        assert worker_of(fleet, job) == "gpu:0"
