"""Schedules over HTTP: made, shown, changed, deleted, refused."""

from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Database, utc_now
from tests.app.conftest import ROWS, SPEC, Trainer, put_rows, weekly_rows
from tests.app.schedules.conftest import PATH, end_training, promote, runs, schedule, show
from tests.app.test_problems import check_problem


class TestLife:
    def test_a_schedule_from_start_to_end(self, client: TestClient, model: str) -> None:
        body = {"cron": "0 3 * * mon", "timezone": "Europe/Berlin", "start": "warm"}
        answer = client.post(PATH, json=body)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert made["alias"] == "champion"
        assert made["enabled"]
        assert (made["last_run"], made["last_run_at"], made["triggers"]) == (None, None, [])
        assert datetime.fromisoformat(made["next_run_at"]) > utc_now()
        path = answer.headers["Location"]
        assert client.get(path).json() == made
        assert client.get(PATH).json() == {"items": [made], "next": None}

        off = client.patch(path, json={"enabled": False, "after_rows": 5}).json()
        assert (off["next_run_at"], off["cron"], off["after_rows"]) == (None, "0 3 * * mon", 5)
        no_clock = client.patch(path, json={"enabled": True, "cron": None}).json()
        assert (no_clock["next_run_at"], no_clock["cron"]) == (None, None)
        again = client.patch(path, json={"cron": "0 3 * * mon"}).json()
        assert again["next_run_at"] == made["next_run_at"]

        assert client.get(f"{path}/runs").json() == {"items": [], "next": None}
        assert client.delete(path).status_code == 204
        check_problem(client.get(path), 404)

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_it_goes_with_its_model(self, client: TestClient, model: str) -> None:
        schedule(client, after_rows=1)
        assert client.delete("/v1/models/weekly-gru").status_code == 204
        check_problem(client.get(PATH), 404)

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_a_key_sent_twice_makes_one(self, client: TestClient, model: str) -> None:
        headers = {"Idempotency-Key": "s"}
        first, second = (
            client.post(PATH, json={"after_rows": 1}, headers=headers) for _ in range(2)
        )
        assert first.json() == second.json()
        assert len(client.get(PATH).json()["items"]) == 1


class TestGauges:
    def test_it_says_how_close_its_triggers_are(self, client: TestClient, model: str) -> None:
        number = schedule(
            client, after_rows=10, min_skill=0.1, drift={"error_ratio": 2, "stability_index": 0.25}
        )
        put_rows(client, weekly_rows(ROWS, 4))
        put_rows(client, [[weekly_rows(ROWS, 1)[0][0], 99.0]])
        rows, skill, error, inputs = show(client, number)["triggers"]
        assert (rows["trigger"], rows["threshold"], rows["value"]) == ("after_rows", 10, 4)
        assert not rows["met"]
        assert (
            "4 rows were stored since the newest version; the threshold is 10." in rows["sentence"]
        )
        assert (skill["trigger"], skill["value"], skill["met"]) == ("min_skill", None, False)
        assert "Too few steps" in skill["sentence"]
        assert (error["trigger"], error["value"]) == ("error_ratio", None)
        assert inputs["trigger"] == "stability_index"
        assert inputs["value"] is not None

    def test_it_shows_its_last_run(
        self, client: TestClient, database: Database, begun: Any, trainer: Trainer
    ) -> None:
        shown = show(client, begun.schedule_id)
        assert shown["last_run_at"] == shown["last_run"]["started_at"]
        assert shown["last_run"]["finished_at"] is None
        end_training(database, trainer.trained, begun.training_job)
        (run,) = runs(database)
        promote(database, run)
        last = show(client, begun.schedule_id)["last_run"]
        assert (last["version"], last["job"]) == (2, begun.training_job)
        assert (last["trigger"], last["promoted"]) == ("after_rows", True)
        assert last["reason"] == "Version 2 is champion now."
        assert [line["against"] for line in last["evidence"]] == ["naive", "seasonal_naive"]
        assert client.get(f"{PATH}/{begun.schedule_id}/runs").json()["items"] == [last]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"cron": "0 3 * *"}, "/cron"),
    ({"cron": "* * * * *"}, "/cron"),
    ({"cron": "0 3 * * *", "timezone": "Mars/Olympus"}, "/timezone"),
    ({"after_rows": 0}, "/after_rows"),
    ({"after_rows": 1e30}, "/after_rows"),
    ({"min_skill": 1}, "/min_skill"),
    ({"min_skill": "NaN"}, "/min_skill"),
    ({"drift": {}}, "/drift"),
    ({"drift": {"error_ratio": 1}}, "/drift/error_ratio"),
    ({"after_rows": 1, "alias": "latest"}, "/alias"),
    ({"after_rows": 1, "start": "hot"}, "/start"),
    ({"after_rows": 1, "window_steps": 1}, "/window_steps"),
    ({"after_rows": 1, "other": 1}, "/other"),
]


# What is refused does not reach the database.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestRefused:
    def test_what_cannot_be(self, client: TestClient, model: str) -> None:
        for request, pointer in WRONG:
            body = check_problem(client.post(PATH, json=request), 422)
            assert body["errors"][0]["pointer"] == pointer, request

    def test_a_change_that_leaves_no_trigger(self, client: TestClient, model: str) -> None:
        number = schedule(client, after_rows=1)
        check_problem(client.patch(f"{PATH}/{number}", json={"after_rows": None}), 422)
        check_problem(client.patch(f"{PATH}/{number}", json={"timezone": None}), 422)
        assert show(client, number)["after_rows"] == 1

    def test_one_that_is_not_there(self, client: TestClient, model: str) -> None:
        other = schedule(client, after_rows=1)
        for method, more in (("get", {}), ("patch", {"json": {"enabled": False}}), ("delete", {})):
            ask = getattr(client, method)
            check_problem(ask(f"{PATH}/{other + 1}", **more), 404)
            check_problem(ask(f"/v1/models/none/schedules/{other}", **more), 404)
            check_problem(ask(f"{PATH}/{10**30}", **more), 422)

    def test_a_model_without_a_trained_version(self, client: TestClient, weekly: str) -> None:
        check_problem(client.post(PATH, json={"after_rows": 1}), 404)
        client.post("/v1/models", json={"name": "weekly-gru", "series": weekly, "spec": SPEC})
        body = check_problem(client.post(PATH, json={"after_rows": 1}), 404)
        assert "no trained version yet" in body["detail"]

    def test_too_many(self, client: TestClient, model: str) -> None:
        for _ in range(20):
            schedule(client, after_rows=1)
        check_problem(client.post(PATH, json={"after_rows": 1}), 409)
