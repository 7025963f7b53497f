"""Runs of schedules: started once by several workers, one for all missed times, never lost."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.access.acting import act_for
from app.db import Database, utc_now
from app.jobs import attempts
from app.jobs.tables import Job, JobState
from app.jobs.task import Task
from app.schedules import firing
from app.schedules.firing import Cause, check_schedule, fire, fire_due
from app.schedules.tables import Schedule, ScheduleRun, Trigger
from app.schedules.tasks import promote_version
from app.settings import Settings
from app.webhooks.tables import Webhook, WebhookDelivery
from app.worker import child
from tests.app.conftest import ROWS, Trainer, put_rows, weekly_rows
from tests.app.schedules.conftest import end_training, promote, runs, schedule, show

CAUSE = Cause(Trigger.AFTER_ROWS, "a test")


def read(database: Database, number: int) -> Schedule:
    with database.reading() as session:
        return session.get_one(Schedule, number)


def trainings(database: Database) -> list[Job]:
    statement = sa.select(Job).where(Job.kind == "train").order_by(Job.id)
    with database.reading() as session:
        return list(session.scalars(statement))


def make_due(database: Database, number: int, ago: timedelta) -> None:
    with database.transaction() as session:
        session.get_one(Schedule, number).next_run_at = utc_now() - ago


class TestBegin:
    def test_new_rows_are_counted_from_the_newest_version(
        self, client: TestClient, database: Database, model: str, trainer: Trainer
    ) -> None:
        number = schedule(client, after_rows=3, start="warm", alias=None)
        put_rows(client, weekly_rows(ROWS, 2))
        assert not check_schedule(database, number)
        put_rows(client, weekly_rows(ROWS, 3))
        fire_due(database, Settings())
        (run,) = runs(database)
        assert (run.trigger, run.version) == (Trigger.AFTER_ROWS, 2)
        assert run.cause.startswith("3 rows were stored")
        version = client.get(f"/v1/models/{model}/versions/2").json()
        assert (version["started_from"], version["data"]["revision"]) == (1, 3)
        assert version["spec"] == client.get(f"/v1/models/{model}/versions/1").json()["spec"]

        put_rows(client, weekly_rows(ROWS + 3, 2))
        assert not check_schedule(database, number)
        end_training(database, trainer.trained, run.training_job)
        (run,) = runs(database)
        assert run.finished_at is not None
        assert (run.promoted, run.promotion_job) == (False, None)
        assert run.reason == "The schedule does not promote: `alias` is null."
        assert not check_schedule(database, number)
        assert show(client, number)["triggers"][0]["value"] == 2

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_a_time_that_was_missed_often_runs_once(
        self, client: TestClient, database: Database, model: str, trainer: Trainer
    ) -> None:
        number = schedule(client, cron="0 3 * * *", alias=None)
        make_due(database, number, timedelta(days=10))
        assert check_schedule(database, number)
        assert read(database, number).next_run_at > utc_now()
        (run,) = runs(database)
        end_training(database, trainer.trained, run.training_job)
        fire_due(database, Settings())
        assert len(trainings(database)) == 2
        assert run.cause.startswith("'0 3 * * *' (UTC) was due at ")

    def test_it_waits_while_a_run_of_the_model_goes_on(
        self, client: TestClient, database: Database, begun: ScheduleRun, trainer: Trainer
    ) -> None:
        other = schedule(client, cron="0 3 * * *", alias=None)
        make_due(database, other, timedelta(hours=1))
        assert not check_schedule(database, other)
        end_training(database, trainer.trained, begun.training_job)
        assert not check_schedule(database, other)  # its promotion is part of the run
        (run,) = runs(database)
        promote(database, run)
        assert check_schedule(database, other)

    def test_one_that_is_switched_off_or_deleted_meanwhile_does_not_run(
        self, client: TestClient, database: Database, model: str
    ) -> None:
        number = schedule(client, after_rows=1)
        seen = read(database, number)
        client.patch(f"/v1/models/{model}/schedules/{number}", json={"enabled": False})
        with database.transaction() as session:
            assert not fire(session, seen, CAUSE)
        client.delete(f"/v1/models/{model}/schedules/{number}")
        with database.transaction() as session:
            assert not fire(session, seen, CAUSE)
        client.delete(f"/v1/models/{model}")
        with database.transaction() as session:
            assert not fire(session, seen, CAUSE)
        assert len(trainings(database)) == 1


class TestOnce:
    def test_of_two_workers_one_begins(
        self, client: TestClient, database: Database, model: str
    ) -> None:
        number = schedule(client, after_rows=1)
        seen, together = read(database, number), Barrier(2)

        def begin(_: int) -> bool:
            together.wait()
            with database.transaction() as session:
                return fire(session, seen, CAUSE)

        with ThreadPoolExecutor(2, initializer=act_for, initargs=("default",)) as pool:
            assert sorted(pool.map(begin, range(2))) == [False, True]
        assert len(runs(database)) == 1
        assert len(trainings(database)) == 2

    def test_a_worker_that_dies_while_it_begins_leaves_nothing(
        self,
        client: TestClient,
        database: Database,
        model: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        number = schedule(client, after_rows=1)
        put_rows(client, weekly_rows(ROWS, 1))
        begin = firing._begin

        def die(session: Session, *rest: object) -> None:
            begin(session, *rest)
            session.flush()
            raise KeyboardInterrupt

        monkeypatch.setattr(firing, "_begin", die)
        with pytest.raises(KeyboardInterrupt):
            check_schedule(database, number)
        assert (runs(database), len(trainings(database))) == ([], 1)
        monkeypatch.undo()
        assert check_schedule(database, number)
        assert (len(runs(database)), len(trainings(database))) == (1, 2)


class TestEnd:
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_a_training_that_fails_ends_the_run_and_is_not_asked_for_again_at_once(
        self, client: TestClient, database: Database, begun: ScheduleRun, trainer: Trainer
    ) -> None:
        failed = {"state": JobState.FAILED, "error": "The loss is not a number any more."}
        end_training(database, trainer.trained, begun.training_job, **failed)
        (run,) = runs(database)
        assert (run.promoted, run.finished_at is None) == (False, False)
        assert run.reason == "The training failed: The loss is not a number any more."
        assert not check_schedule(database, begun.schedule_id)
        put_rows(client, weekly_rows(ROWS + 1, 1))
        assert check_schedule(database, begun.schedule_id)

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_one_that_is_cancelled_ends_the_run(
        self, client: TestClient, database: Database, begun: ScheduleRun
    ) -> None:
        assert client.post(f"/v1/jobs/{begun.training_job}/cancel").status_code == 200
        assert runs(database)[0].reason == "The training was cancelled."

    def test_the_gate_lets_it_be_champion_and_the_history_and_webhooks_say_so(
        self, client: TestClient, database: Database, begun: ScheduleRun, trainer: Trainer
    ) -> None:
        with database.transaction() as session:
            fields = {"url": "https://example.com", "events": ["alias.changed"], "secret": "s" * 16}
            session.add(Webhook(**fields))
        end_training(database, trainer.trained, begun.training_job)
        (run,) = runs(database)
        assert run.finished_at is None
        promote(database, run)
        (item,) = client.get("/v1/models/weekly-gru/aliases").json()["items"]
        (line,) = item["history"]
        assert (line["version"], line["schedule"]) == (2, begun.schedule_id)
        assert line["evidence"] == runs(database)[0].evidence
        with database.reading() as session:
            (delivery,) = session.scalars(sa.select(WebhookDelivery))
        assert json.loads(delivery.body)["data"]["version"] == 2

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_one_that_is_no_better_than_the_champion_stays_below_it(
        self, client: TestClient, database: Database, begun: ScheduleRun, trainer: Trainer
    ) -> None:
        champion = "/v1/models/weekly-gru/aliases/champion"
        assert client.put(champion, json={"version": 1}).status_code == 200
        end_training(database, trainer.trained, begun.training_job)
        promote(database, runs(database)[0])
        (run,) = runs(database)
        assert run.promoted is False
        assert run.reason == "Version 2 does not beat the present champion."
        assert [line["passed"] for line in run.evidence or []] == [True, True, False]
        assert client.get("/v1/models/weekly-gru/versions/champion").json()["version"] == 1

    def test_a_promotion_that_is_killed_after_it_is_done_is_not_done_twice(
        self,
        client: TestClient,
        database: Database,
        begun: ScheduleRun,
        trainer: Trainer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        end_training(database, trainer.trained, begun.training_job)
        (run,) = runs(database)
        job_id = run.promotion_job or ""
        with database.transaction() as session:
            first = attempts.start(session, job_id, "worker")
        assert first is not None

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Task, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            child.run(Task(database, first), {"promote": promote_version})
        monkeypatch.undo()
        (done,) = runs(database)
        assert done.promoted
        promote(database, run)
        job = client.get(f"/v1/jobs/{job_id}").json()
        assert (job["state"], job["result"]["promoted"]) == ("succeeded", True)
        assert runs(database)[0].finished_at == done.finished_at
        (item,) = client.get("/v1/models/weekly-gru/aliases").json()["items"]
        assert len(item["history"]) == 1

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_a_schedule_that_is_deleted_meanwhile_promotes_nothing(
        self, client: TestClient, database: Database, begun: ScheduleRun, trainer: Trainer
    ) -> None:
        end_training(database, trainer.trained, begun.training_job)
        (run,) = runs(database)
        client.delete(f"/v1/models/weekly-gru/schedules/{run.schedule_id}")
        promote(database, run)
        job = client.get(f"/v1/jobs/{run.promotion_job}").json()
        assert job["result"] == {
            "promoted": False,
            "reason": "The schedule was deleted meanwhile.",
        }
        assert client.get("/v1/models/weekly-gru/aliases").json()["items"] == []
