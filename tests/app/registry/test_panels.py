"""Panels over HTTP: trained for real, forecast for any of their series and for new ones."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.jobs import attempts
from app.jobs.task import Task
from tests.app.conftest import ROWS, SPEC, START, WEEK, Trainer, put_rows, weekly_rows, weekly_value
from tests.app.test_problems import check_problem

SHORT = 200


def scaled_rows(first: int, count: int, scale: float) -> list[list[Any]]:
    return [[time, scale * value] for time, value in weekly_rows(first, count)]


def make_series(client: TestClient, name: str, rows: list[list[Any]], **fields: object) -> str:
    answer = client.post("/v1/series", json={"name": name, "kind": "generic", **fields})
    assert answer.status_code == 201, answer.text
    put_rows(client, rows, name)
    return name


def forecast(client: TestClient, model: str, **request: object) -> dict[str, Any]:
    answer = client.post(f"/v1/models/{model}/forecasts", json=request)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def values(body: dict[str, Any]) -> list[float]:
    return [point["value"] for point in body["points"]]


def bounds(body: dict[str, Any]) -> list[float]:
    return [point[side] for point in body["points"] for side in ("lower_95", "upper_95")]


def refused(client: TestClient, series: list[str], **fields: object) -> dict[str, str]:
    answer = client.post("/v1/models", json={"name": "m", "series": series, **fields})
    body = check_problem(answer, 422)
    assert client.get("/v1/jobs").json()["items"] == []
    found: dict[str, str] = {}
    for error in body["errors"]:
        found[error["pointer"]] = f"{found.get(error['pointer'], '')} {error['message']}".strip()
    return found


@pytest.fixture
def pair(client: TestClient, weekly: str) -> list[str]:
    """A series of 300 weeks, and one of 200 whose values are a thousand times as large."""
    return [weekly, make_series(client, "large", scaled_rows(0, SHORT, 1000.0))]


@pytest.fixture
def work(client: TestClient, database: Database) -> Callable[[str], dict[str, Any]]:
    """Does a queued job as a worker's child does, and gives the job as it ended."""
    from app.worker import child
    from app.worker.handlers import HANDLERS, load_handlers

    def do(job_id: str) -> dict[str, Any]:
        with database.transaction() as session:
            attempt = attempts.start(session, job_id, "tester")
        assert attempt is not None
        child.run(Task(database, attempt), load_handlers(HANDLERS))
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        return job

    return do


@pytest.fixture(scope="session")
def panel_trained_once() -> list[Any]:
    """The panel's network, once the first test has needed it."""
    return []


@pytest.fixture
def panel(
    client: TestClient, database: Database, pair: list[str], panel_trained_once: list[Any]
) -> str:
    """A model of both, with one trained version."""
    answer = client.post("/v1/models", json={"name": "both", "series": pair, "spec": SPEC})
    assert answer.status_code == 202, answer.text
    Trainer(database, panel_trained_once).finish(answer.json()["job"]["id"])
    return "both"


@pytest.mark.one_database
class TestTrain:
    def test_the_version_tells_of_every_series(self, client: TestClient, panel: str) -> None:
        put_rows(client, scaled_rows(SHORT, 1, 1000.0), "large")
        version = client.get(f"/v1/models/{panel}/versions/1").json()
        assert version["series"] == ["weekly", "large"]
        lineage = version["data"]["series"]
        assert [(each["name"], each["rows"]) for each in lineage] == [
            ("weekly", ROWS),
            ("large", SHORT),
        ]
        assert [each["revision"] for each in lineage] == [1, 1]
        assert version["data"]["rows"] == ROWS + SHORT
        by_series = version["metrics_by_series"]
        assert list(by_series) == ["weekly", "large"]
        maes = [by_series[name]["test"]["y"]["mae"] for name in ("weekly", "large")]
        assert version["metrics"]["test"]["y"]["mae"] == pytest.approx(sum(maes) / 2)

    def test_diagnostics_are_by_series(self, client: TestClient, panel: str) -> None:
        version = client.get(f"/v1/models/{panel}/versions/1").json()
        assert set(version["baselines"]) == set(version["residuals"]) == {"weekly", "large"}
        checks = version["audit"]["checks"]
        assert any(each["sentence"].startswith("In the series 'large'") for each in checks)
        assert "significance" not in version["metrics"]["test"]["y"]
        assert version["metrics_by_series"]["large"]["test"]["y"]["significance"]["naive"]

    def test_it_is_verified_with_all_its_series(
        self, client: TestClient, panel: str, work: Callable[[str], dict[str, Any]]
    ) -> None:
        put_rows(client, [[START.isoformat(), 5.0]], "large")
        job = client.post(f"/v1/models/{panel}/versions/1/verify").json()
        result = work(job["id"])["result"]
        assert (result["identical"], result["differences"]) == (True, [])
        assert result["largest_forecast_difference"] == {"y": 0.0}

    def test_a_model_of_one_series_has_no_metrics_by_series(
        self, client: TestClient, model: str
    ) -> None:
        version = client.get(f"/v1/models/{model}/versions/1").json()
        assert version["metrics_by_series"] is None
        assert "series" not in version["data"]

    def test_lists_name_all_series(self, client: TestClient, panel: str) -> None:
        models = client.get("/v1/models").json()["items"]
        versions = client.get(f"/v1/models/{panel}/versions").json()["items"]
        assert models[0]["latest"]["series"] == versions[0]["series"] == ["weekly", "large"]


@pytest.mark.one_database
class TestBacktest:
    def test_any_series_of_the_panel_is_tested(
        self, client: TestClient, panel: str, work: Callable[[str], dict[str, Any]]
    ) -> None:
        path = f"/v1/models/{panel}/backtests"
        # 15 % of its 200 rows are for testing, and the last four cannot be origins.
        queued = client.post(path, json={"series": "large"}).json()
        assert queued["origins"] == 26
        assert work(queued["id"])["error"] is None
        body = client.get(f"{path}/{queued['id']}").json()
        assert body["series"] == "large"
        version = client.get(f"/v1/models/{panel}/versions/1").json()
        trained = version["metrics_by_series"]["large"]["test"]["y"]
        assert body["report"]["targets"]["y"]["mae"] == pytest.approx(trained["mae"])

    def test_by_default_it_is_the_first(self, client: TestClient, panel: str) -> None:
        queued = client.post(f"/v1/models/{panel}/backtests", json={}).json()
        listed = client.get(f"/v1/models/{panel}/backtests").json()["items"]
        assert [(each["id"], each["series"]) for each in listed] == [(queued["id"], "weekly")]

    def test_a_series_it_did_not_learn_from_is_422(self, client: TestClient, panel: str) -> None:
        make_series(client, "guest", weekly_rows(0, ROWS))
        answer = client.post(f"/v1/models/{panel}/backtests", json={"series": "guest"})
        (error,) = check_problem(answer, 422)["errors"]
        assert error["pointer"] == "/series"
        assert "learnt from: weekly, large. Received: guest" in error["message"]

    def test_refits_learn_from_all_series_as_they_were(
        self,
        client: TestClient,
        panel: str,
        work: Callable[[str], dict[str, Any]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        import app.backtests.tasks
        from models.training.train import train

        seen: list[Any] = []

        def recording(spec: Any, data: Any, **options: Any) -> Any:
            seen.append(data)
            return train(spec, data, **options)

        # Compiling with XLA takes longer than training these small nets.
        monkeypatch.setattr("models.network.engine_tensorflow.uses_xla", lambda: False)
        monkeypatch.setattr(app.backtests.tasks, "train", recording)
        path = f"/v1/models/{panel}/backtests"
        body = {
            "series": "large",
            "origins": {"start": (START + 150 * WEEK).isoformat(), "every": 20},
            "window": "rolling",
            "train_rows": 120,
            "refit_every": 2,
        }
        queued = client.post(path, json=body).json()
        assert (queued["origins"], queued["refits"]) == (3, 2)
        # What is written now, at times that the refits learn from, comes too late.
        put_rows(client, [[(START + 100 * WEEK).isoformat(), 99.0]])
        assert work(queued["id"])["error"] is None
        read = client.get(f"{path}/{queued['id']}").json()
        assert read["panel_revisions"] == {"weekly": 1, "large": 1}
        assert (read["series"], read["report"]["refits"]) == ("large", 2)
        assert read["report"]["targets"]["y"]["mae"] < 1000 * 10
        points = client.get(f"{path}/{queued['id']}/points").json()["items"]
        assert points[0]["actual"] == 1000 * weekly_value(151)
        for row, data in zip((150, 190), seen, strict=True):
            assert [each.name for each in data] == ["weekly", "large"]
            for each, scale in zip(data, (1, 1000), strict=True):
                weeks = range(row - 119, row + 1)
                assert each.values[:, 0].tolist() == [scale * weekly_value(w) for w in weeks]

    def test_what_one_series_has_too_few_rows_for_is_422(
        self, client: TestClient, weekly: str, database: Database
    ) -> None:
        rows = [[time, value] for time, value in weekly_rows(150, 150)]
        pair = [weekly, make_series(client, "young", rows)]
        body = {"name": "young-too", "series": pair, "spec": SPEC}
        job = client.post("/v1/models", json=body).json()["job"]
        Trainer(database, []).finish(job["id"])
        start = (START + 140 * WEEK).isoformat()
        body = {"origins": {"start": start}, "refit_every": 5}
        answer = client.post("/v1/models/young-too/backtests", json=body)
        (error,) = check_problem(answer, 422)["errors"]
        assert error["pointer"] == "/origins/start"
        assert "The series 'young'" in error["message"]
        assert client.get("/v1/jobs?kind=backtest").json()["items"] == []
        kept = client.post("/v1/models/young-too/backtests", json={"origins": {"start": start}})
        assert kept.status_code == 202
        assert (
            client.get("/v1/models/young-too/backtests").json()["items"][0]["panel_revisions"]
            is None
        )


@pytest.mark.one_database
class TestRefusedPanel:
    def test_a_name_given_twice(self, client: TestClient, pair: list[str]) -> None:
        found = refused(client, [*pair, "weekly"])
        assert found == {"/series/2": "`series` must differ. Received twice: weekly"}

    def test_another_cadence(self, client: TestClient, weekly: str) -> None:
        days = [[(START + day * timedelta(days=1)).isoformat(), day % 7] for day in range(ROWS)]
        make_series(client, "daily", days)
        assert (
            "its `cadence` must be 7D. Received: 1D"
            in refused(client, [weekly, "daily"])["/series/1"]
        )

    def test_another_kind(self, client: TestClient, weekly: str) -> None:
        make_series(client, "climate", weekly_rows(0, ROWS), kind="climate")
        found = refused(client, [weekly, "climate"])
        assert "its `kind` must be generic. Received: climate" in found["/series/1"]

    def test_a_target_that_one_of_them_lacks(self, client: TestClient, weekly: str) -> None:
        make_series(client, "flat", [[time, 5.0] for time, _ in weekly_rows(0, ROWS)])
        message = refused(client, [weekly, "flat"])["/series/1"]
        assert message.startswith("In the series 'flat': A target must vary.")

    def test_one_that_is_too_short(self, client: TestClient, weekly: str) -> None:
        make_series(client, "short", weekly_rows(0, 12))
        assert "In the series 'short'" in refused(client, [weekly, "short"])["/series/1"]

    def test_too_many(self, client: TestClient) -> None:
        found = refused(client, [f"s{number}" for number in range(101)])
        assert found == {"/series": "`series` must name at most 100 series. Received: 101"}

    def test_one_that_does_not_exist(self, client: TestClient, weekly: str) -> None:
        answer = client.post("/v1/models", json={"name": "m", "series": [weekly, "none"]})
        check_problem(answer, 404)

    def test_a_fault_of_the_spec_points_into_the_spec(
        self, client: TestClient, pair: list[str]
    ) -> None:
        assert list(refused(client, pair, spec={"targets": ["z"]})) == ["/spec/targets/0"]


class TestForecast:
    def test_the_first_series_is_the_default(self, client: TestClient, panel: str) -> None:
        assert forecast(client, panel, series="large")["series"] == "large"
        first = forecast(client, panel)
        assert first["series"] == "weekly"
        # Polling goes by the kept state of the same series, not of the one asked for last.
        assert client.get(f"/v1/models/{panel}/forecasts/latest").json() == first

    def test_each_is_forecast_on_its_own_scale_from_its_own_end(
        self, client: TestClient, panel: str
    ) -> None:
        body = forecast(client, panel, series="large")
        assert datetime.fromisoformat(body["origin"]) == START + (SHORT - 1) * WEEK
        assert all(abs(v / 1000 - weekly_value(SHORT)) < 3 for v in values(body))
        both = (forecast(client, panel), body)
        widths = [np.ptp(np.reshape(bounds(each), (-1, 2)), axis=1).mean() for each in both]
        assert 100 < widths[1] / widths[0] < 10_000, widths
        assert all("lower_50" in p for p in forecast(client, panel, levels=[50])["points"])

    @pytest.mark.parametrize("batches", [[12], [5, 1, 6]])
    def test_streamed_equals_replayed(
        self, client: TestClient, panel: str, batches: list[int]
    ) -> None:
        forecast(client, panel, series="large")
        week = SHORT
        for count in batches:
            put_rows(client, scaled_rows(week, count, 1000.0), "large")
            streamed = forecast(client, panel, series="large")
            week += count
        put_rows(client, [[START.isoformat(), 5.0]], "large")
        put_rows(client, scaled_rows(0, 1, 1000.0), "large")
        replayed = forecast(client, panel, series="large")
        assert values(replayed) == pytest.approx(values(streamed), rel=1e-6)
        assert bounds(replayed) == pytest.approx(bounds(streamed), rel=1e-6)


class TestUnseenSeries:
    @pytest.mark.parametrize("which", ["panel", "model"])
    def test_it_is_forecast_on_its_own_scale(
        self, client: TestClient, which: str, request: pytest.FixtureRequest
    ) -> None:
        name = request.getfixturevalue(which)
        make_series(client, "tiny", scaled_rows(0, 150, 1e-3))
        body = forecast(client, name, series="tiny")
        assert body["series"] == "tiny"
        assert all(abs(v * 1000 - weekly_value(150)) < 3 for v in values(body))
        assert forecast(client, name, series="tiny") == body

    @pytest.mark.parametrize("batches", [[20], [1] * 20, [9, 2, 9]])
    def test_streamed_equals_replayed_also_where_its_scale_is_learnt_again(
        self, client: TestClient, panel: str, batches: list[int]
    ) -> None:
        version = client.get(f"/v1/models/{panel}/versions/1").json()
        least = version["spec"]["burn_in"] + 4 + 10
        # Ten rows before and ten rows after the history has doubled.
        week = 2 * least - 10
        make_series(client, "new", scaled_rows(0, week, 10.0))
        before = values(forecast(client, panel, series="new"))
        for count in batches:
            put_rows(client, scaled_rows(week, count, 10.0), "new")
            streamed = forecast(client, panel, series="new")
            week += count
        put_rows(client, [[START.isoformat(), 5.0]], "new")
        put_rows(client, scaled_rows(0, 1, 10.0), "new")
        replayed = forecast(client, panel, series="new")
        assert replayed["origin"] == streamed["origin"]
        assert values(replayed) == pytest.approx(values(streamed), rel=1e-6)
        assert bounds(replayed) == pytest.approx(bounds(streamed), rel=1e-6)
        # An earlier origin sees the scale of its time, and nothing later.
        origin = (START + (2 * least - 11) * WEEK).isoformat()
        earlier = forecast(client, panel, series="new", origin=origin)
        assert values(earlier) == pytest.approx(before, rel=1e-6)

    def test_too_little_history_is_409_and_says_how_much_is_needed(
        self, client: TestClient, panel: str
    ) -> None:
        make_series(client, "young", weekly_rows(0, 5))
        answer = client.post(f"/v1/models/{panel}/forecasts", json={"series": "young"})
        detail = check_problem(answer, 409)["detail"]
        assert "it needs its first" in detail
        assert detail.endswith("Received: 5")

    def test_other_channels_are_422(self, client: TestClient, panel: str) -> None:
        client.post("/v1/series", json={"name": "other", "kind": "generic"})
        body = {"columns": ["time", "z"], "rows": weekly_rows(0, ROWS)}
        client.put("/v1/series/other/observations", json=body)
        answer = client.post(f"/v1/models/{panel}/forecasts", json={"series": "other"})
        (error,) = check_problem(answer, 422)["errors"]
        assert error["pointer"] == "/series"
        assert error["message"].endswith("it must have the channels y. Missing: y")


class TestDelete:
    @pytest.mark.parametrize("name", ["weekly", "large"])
    def test_every_series_of_a_panel_is_in_use(
        self, client: TestClient, panel: str, name: str
    ) -> None:
        assert panel in check_problem(client.delete(f"/v1/series/{name}"), 409)["detail"]
        assert client.delete(f"/v1/series/{name}?force=true").status_code == 204
        check_problem(client.get(f"/v1/models/{panel}"), 404)

    def test_a_series_that_was_only_forecast_is_free(self, client: TestClient, panel: str) -> None:
        make_series(client, "guest", weekly_rows(0, ROWS))
        made = forecast(client, panel, series="guest")
        assert client.delete("/v1/series/guest").status_code == 204
        check_problem(client.get(f"/v1/forecasts/{made['id']}"), 404)
        assert client.get(f"/v1/models/{panel}").status_code == 200
