"""A running job is cancelled over HTTP, and its process is gone."""

from app.jobs.tables import JobState
from tests.crash.conftest import Fleet, are_gone, children_of, eventually


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
