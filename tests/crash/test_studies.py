"""A study with real workers and real training, one of which is killed in the middle."""

from typing import Any

import psutil
import pytest

from app.jobs.tables import UNFINISHED, Job, JobState
from tests.crash.conftest import Fleet, are_gone, children_of, eventually, kill, stopped
from tests.crash.test_training import create_series, put_rows

STUDY = {
    "name": "wave",
    "series": "wave",
    "spec": {
        "horizon": 2,
        "epochs": 60,
        "early_stopping": None,
        "layers": [{"cell": "gru", "units": 4}],
    },
    "search": {
        "method": "random",
        "trials": 2,
        "parallel": 2,
        "space": {"/layers/0/units": {"type": "int", "low": 2, "high": 5}},
    },
}


def trial_jobs(fleet: Fleet, study: dict[str, Any]) -> list[Job]:
    return [fleet.job(trial["job"]) for trial in study["trials"]]


@pytest.mark.one_database
class TestTwoWorkers:
    def test_both_run_trials_and_one_that_is_killed_costs_none(self, fleet: Fleet) -> None:
        with fleet.web() as (_, client):
            create_series(client)
            put_rows(client)
            answer = client.post("/v1/studies", json=STUDY)
            assert answer.status_code == 202, answer.text
            study_id = answer.json()["id"]
            workers = [fleet.training_worker() for _ in range(2)]

            def study() -> dict[str, Any]:
                shown: dict[str, Any] = client.get(f"/v1/studies/{study_id}").json()
                assert shown["state"] in UNFINISHED or shown["state"] == "succeeded", shown
                return shown

            def both_train() -> bool:
                jobs = trial_jobs(fleet, study())
                training = [job for job in jobs if (job.progress["epoch"] or 0) >= 2]
                return len({job.executor for job in training}) == 2

            eventually(both_train, "both workers train")
            orphans: list[psutil.Process] = []

            def killed_in_a_trial() -> bool:
                for worker in workers:
                    with stopped([worker, *children_of(worker)]):
                        if fleet.runs_one_of(worker, trial_jobs(fleet, study())):
                            orphans.extend(kill(worker))
                            return True
                return False

            eventually(killed_in_a_trial, "a worker is killed while it trains")
            eventually(lambda: are_gone(orphans), "no child outlives its worker")
            fleet.training_worker()

            job = fleet.wait_for_end(study_id)
            assert (job.state, job.error) == (JobState.SUCCEEDED, None)
            ended = study()
            assert ended["progress"]["complete"] == 2
            assert ended["progress"]["failed"] == 0
            jobs = trial_jobs(fleet, ended)
            assert {job.state for job in jobs} == {JobState.SUCCEEDED}
            assert sum(job.lost_attempts for job in jobs) == 1
            assert job.result is not None
            assert (job.result["model"], job.result["version"]) == ("wave", 1)
            best = ended["best"]["parameters"]["/layers/0/units"]
            version = client.get("/v1/models/wave/versions/1").json()
            assert (version["state"], version["spec"]["layers"][0]["units"]) == ("ready", best)
