"""The course of studies, with the worker's own code in this process and networks left out."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.access.acting import act_for
from app.db import Database, utc_now
from app.jobs import attempts
from app.jobs.attempts import Attempt, Instruction, Superseded
from app.jobs.tables import UNFINISHED, Job, JobState
from app.jobs.task import Publish, Task
from app.registry.tables import ModelVersion
from app.worker import child
from app.worker.handlers import HANDLERS, load_handlers
from models.errors import TrainingError
from models.spec.spec import Spec
from models.training.trial import Score
from tests.app.studies.test_requests import start

UNITS = "/layers/0/units"


def loss_of(spec: Spec) -> float:
    """Six units are the best; the fold makes no difference."""
    assert spec.layers is not None
    return 1.0 + abs(spec.layers[0].units - 6)


@dataclass
class Objective:
    """Stands for the epochs of a trial."""

    loss: Callable[[Spec], float] = loss_of
    specs: list[Spec] = field(default_factory=list)

    def __call__(self, spec: Spec, data: Any, *, after_epoch: Any, **_: Any) -> Score:
        self.specs.append(spec)
        loss = self.loss(spec)
        for epoch in range(1, (spec.epochs or 1) + 1):
            after_epoch(epoch, loss + 1 / epoch)
        return Score(loss, spec.epochs or 1, 0.1)


def train(task: Task) -> Publish:
    """Stands for the last training."""
    return lambda _: {"model": task.attempt.subject["model"], "version": 1}


@dataclass
class Crew:
    """Does the work of workers, one job after the other."""

    database: Database
    client: TestClient
    handlers: dict[str, Any]
    most_at_once: int = 0

    def queued(self) -> list[str]:
        with self.database.reading() as session:
            waiting = sa.select(Job.id).where(Job.state == JobState.QUEUED, Job.kind != "study")
            return list(session.scalars(waiting.order_by(Job.id)))

    def take(self, job_id: str) -> Attempt | None:
        with self.database.transaction() as session:
            return attempts.start(session, job_id, "worker")

    def run(self, job_id: str) -> None:
        attempt = self.take(job_id)
        assert attempt is not None
        child.run(Task(self.database, attempt), self.handlers)

    def run_all(self) -> None:
        while waiting := self.queued():
            self.most_at_once = max(self.most_at_once, len(waiting))
            self.run(waiting[0])

    def study(self, study_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.client.get(f"/v1/studies/{study_id}").json()
        return shown

    def job(self, job_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.client.get(f"/v1/jobs/{job_id}").json()
        return shown


@pytest.fixture
def objective(monkeypatch: pytest.MonkeyPatch) -> Objective:
    objective = Objective()
    monkeypatch.setattr("app.studies.tasks.run_trial", objective)
    return objective


@pytest.fixture
def crew(database: Database, client: TestClient, weekly: str, objective: Objective) -> Crew:
    trial = load_handlers({"trial": HANDLERS["trial"]})
    return Crew(database, client, {**trial, "train": train})


class TestFinished:
    def test_it_ends_with_a_version_of_the_best_spec(self, crew: Crew, client: TestClient) -> None:
        study_id = start(client, trials=4, epochs=3)
        crew.run_all()
        study = crew.study(study_id)
        assert study["state"] == "succeeded", study
        assert (study["progress"]["complete"], study["progress"]["fraction"]) == (4, 1.0)
        assert (study["model"], study["version"]) == ("tuned", 1)
        assert study["best"]["parameters"] == {UNITS: 6}
        result = crew.job(study_id)["result"]
        assert result["trial"] == study["best"]["number"]
        with crew.database.reading() as session:
            trained = session.scalars(sa.select(ModelVersion)).one()
            assert trained.spec["layers"][0]["units"] == 6
            assert trained.spec["epochs"] == 9

    def test_trials_are_ranked_and_none_is_tried_twice(
        self, crew: Crew, client: TestClient
    ) -> None:
        study_id = start(client, trials=4)
        crew.run_all()
        trials = crew.study(study_id)["trials"]
        assert trials[0]["parameters"] == {UNITS: 6}
        values = [trial["value"] for trial in trials]
        assert values == sorted(values)
        assert sorted(trial["parameters"][UNITS] for trial in trials) == [2, 4, 6, 8]

    def test_no_more_trials_than_asked_for_are_under_way(
        self, crew: Crew, client: TestClient
    ) -> None:
        start(client, trials=7, parallel=3)
        crew.run_all()
        assert crew.most_at_once == 3

    def test_trials_run_no_more_epochs_than_asked_for(
        self, crew: Crew, client: TestClient, objective: Objective
    ) -> None:
        study_id = start(client, trials=2, epochs=5)
        crew.run_all()
        assert {spec.epochs for spec in objective.specs} == {5}
        assert {trial["epochs"] for trial in crew.study(study_id)["trials"]} == {5}

    def test_it_can_be_followed_by_events(self, crew: Crew, client: TestClient) -> None:
        study_id = start(client, trials=2)
        crew.run_all()
        text = client.get(f"/v1/jobs/{study_id}/events").text
        assert text.count("event: progress") >= 3
        assert '"state": "succeeded"' in text

    @pytest.mark.one_database
    @pytest.mark.parametrize("method", ["random", "bayesian"])
    def test_the_same_seed_tries_the_same_specs(
        self, crew: Crew, client: TestClient, method: str
    ) -> None:
        space = {"/optimizer/learning_rate": {"type": "log_float", "low": 1e-4, "high": 1e-2}}
        tried = []
        for _ in range(2):
            study_id = start(client, method=method, trials=5, space=space)
            crew.run_all()
            trials = crew.study(study_id)["trials"]
            tried.append({trial["number"]: trial["parameters"] for trial in trials})
        assert tried[0] == tried[1]


class TestTogether:
    def test_workers_that_end_trials_at_the_same_time_keep_to_the_plan(
        self, crew: Crew, client: TestClient
    ) -> None:
        space = {UNITS: {"type": "int", "low": 1, "high": 400}}
        study_id = start(client, method="hyperband", trials=24, parallel=4, space=space)
        taking = threading.Lock()
        taken: set[str] = set()
        most: list[int] = []

        def take() -> str | None:
            with taking:
                waiting = [job_id for job_id in crew.queued() if job_id not in taken]
                most.append(len(waiting))
                taken.update(waiting[:1])
                return waiting[0] if waiting else None

        def work() -> None:
            while crew.study(study_id)["state"] in UNFINISHED:
                job_id = take()
                if job_id is not None:
                    crew.run(job_id)

        with ThreadPoolExecutor(4, initializer=act_for, initargs=("default",)) as pool:
            for done in [pool.submit(work) for _ in range(4)]:
                done.result()
        study = crew.study(study_id)
        assert study["state"] == "succeeded", study["error"]
        assert sorted(trial["number"] for trial in study["trials"]) == list(range(24))
        assert study["progress"]["complete"] + study["progress"]["pruned"] == 24
        assert max(most) <= 4
        assert client.get("/v1/jobs?kind=train").json()["items"][0]["state"] == "succeeded"
        assert len(client.get("/v1/models/tuned/versions").json()["items"]) == 1


@pytest.mark.one_database
class TestHyperband:
    def test_bad_trials_are_pruned_and_good_ones_complete(
        self, crew: Crew, client: TestClient
    ) -> None:
        space = {UNITS: {"type": "int", "low": 1, "high": 40}}
        study_id = start(client, method="hyperband", trials=24, space=space)
        crew.run_all()
        study = crew.study(study_id)
        assert study["progress"]["pruned"] > 0
        assert study["progress"]["complete"] > 0
        assert study["progress"]["failed"] == 0
        pruned = [trial for trial in study["trials"] if trial["state"] == "pruned"]
        assert {trial["epochs"] for trial in pruned} <= {1, 3}
        assert study["state"] == "succeeded"


class TestFailures:
    @pytest.mark.one_database
    def test_a_trial_that_cannot_be_trained_does_not_end_the_study(
        self, crew: Crew, client: TestClient, objective: Objective
    ) -> None:
        def loss(spec: Spec) -> float:
            if loss_of(spec) == 1.0:
                raise TrainingError("The loss is not a number any more.")
            return loss_of(spec)

        objective.loss = loss
        study_id = start(client, trials=4)
        crew.run_all()
        study = crew.study(study_id)
        assert (study["state"], study["progress"]["failed"]) == ("succeeded", 1)
        failed = study["trials"][-1]
        assert (failed["state"], failed["value"]) == ("failed", None)
        assert failed["reason"] == "The loss is not a number any more."
        assert failed["parameters"] == {UNITS: 6}

    @pytest.mark.one_database
    def test_a_combination_that_cannot_work_is_a_failed_trial(
        self, crew: Crew, client: TestClient
    ) -> None:
        space = {
            "/optimizer/clipnorm": {"type": "choice", "values": [None, 1.0]},
            "/optimizer/clipvalue": {"type": "choice", "values": [None, 1.0]},
        }
        study_id = start(client, trials=4, space=space)
        crew.run_all()
        study = crew.study(study_id)
        assert study["state"] == "succeeded"
        reasons = {trial["reason"] for trial in study["trials"] if trial["state"] == "failed"}
        assert [reason[:22] for reason in reasons] == ["Only one of `clipnorm`"]

    def test_a_study_without_any_complete_trial_fails_with_the_reasons(
        self, crew: Crew, client: TestClient, objective: Objective
    ) -> None:
        def loss(spec: Spec) -> float:
            raise TrainingError("The loss is not a number any more.")

        objective.loss = loss
        study_id = start(client, trials=3)
        crew.run_all()
        study = crew.study(study_id)
        assert (study["state"], study["progress"]["failed"]) == ("failed", 3)
        assert "3 trials: The loss is not a number any more." in study["error"]

    def test_a_trial_whose_process_was_killed_is_followed_by_the_next(
        self, crew: Crew, client: TestClient
    ) -> None:
        study_id = start(client, trials=2, parallel=1)
        attempt = crew.take(crew.queued()[0])
        assert attempt is not None
        with crew.database.transaction() as session:
            attempts.fail(session, attempt, "The training process was killed.")
        crew.run_all()
        study = crew.study(study_id)
        assert (study["progress"]["failed"], study["progress"]["complete"]) == (1, 1)
        assert study["state"] == "succeeded"

    def test_a_best_spec_that_is_not_trained_fails_the_study(
        self, crew: Crew, client: TestClient
    ) -> None:
        def fail(task: Task) -> Publish:
            raise TrainingError("It cannot be exported.")

        crew.handlers["train"] = fail
        study_id = start(client, trials=1)
        crew.run_all()
        study = crew.study(study_id)
        assert study["state"] == "failed"
        assert study["error"] == "The best spec was not trained: It cannot be exported."


class TestInterrupted:
    def test_a_trial_that_lost_its_worker_runs_again_with_its_parameters(
        self, crew: Crew, client: TestClient, objective: Objective
    ) -> None:
        def lost(spec: Spec) -> float:
            raise Superseded

        study_id = start(client, trials=2, parallel=1)
        job_id = crew.queued()[0]
        objective.loss = lost
        with pytest.raises(Superseded):
            crew.run(job_id)
        running = crew.study(study_id)["trials"][0]
        assert (running["state"], crew.job(job_id)["state"]) == ("running", "running")

        objective.loss = loss_of
        crew.run(job_id)
        crew.run_all()
        study = crew.study(study_id)
        assert (study["progress"]["complete"], study["progress"]["failed"]) == (2, 0)
        again = next(trial for trial in study["trials"] if trial["number"] == 0)
        assert again["parameters"] == running["parameters"]

    def test_folds_that_are_done_are_not_repeated(
        self, crew: Crew, client: TestClient, objective: Objective
    ) -> None:
        def lost_at_last(spec: Spec) -> float:
            if len(objective.specs) == 3:
                raise Superseded
            return float(len(objective.specs))

        objective.loss = lost_at_last
        study_id = start(client, trials=1, objective="rolling_origin")
        job_id = crew.queued()[0]
        with pytest.raises(Superseded):
            crew.run(job_id)
        objective.loss = lambda _: 6.0
        crew.run(job_id)
        assert len(objective.specs) == 4
        assert crew.study(study_id)["best"]["value"] == (1 + 2 + 6) / 3


@pytest.mark.one_database
class TestScore:
    def test_by_the_error_losses_of_another_kind_compare(
        self, crew: Crew, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def measured(spec: Spec, *_: Any, **__: Any) -> Score:
            return Score({"mae": 0.8, "mse": 0.7}[spec.loss], 5, 0.1)

        monkeypatch.setattr("app.studies.tasks.run_measured_trial", measured)
        space = {"/loss": {"type": "choice", "values": ["mae", "mse"]}}
        study_id = start(client, trials=2, score="error", space=space)
        crew.run_all()
        best = crew.study(study_id)["best"]
        assert (best["parameters"], best["value"]) == ({"/loss": "mse"}, 0.7)


@pytest.mark.one_database
class TestRollingOrigin:
    def test_validation_parts_follow_each_other_and_the_test_part_is_in_none(
        self, crew: Crew, client: TestClient, objective: Objective
    ) -> None:
        study_id = start(client, trials=1, objective="rolling_origin", folds=3)
        crew.run_all()
        newest, *earlier = [spec.split for spec in objective.specs]
        assert newest.test == 0.15
        assert [later.validation for later in earlier[:-1]] == [split.test for split in earlier[1:]]
        assert crew.study(study_id)["best"]["spec"]["split"]["test"] == 0.15


class TestBudget:
    def test_no_trial_begins_after_the_minutes(self, crew: Crew, client: TestClient) -> None:
        study_id = start(client, trials=50, parallel=2, minutes=1)
        crew.run(crew.queued()[0])
        with crew.database.transaction() as session:
            session.get_one(Job, study_id).started_at = utc_now() - timedelta(minutes=2)
        crew.run_all()
        study = crew.study(study_id)
        assert study["state"] == "succeeded"
        assert (study["progress"]["complete"], study["progress"]["cancelled"]) == (1, 2)
        assert "time was over" in study["trials"][-1]["reason"]


class TestCancelled:
    def test_running_trials_are_stopped_and_nothing_follows(
        self, crew: Crew, client: TestClient
    ) -> None:
        study_id = start(client, trials=9, parallel=2)
        attempt = crew.take(crew.queued()[0])
        assert attempt is not None
        assert client.post(f"/v1/jobs/{study_id}/cancel").status_code == 200
        with crew.database.reading() as session:
            assert attempts.instruction_for(session, attempt) is not Instruction.CONTINUE
        assert crew.queued() == []
        study = crew.study(study_id)
        assert (study["state"], study["progress"]["cancelled"]) == ("cancelled", 2)

    def test_a_child_that_was_left_out_is_not_wanted_any_more(
        self, crew: Crew, client: TestClient
    ) -> None:
        study_id = start(client, parallel=2)
        first, second = crew.queued()
        attempt = crew.take(first)
        assert attempt is not None
        with crew.database.transaction() as session:
            # As if both rows had been locked when the study was cancelled.
            session.execute(
                sa.update(Job).where(Job.id == study_id).values(state=JobState.CANCELLED)
            )
        with crew.database.reading() as session:
            assert attempts.instruction_for(session, attempt) is Instruction.CANCEL
        assert crew.take(second) is None
        assert crew.job(second)["state"] == "cancelled"

    def test_one_cancelled_trial_does_not_end_the_study(
        self, crew: Crew, client: TestClient
    ) -> None:
        study_id = start(client, trials=3, parallel=1)
        client.post(f"/v1/jobs/{crew.queued()[0]}/cancel")
        crew.run_all()
        study = crew.study(study_id)
        assert study["state"] == "succeeded"
        assert (study["progress"]["complete"], study["progress"]["cancelled"]) == (2, 1)

    def test_the_last_training_is_cancelled_with_its_study(
        self, crew: Crew, client: TestClient
    ) -> None:
        study_id = start(client, trials=1)
        crew.run(crew.queued()[0])
        (training,) = crew.queued()
        client.post(f"/v1/jobs/{study_id}/cancel")
        assert crew.job(training)["state"] == "cancelled"

    def test_a_study_whose_training_is_cancelled_is_cancelled(
        self, crew: Crew, client: TestClient
    ) -> None:
        study_id = start(client, trials=1)
        crew.run(crew.queued()[0])
        (training,) = crew.queued()
        client.post(f"/v1/jobs/{training}/cancel")
        assert crew.study(study_id)["state"] == "cancelled"

    def test_a_study_deleted_meanwhile_takes_no_results(
        self, crew: Crew, client: TestClient
    ) -> None:
        study_id = start(client, trials=2, parallel=1)
        attempt = crew.take(crew.queued()[0])
        assert attempt is not None
        client.delete(f"/v1/studies/{study_id}")
        with pytest.raises(Superseded):
            child.run(Task(crew.database, replace(attempt, number=9)), crew.handlers)
        assert crew.queued() == []
