"""Backtests over HTTP: asked for, run by the worker's own handler, read as JSON and CSV."""

import csv
import io
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.backtests.tables import Backtest
from app.db import Database
from tests.app.conftest import ROWS, START, WEEK, put_rows, weekly_rows, weekly_value
from tests.app.test_problems import check_problem

TEST_BEGINS = 255
FARTHEST = 4


def week(number: float) -> str:
    return (START + number * WEEK).isoformat()


def request(client: TestClient, model: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/models/{model}/backtests", json=body)
    assert answer.status_code == 202, answer.text
    queued: dict[str, Any] = answer.json()
    return queued


def read(client: TestClient, model: str, backtest: str) -> dict[str, Any]:
    answer = client.get(f"/v1/models/{model}/backtests/{backtest}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


class TestRequest:
    def test_the_answer_is_the_queued_job_and_its_place(
        self, client: TestClient, model: str
    ) -> None:
        answer = client.post(f"/v1/models/{model}/backtests")
        body = answer.json()
        assert answer.status_code == 202
        assert answer.headers["location"] == f"/v1/jobs/{body['job']['id']}"
        job = client.get(answer.headers["location"]).json()
        assert (job["kind"], job["state"]) == ("backtest", "queued")
        assert job["subject"] == {"model": model, "version": 1}
        assert (body["origins"], body["refits"]) == (ROWS - FARTHEST - TEST_BEGINS, 0)
        waiting = read(client, model, body["id"])
        assert (waiting["state"], waiting["report"]) == ("queued", None)

    def test_a_request_sent_twice_with_one_key_is_one_backtest(
        self, client: TestClient, model: str
    ) -> None:
        headers, path = {"Idempotency-Key": "abc"}, f"/v1/models/{model}/backtests"
        first, second = (client.post(path, json={}, headers=headers) for _ in range(2))
        assert first.json() == second.json()
        assert len(client.get(path).json()["items"]) == 1

    def test_a_queued_one_can_be_cancelled(self, client: TestClient, model: str) -> None:
        queued = request(client, model)
        assert client.post(f"/v1/jobs/{queued['job']['id']}/cancel").status_code == 200
        assert read(client, model, queued["id"])["state"] == "cancelled"

    def test_deleting_the_model_cancels_and_deletes_it(
        self, client: TestClient, model: str
    ) -> None:
        queued = request(client, model)
        assert client.delete(f"/v1/models/{model}").status_code == 204
        assert client.get(f"/v1/jobs/{queued['job']['id']}").json()["state"] == "cancelled"
        check_problem(client.get(f"/v1/models/{model}/backtests/{queued['id']}"), 404)


class TestResult:
    def test_figures_and_points_are_stored_with_the_end_of_the_job(
        self, client: TestClient, model: str, work: Callable[[str], None]
    ) -> None:
        queued = request(client, model, origins={"every": 10})
        work(queued["id"])
        job = client.get(f"/v1/jobs/{queued['id']}").json()
        assert (job["state"], job["error"]) == ("succeeded", None)
        assert job["result"] == {"model": model, "version": 1, "backtest": queued["id"]}
        body = read(client, model, queued["id"])
        assert body["request"] == {"origins": {"every": 10}}
        report = body["report"]
        assert report["origins"]["count"] == queued["origins"] == 5
        assert report["in_sample_origins"] == 0
        target = report["targets"]["y"]
        assert target["skill"] == pytest.approx(1 - target["mae"] / target["naive_mae"])
        assert [row["lead"] for row in target["leads"]] == [1, 2, 3, 4]
        assert target["significance"]["naive"]["sentence"]

    @pytest.mark.one_database
    def test_points_come_in_pages_and_add_up_to_the_figures(
        self, client: TestClient, model: str, work: Callable[[str], None]
    ) -> None:
        queued = request(client, model, origins={"start": week(260), "count": 3})
        work(queued["id"])
        path = f"/v1/models/{model}/backtests/{queued['id']}/points?limit=7"
        first = client.get(path).json()
        second = client.get(f"{path}&cursor={first['next']}").json()
        points = [*first["items"], *second["items"]]
        assert (len(points), second["next"]) == (3 * FARTHEST, None)
        assert [point["lead"] for point in points] == [1, 2, 3, 4] * 3
        for number, point in enumerate(points):
            row = 260 + number // FARTHEST
            due = row + point["lead"]
            assert datetime.fromisoformat(point["origin"]) == START + row * WEEK
            assert datetime.fromisoformat(point["time"]) == START + due * WEEK
            assert point["actual"] == weekly_value(due)
            assert point["error"] == pytest.approx(point["value"] - point["actual"])
            assert point["naive_error"] == pytest.approx(weekly_value(row) - point["actual"])
            last_year = weekly_value(due - 52)
            assert point["seasonal_naive_error"] == pytest.approx(last_year - point["actual"])
        mae = sum(abs(point["error"]) for point in points) / len(points)
        figures = read(client, model, queued["id"])["report"]["targets"]["y"]
        assert figures["mae"] == pytest.approx(mae)

    @pytest.mark.one_database
    def test_csv_has_the_same_points(
        self, client: TestClient, model: str, work: Callable[[str], None]
    ) -> None:
        queued = request(client, model, origins={"count": 2})
        work(queued["id"])
        path = f"/v1/models/{model}/backtests/{queued['id']}"
        answer = client.get(path, headers={"Accept": "text/csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        points = client.get(f"{path}/points").json()["items"]
        assert len(rows) == len(points) == 2 * FARTHEST
        for row, point in zip(rows, points, strict=True):
            assert set(row) == set(point)
            assert row["origin"] == point["origin"]
            assert float(row["error"]) == point["error"]

    @pytest.mark.one_database
    def test_its_points_equal_the_forecasts(
        self, client: TestClient, model: str, work: Callable[[str], None]
    ) -> None:
        queued = request(client, model, origins={"start": week(270), "count": 1})
        work(queued["id"])
        path = f"/v1/models/{model}/backtests/{queued['id']}/points"
        tested = [point["value"] for point in client.get(path).json()["items"]]
        made = client.post(f"/v1/models/{model}/forecasts", json={"origin": week(270)}).json()
        assert tested == pytest.approx([point["value"] for point in made["points"]], abs=1e-6)

    def test_later_rows_are_not_in_it(
        self, client: TestClient, model: str, work: Callable[[str], None]
    ) -> None:
        queued = request(client, model, origins={"count": 1})
        put_rows(client, [[week(ROWS - 1), 99.0], *weekly_rows(ROWS, 5)])
        work(queued["id"])
        assert read(client, model, queued["id"])["data_revision"] == 1
        path = f"/v1/models/{model}/backtests/{queued['id']}/points"
        last = client.get(path).json()["items"][-1]
        assert datetime.fromisoformat(last["time"]) == START + (ROWS - 1) * WEEK
        assert last["actual"] == weekly_value(ROWS - 1)

    @pytest.mark.slow
    @pytest.mark.one_database
    def test_refits_are_trained_on_rolling_rows(
        self, client: TestClient, model: str, work: Callable[[str], None]
    ) -> None:
        body = {"origins": {"every": 10}, "window": "rolling", "train_rows": 120, "refit_every": 3}
        queued = request(client, model, **body)
        assert (queued["origins"], queued["refits"]) == (5, 2)
        work(queued["id"])
        job = client.get(f"/v1/jobs/{queued['id']}").json()
        assert (job["state"], job["error"]) == ("succeeded", None)
        report = read(client, model, queued["id"])["report"]
        assert report["refits"] == 2
        assert report["targets"]["y"]["mae"] > 0
        assert read(client, model, queued["id"])["panel_revisions"] == {"weekly": 1}
        events = client.get(f"/v1/jobs/{queued['id']}/events").text
        assert "evaluating" in events

    def test_one_that_was_queued_when_only_its_own_revision_was_stored_runs(
        self, client: TestClient, model: str, work: Callable[[str], None], database: Database
    ) -> None:
        body = {"origins": {"count": 1}, "window": "rolling", "train_rows": 120, "refit_every": 1}
        queued = request(client, model, **body)
        with database.transaction() as session:
            session.get_one(Backtest, queued["id"]).panel_revisions = None
        work(queued["id"])
        assert read(client, model, queued["id"])["report"]["refits"] == 1


class TestRead:
    def test_the_list_is_newest_first_and_cut_into_pages(
        self, client: TestClient, model: str
    ) -> None:
        ids = [request(client, model, origins={"count": n})["id"] for n in (1, 2, 3)]
        path = f"/v1/models/{model}/backtests?limit=2"
        first = client.get(path).json()
        second = client.get(f"{path}&cursor={first['next']}").json()
        assert [item["id"] for item in [*first["items"], *second["items"]]] == ids[::-1]
        assert second["next"] is None

    def test_points_of_one_that_has_not_run_are_409(self, client: TestClient, model: str) -> None:
        path = f"/v1/models/{model}/backtests/{request(client, model)['id']}"
        assert "queued" in check_problem(client.get(f"{path}/points"), 409)["detail"]
        check_problem(client.get(path, headers={"Accept": "text/csv"}), 409)

    def test_what_is_unknown_is_404(self, client: TestClient, model: str) -> None:
        check_problem(client.get(f"/v1/models/{model}/backtests/none"), 404)
        check_problem(client.get(f"/v1/models/{model}/backtests/none/points"), 404)
        check_problem(client.get("/v1/models/none/backtests"), 404)
        check_problem(client.get("/v1/models/none/backtests/none"), 404)


@pytest.mark.one_database
class TestRefused:
    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"origins": {"start": week(-1)}}, "/origins/start"),
            ({"origins": {"end": week(ROWS)}}, "/origins/end"),
            ({"origins": {"start": "2004-01-01T00:00:00"}}, "/origins/start"),
            ({"origins": {"every": 0}}, "/origins/every"),
            ({"origins": {"count": 1000}}, "/origins/count"),
            ({"origins": {"step": 1}}, "/origins/step"),
            ({"origins": {"start": week(12)}, "refit_every": 5}, "/origins/start"),
            ({"window": "rolling", "refit_every": 5}, "/train_rows"),
            ({"window": "rolling", "train_rows": 100}, "/refit_every"),
            ({"window": "rolling", "train_rows": 9, "refit_every": 5}, "/train_rows"),
            ({"window": "sliding"}, "/window"),
            ({"refits": 2}, "/refits"),
        ],
    )
    def test_the_answer_points_at_the_field(
        self, client: TestClient, model: str, body: dict[str, Any], pointer: str
    ) -> None:
        problem = check_problem(client.post(f"/v1/models/{model}/backtests", json=body), 422)
        assert pointer in [error["pointer"] for error in problem["errors"]], problem
        assert client.get(f"/v1/models/{model}/backtests").json()["items"] == []
        assert client.get("/v1/jobs?kind=backtest").json()["items"] == []

    def test_more_points_than_the_bound_are_422(
        self, client: TestClient, model: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("models.backtesting.plan.MOST_NUMBERS", 4 * 40)
        problem = check_problem(client.post(f"/v1/models/{model}/backtests", json={}), 422)
        assert problem["errors"][0]["pointer"] == "/origins"
        assert "at most 10 origins" in problem["detail"]

    def test_an_unknown_model_version_or_series_is_404(
        self, client: TestClient, model: str
    ) -> None:
        check_problem(client.post("/v1/models/none/backtests", json={}), 404)
        for body in ({"version": 7}, {"version": "best"}, {"series": "none"}):
            check_problem(client.post(f"/v1/models/{model}/backtests", json=body), 404)

    def test_a_series_of_another_model_is_422(self, client: TestClient, model: str) -> None:
        client.post("/v1/series", json={"name": "other", "kind": "generic"})
        answer = client.post(f"/v1/models/{model}/backtests", json={"series": "other"})
        assert check_problem(answer, 422)["errors"][0]["pointer"] == "/series"

    def test_a_version_in_training_is_409(self, client: TestClient, model: str) -> None:
        client.post("/v1/models", json={"name": model, "series": "weekly"})
        answer = client.post(f"/v1/models/{model}/backtests", json={"version": 2})
        assert "queued" in check_problem(answer, 409)["detail"]
