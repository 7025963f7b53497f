"""A running job, or its parent, is cancelled over HTTP, and its process is gone."""

import pytest

from app.jobs import service
from app.jobs.tables import JobState
from tests.crash.conftest import Fleet, are_gone, children_of, eventually


@pytest.mark.one_database
class TestCancel:
    def test_it_ends_the_process_and_frees_the_worker(self, fleet: Fleet) -> None:
        worker = fleet.counting_worker()
        job_id = fleet.enqueue("count", epochs=100_000, seconds=0.1)
        with fleet.web() as (_, client):
            fleet.wait_for_epoch(job_id, 2)
            children = children_of(worker)
            assert len(children) == 1
            assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
            with client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
                lines = list(stream.iter_lines())
            assert '"state":"cancelled"' in "".join(lines).replace(" ", "")
            eventually(lambda: are_gone(children), "the process is gone")
            assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 409
        again = fleet.enqueue("count", epochs=1, seconds=0)
        assert fleet.wait_for_end(again).state is JobState.SUCCEEDED


class TestLight:
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_it_does_not_wait_for_a_training_and_ends_when_it_is_cancelled(
        self, fleet: Fleet
    ) -> None:
        worker = fleet.counting_worker()
        training = fleet.enqueue("count", epochs=100_000, seconds=0.1)
        fleet.wait_for_epoch(training, 2)
        cleaning = fleet.enqueue("clean", epochs=100_000, seconds=0.1)
        fleet.wait_for_epoch(cleaning, 2)
        assert len(children_of(worker)) == 2
        with fleet.database.transaction() as session:
            service.request_cancel(session, cleaning)
        assert fleet.wait_for_end(cleaning).state is JobState.CANCELLED
        assert fleet.job(training).state is JobState.RUNNING
        eventually(lambda: len(children_of(worker)) == 1, "the process is gone")


@pytest.mark.one_database
class TestCancelParent:
    def test_children_that_run_and_wait_end_with_it(self, fleet: Fleet) -> None:
        with fleet.database.transaction() as session:
            parent = service.add_parent(session, "parent", {}).id
            subject = {"epochs": 100_000, "seconds": 0.1}
            running, waiting = (
                service.enqueue(session, "count", subject, parent_id=parent).id for _ in range(2)
            )
        worker = fleet.counting_worker()
        fleet.wait_for_epoch(running, 2)
        children = children_of(worker)
        with fleet.web() as (_, client):
            assert client.post(f"/v1/jobs/{parent}/cancel").status_code == 200
        assert fleet.wait_for_end(running).state is JobState.CANCELLED
        assert fleet.wait_for_end(waiting).state is JobState.CANCELLED
        eventually(lambda: are_gone(children), "the process is gone")
