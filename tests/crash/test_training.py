"""The whole way with real training, while both processes are killed at the worst moments."""

import math

import httpx2
import pytest

from app.jobs.tables import JobState
from tests.crash.conftest import Fleet, are_gone, eventually, kill

SPEC = {
    "horizon": 2,
    "epochs": 150,
    "early_stopping": None,
    "layers": [{"cell": "gru", "units": 4}],
}


def create_series(client: httpx2.Client) -> None:
    answer = client.post("/v1/series", json={"name": "wave", "kind": "generic"})
    assert answer.status_code == 201, answer.text


def put_rows(client: httpx2.Client) -> None:
    rows = [
        [f"2020-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z", math.sin(hour * math.pi / 12)]
        for hour in range(31 * 24)
    ]
    answer = client.put(
        "/v1/series/wave/observations", json={"columns": ["time", "y"], "rows": rows}
    )
    assert answer.status_code == 200, answer.text


def train(client: httpx2.Client) -> str:
    answer = client.post("/v1/models", json={"name": "wave", "series": "wave", "spec": SPEC})
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job"]["id"]
    return job_id


# Studies train for real on SQLite (`test_studies.py`); jobs that count are killed on both.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
class TestNothingAcknowledgedIsLost:
    def test_web_and_worker_are_killed_and_one_version_is_trained_as_if_they_were_not(
        self, fleet: Fleet
    ) -> None:
        with fleet.web() as (web, client):
            create_series(client)
            kill(web)
        with fleet.web() as (web, client):
            put_rows(client)
            kill(web)
        with fleet.web() as (web, client):
            assert client.get("/v1/series/wave").json()["rows"] == 31 * 24
            job_id = train(client)
            kill(web)

        worker = fleet.training_worker()
        fleet.wait_for_epoch(job_id, 5)
        orphans = kill(worker)
        eventually(lambda: are_gone(orphans), "no child outlives its worker")

        fleet.training_worker()
        job = fleet.wait_for_end(job_id)
        assert (job.state, job.error) == (JobState.SUCCEEDED, None)
        assert (job.attempt, job.result) == (2, {"model": "wave", "version": 1})

        with fleet.web() as (_, client):
            assert len(client.get("/v1/models/wave/versions").json()["items"]) == 1
            assert client.get("/v1/models/wave/versions/1").json()["state"] == "ready"
            assert len(client.post("/v1/models/wave/forecasts").json()["points"]) == 2
            verification = client.post("/v1/models/wave/versions/1/verify").json()["id"]
            result = fleet.wait_for_end(verification).result
            assert result is not None
            assert (result["identical"], result["differences"]) == (True, [])
