"""Drift: figures over HTTP, the watch over champions, and schedules that wait for it."""

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.drift.service import DriftFinding
from app.drift.tables import DriftWatch
from app.drift.watching import store_findings, watch_drift
from app.jobs.tables import Job
from app.registry.tables import Bundle, ModelVersion
from app.schedules.firing import check_schedule
from app.schedules.tables import ScheduleRun, Trigger
from app.series.tables import Series
from app.settings import Settings
from app.webhooks.tables import Webhook, WebhookDelivery
from models.serving.artefact import read_bundle, write_bundle
from tests.app.conftest import ROWS, put_rows, weekly_rows
from tests.app.deployed import point
from tests.app.test_problems import check_problem

DRIFT = "/v1/models/weekly-gru/drift"
# The inputs of the small model are compared over as many rows as were held out.
WINDOW = 90


def shifted(first: int, count: int, by: float = 1000.0) -> list[list[Any]]:
    return [[time, value + by] for time, value in weekly_rows(first, count)]


def as_held_out(first: int) -> list[list[Any]]:
    """Later weeks with the values of the held-out ones."""
    values = [value for _, value in weekly_rows(ROWS - WINDOW, WINDOW)]
    times = [time for time, _ in weekly_rows(first, WINDOW)]
    return [list(row) for row in zip(times, values, strict=True)]


def events(database: Database) -> list[dict[str, Any]]:
    """The webhook events about drift."""
    with database.reading() as session:
        found = session.scalars(sa.select(WebhookDelivery).order_by(WebhookDelivery.id))
        return [json.loads(each.body) for each in found if each.event == "drift.found"]


@pytest.fixture
def deployed(database: Database, model: str) -> str:
    """The small model as champion, and a webhook that hears of drift."""
    point(database, model, "champion", 1)
    with database.transaction() as session:
        fields = {"url": "https://example.com", "events": ["drift.found"], "secret": "s" * 16}
        session.add(Webhook(**fields))
    return model


class TestFigures:
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_after_the_training_nothing_has_drifted(self, client: TestClient, model: str) -> None:
        body = client.get(DRIFT).json()
        assert (body["version"], body["series"], body["drifted"]) == (1, "weekly", False)
        assert (body["errors"], body["rows"], body["found_at"]) == ([], WINDOW, None)
        (one,) = body["inputs"]
        assert (one["channel"], one["encoding"]) == ("y", "level")
        assert one["stability_index"] == pytest.approx(one["usual"])
        assert body["thresholds"] == {"error_ratio": 1.5, "stability_index": 0.25}

    def test_inputs_that_jump_and_errors_that_grow_are_found(
        self, client: TestClient, deployed: str
    ) -> None:
        for week in range(51):
            put_rows(client, shifted(ROWS + week, 1, by=1000 * (-1) ** week))
        body = client.get(DRIFT, params={"version": "champion", "series": "weekly"}).json()
        (error,) = body["errors"]
        assert (error["steps"], error["points"]) == (50, 4 * 50 - 6)
        performance = client.get(f"/v1/models/{deployed}/performance").json()
        live = performance["items"][0]["windows"][-1]["targets"][0]
        assert (error["metric"], error["error"]) == ("mae", pytest.approx(live["mae"]))
        assert error["skill"] == pytest.approx(live["skill"])
        assert error["ratio"] == pytest.approx(error["error"] / error["expected"])
        leads = {lead["lead"]: lead["test_mae"] for lead in live["leads"]}
        assert min(leads.values()) < error["expected"] < max(leads.values())
        assert body["drifted"]
        assert [each["kind"] for each in body["findings"]] == ["error_ratio", "stability_index"]
        assert "over the last 50 scored steps" in body["findings"][0]["sentence"]

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_what_is_not_there(self, client: TestClient, model: str) -> None:
        client.post("/v1/series", json={"name": "other", "kind": "generic"})
        check_problem(client.get("/v1/models/none/drift"), 404)
        for query in ({"version": "7"}, {"series": "none"}, {"series": "other"}):
            check_problem(client.get(DRIFT, params=query), 404)
        check_problem(client.get(DRIFT, params={"window": "7d"}), 422)
        assert client.post("/v1/models", json={"name": model, "series": "weekly"}).is_success
        check_problem(client.get(DRIFT, params={"version": "2"}), 409)


class TestWatch:
    def test_webhooks_are_notified_once_and_again_only_after_a_recovery(
        self, client: TestClient, database: Database, deployed: str
    ) -> None:
        settings = Settings()
        watch_drift(database, settings)
        assert events(database) == []
        put_rows(client, shifted(ROWS, WINDOW))
        for _ in range(2):
            watch_drift(database, settings)
        put_rows(client, shifted(ROWS + WINDOW, 1))
        watch_drift(database, settings)
        (event,) = events(database)
        assert event["data"]["model"] == deployed
        assert (event["data"]["version"], event["data"]["series"]) == (1, "weekly")
        assert [each["kind"] for each in event["data"]["findings"]] == ["stability_index"]
        assert client.get(DRIFT).json()["found_at"] is not None
        put_rows(client, as_held_out(ROWS + 200))
        watch_drift(database, settings)
        assert client.get(DRIFT).json()["found_at"] is None
        put_rows(client, shifted(ROWS + 300, WINDOW))
        watch_drift(database, settings)
        assert len(events(database)) == 2

    def test_a_worker_that_saw_less_changes_nothing(
        self, database: Database, deployed: str
    ) -> None:
        found = [DriftFinding("error_ratio", "y", 2.0, "A sentence.")]
        with database.transaction() as session:
            version = session.scalars(sa.select(ModelVersion)).one()
            series = session.scalars(sa.select(Series)).one()
            store_findings(session, version, series, 5, found)
            store_findings(session, version, series, 5, found)
            store_findings(session, version, series, 4, [])
            watch = session.get_one(DriftWatch, (version.id, series.id))
            assert (watch.drifted, watch.revision) == (True, 5)
        assert len(events(database)) == 1

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_a_failed_check_is_logged_once_and_repeated_after_the_next_write(
        self,
        client: TestClient,
        database: Database,
        settings: Settings,
        deployed: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with database.transaction() as session:
            bundle = session.scalars(sa.select(Bundle)).one()
            whole = bundle.content
            artefact = read_bundle(whole)
            no_data = {**artefact.manifest, "data": None}
            bundle.content = write_bundle(replace(artefact, manifest=no_data))
        for _ in range(2):
            watch_drift(database, settings)
        assert caplog.text.count("could not be computed") == 1

        with database.transaction() as session:
            session.scalars(sa.select(Bundle)).one().content = whole
        put_rows(client, shifted(ROWS, WINDOW))
        watch_drift(database, settings)
        assert len(events(database)) == 1


class TestSchedules:
    def ask(self, client: TestClient, **request: Any) -> int:
        answer = client.post("/v1/models/weekly-gru/schedules", json=request)
        assert answer.status_code == 201, answer.text
        number: int = answer.json()["id"]
        return number

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_live_skill_that_falls_asks_once_and_then_waits_for_new_evidence(
        self, client: TestClient, database: Database, deployed: str
    ) -> None:
        number = self.ask(client, min_skill=0.999, window_steps=10)
        for week in range(5):
            put_rows(client, weekly_rows(ROWS + week, 1))
        assert not check_schedule(database, number)  # five of ten steps are needed
        put_rows(client, weekly_rows(ROWS + 5, 1))
        assert check_schedule(database, number)
        with database.transaction() as session:
            (run,) = session.scalars(sa.select(ScheduleRun))
            assert run.trigger is Trigger.MIN_SKILL
            run.finished_at = run.started_at
        put_rows(client, weekly_rows(ROWS + 6, 1))
        assert not check_schedule(database, number)
        shown = client.get(f"/v1/models/weekly-gru/schedules/{number}").json()
        assert shown["triggers"][0]["value"] is None

    def test_of_classes_the_log_loss_counts(
        self, client: TestClient, database: Database, direction: str
    ) -> None:
        point(database, direction, "champion", 1)
        path = f"/v1/models/{direction}"
        triggers = {"min_skill": 0.999, "drift": {"error_ratio": 900}, "window_steps": 10}
        answer = client.post(f"{path}/schedules", json=triggers)
        for week in range(7):
            put_rows(client, weekly_rows(ROWS + week, 1))
        skill, ratio = client.get(answer.headers["Location"]).json()["triggers"]
        live = client.get(f"{path}/performance").json()["items"][0]["windows"][-1]["targets"][0]
        assert skill["value"] == pytest.approx(live["skill"])
        assert ratio["value"] > 0

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_drift_of_the_inputs_asks_for_a_training(
        self, client: TestClient, database: Database, deployed: str
    ) -> None:
        number = self.ask(client, drift={"stability_index": 0.5, "error_ratio": 900})
        assert not check_schedule(database, number)
        put_rows(client, shifted(ROWS, WINDOW))
        assert check_schedule(database, number)
        with database.reading() as session:
            run = session.scalars(sa.select(ScheduleRun)).one()
            job = session.get_one(Job, run.training_job)
        assert run.cause.startswith("The input y has a stability index of ")
        assert job.subject == {"model": deployed, "version": 2}
