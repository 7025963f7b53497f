"""Real workers whose jobs are killed or refused memory."""

import pytest

from app.jobs.tables import Job, JobState
from tests.crash.conftest import Fleet
from tests.crash.test_training import create_series, put_rows, train


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("way", "seen"),
    [
        ("die", "The training process was ended by SIGKILL before the job's end. At the last look"),
        ("exhaust", "The training ran out of memory"),
    ],
)
class TestOutOfMemory:
    def test_the_owner_reads_what_to_make_smaller(self, fleet: Fleet, way: str, seen: str) -> None:
        with fleet.web() as (_, client):
            create_series(client)
            put_rows(client)
            job_id = train(client)
            spec = client.get("/v1/models/wave/versions/1").json()["spec"]
        with fleet.database.transaction() as session:
            session.get_one(Job, job_id).kind = way

        fleet.counting_worker()
        job = fleet.wait_for_end(job_id)
        assert job.state is JobState.FAILED
        assert (job.error or "").startswith(seen)
        assert f"fewer `lanes` (now {spec['lanes']})" in (job.error or "")
        assert f"a shorter `chunk` (now {spec['chunk']})" in (job.error or "")
