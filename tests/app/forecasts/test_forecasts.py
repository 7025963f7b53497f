"""Forecasts over HTTP: made once, stored, polled, read back; the kept state behind them."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.registry.tables import Bundle
from models.serving.artefact import FORMAT, read_bundle, write_bundle
from tests.app.conftest import (
    ROWS,
    SPEC,
    START,
    WEEK,
    Trainer,
    put_rows,
    weekly_rows,
    weekly_value,
)
from tests.app.test_problems import check_problem


def forecast(client: TestClient, model: str, **request: object) -> dict[str, Any]:
    answer = client.post(f"/v1/models/{model}/forecasts", json=request)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def values(body: dict[str, Any]) -> list[float]:
    return [point["value"] for point in body["points"]]


class TestCreate:
    @pytest.mark.one_database
    def test_points_follow_the_last_observation(self, client: TestClient, model: str) -> None:
        body = forecast(client, model)
        last = START + (ROWS - 1) * WEEK
        assert datetime.fromisoformat(body["origin"]) == last
        times = [datetime.fromisoformat(point["time"]) for point in body["points"]]
        assert times == [last + lead * WEEK for lead in (1, 2, 3, 4)]
        assert [point["lead"] for point in body["points"]] == [1, 2, 3, 4]
        assert {point["target"] for point in body["points"]} == {"y"}
        assert all(point["naive"] == weekly_value(ROWS - 1) for point in body["points"])
        assert body["cadence"] == "7D"
        assert body["data_revision"] == 1
        assert body["target_units"] == {"y": None}

    def test_the_same_request_gives_the_same_stored_forecast(
        self, client: TestClient, model: str
    ) -> None:
        answers = [client.post(f"/v1/models/{model}/forecasts").content for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        assert len(client.get("/v1/forecasts").json()["items"]) == 1

    def test_ten_clients_at_once_get_one_forecast(self, client: TestClient, model: str) -> None:
        with ThreadPoolExecutor(10) as pool:
            ids = set(pool.map(lambda _: forecast(client, model)["id"], range(10)))
        assert len(ids) == 1

    def test_a_new_observation_moves_the_origin(self, client: TestClient, model: str) -> None:
        before = forecast(client, model)
        put_rows(client, weekly_rows(ROWS, 1))
        after = forecast(client, model)
        assert datetime.fromisoformat(after["origin"]) == START + ROWS * WEEK
        assert after["data_revision"] == before["data_revision"] + 1
        assert after["id"] != before["id"]

    def test_an_earlier_origin_sees_nothing_later(self, client: TestClient, model: str) -> None:
        before = forecast(client, model)
        put_rows(client, weekly_rows(ROWS, 20))
        again = forecast(client, model, origin=before["origin"])
        assert again["origin"] == before["origin"]
        assert values(again) == pytest.approx(values(before), abs=1e-6)

    def test_an_origin_between_two_steps_means_the_last_one_before(
        self, client: TestClient, model: str
    ) -> None:
        body = forecast(client, model, origin=(START + 250.5 * WEEK).isoformat())
        assert datetime.fromisoformat(body["origin"]) == START + 250 * WEEK

    def test_a_number_names_the_version(
        self, client: TestClient, model: str, trainer: Trainer
    ) -> None:
        again = {"name": model, "series": "weekly", "spec": SPEC}
        trainer.finish(client.post("/v1/models", json=again).json()["job"]["id"])
        assert forecast(client, model)["version"] == 2
        assert forecast(client, model, version=1)["version"] == 1

    @pytest.mark.one_database
    def test_csv_is_given_to_those_who_accept_it(self, client: TestClient, model: str) -> None:
        answer = client.post(f"/v1/models/{model}/forecasts", headers={"Accept": "text/csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        points = forecast(client, model)["points"]
        assert [float(row["value"]) for row in rows] == [point["value"] for point in points]
        assert [row["time"] for row in rows] == [point["time"] for point in points]


class TestKeptState:
    @pytest.mark.parametrize("batches", [[30], [1] * 30, [7, 1, 22]])
    def test_streamed_in_any_batches_equals_a_replay(
        self, client: TestClient, model: str, batches: list[int]
    ) -> None:
        forecast(client, model)
        week = ROWS
        for count in batches:
            put_rows(client, weekly_rows(week, count))
            streamed = forecast(client, model)
            week += count
        # A change of the past makes the kept state worthless; taking it back leaves the
        # same series, which is now read from its start.
        put_rows(client, [[START.isoformat(), 50.0]])
        put_rows(client, weekly_rows(0, 1))
        replayed = forecast(client, model)
        assert replayed["origin"] == streamed["origin"]
        assert values(replayed) == pytest.approx(values(streamed), abs=1e-6)

    def test_a_correction_of_the_past_changes_the_forecast(
        self, client: TestClient, model: str
    ) -> None:
        before = forecast(client, model)
        put_rows(client, [[(START + (ROWS - 2) * WEEK).isoformat(), 50.0]])
        after = forecast(client, model)
        assert after["origin"] == before["origin"]
        assert values(after) != values(before)

    def test_taking_the_correction_back_gives_the_first_forecast_again(
        self, client: TestClient, model: str
    ) -> None:
        before = forecast(client, model)
        put_rows(client, [[(START + 100 * WEEK).isoformat(), 50.0]])
        forecast(client, model)
        put_rows(client, weekly_rows(100, 1))
        assert values(forecast(client, model)) == values(before)

    def test_a_missing_value_at_the_end_still_gives_numbers(
        self, client: TestClient, model: str
    ) -> None:
        put_rows(client, [[(START + ROWS * WEEK).isoformat(), None]])
        body = forecast(client, model)
        assert all(isinstance(value, float) for value in values(body))
        assert body["points"][0]["naive"] == weekly_value(ROWS - 1)


class TestLatest:
    def test_polling_with_the_etag_is_304_until_something_changes(
        self, client: TestClient, model: str
    ) -> None:
        path = f"/v1/models/{model}/forecasts/latest"
        first = client.get(path)
        headers = {"If-None-Match": first.headers["etag"]}
        assert first.status_code == 200
        unchanged = client.get(path, headers=headers)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        put_rows(client, weekly_rows(ROWS, 1))
        changed = client.get(path, headers=headers)
        assert changed.status_code == 200
        assert changed.headers["etag"] != first.headers["etag"]

    def test_it_is_what_a_post_gives(self, client: TestClient, model: str) -> None:
        assert client.get(f"/v1/models/{model}/forecasts/latest").json() == forecast(client, model)


class TestRead:
    def test_a_forecast_is_read_back_by_its_id(self, client: TestClient, model: str) -> None:
        made = forecast(client, model)
        assert client.get(f"/v1/forecasts/{made['id']}").json() == made

    def test_the_list_is_newest_first_and_can_be_narrowed(
        self, client: TestClient, model: str
    ) -> None:
        pointed = client.put(f"/v1/models/{model}/aliases/challenger", json={"version": 1})
        assert pointed.status_code == 200, pointed.text
        made = [forecast(client, model)["id"]]
        put_rows(client, weekly_rows(ROWS, 1))
        made.append(forecast(client, model)["id"])
        narrowed = ("?series=weekly&version=1", "?version=latest", "?version=challenger")
        for query in ("", f"?model={model}", *narrowed):
            items = client.get(f"/v1/forecasts{query}").json()["items"]
            assert [item["id"] for item in items] == made[::-1]
        for query in ("model=none", "version=champion", "version=2", f"version={10**12}"):
            assert client.get(f"/v1/forecasts?{query}").json()["items"] == []


@pytest.mark.one_database
class TestIntervals:
    def test_points_have_nested_bounds_at_80_and_95(self, client: TestClient, model: str) -> None:
        for point in forecast(client, model)["points"]:
            assert point["lower_95"] <= point["lower_80"] <= point["value"]
            assert point["value"] <= point["upper_80"] <= point["upper_95"]

    def test_any_level_can_be_asked_of_the_same_forecast(
        self, client: TestClient, model: str
    ) -> None:
        usual = forecast(client, model)
        asked = forecast(client, model, levels=[50, 97.5])
        assert asked["id"] == usual["id"]
        for before, after in zip(usual["points"], asked["points"], strict=True):
            assert set(after) - set(before) == {
                "lower_50",
                "upper_50",
                "lower_97.5",
                "upper_97.5",
            }
            assert "lower_80" not in after
            assert after["lower_97.5"] <= before["lower_95"] <= after["lower_50"]
        assert forecast(client, model, levels=[80, 95]) == usual
        assert "lower_80" not in forecast(client, model, levels=[])["points"][0]

    def test_csv_has_a_column_for_each_bound(self, client: TestClient, model: str) -> None:
        answer = client.post(
            f"/v1/models/{model}/forecasts", json={"levels": [90]}, headers={"Accept": "text/csv"}
        )
        (first, *_) = csv.DictReader(io.StringIO(answer.text))
        assert float(first["lower_90"]) < float(first["value"]) < float(first["upper_90"])

    def test_the_report_counts_their_coverage(self, client: TestClient, model: str) -> None:
        version = client.get(f"/v1/models/{model}/versions/1").json()
        target = version["metrics"]["test"]["y"]
        assert 0 <= target["coverage_80"] <= target["coverage_95"] <= 100
        assert target["width_80"] < target["width_95"]
        assert [row["level"] for row in target["calibration"]] == [20, 40, 60, 80, 90, 95, 99]
        assert all("coverage_95" in lead for lead in target["leads"])


@pytest.mark.one_database
class TestRefused:
    def test_an_untrained_model_is_404_with_a_sentence(
        self, client: TestClient, weekly: str
    ) -> None:
        client.post("/v1/models", json={"name": "m", "series": weekly})
        body = check_problem(client.post("/v1/models/m/forecasts"), 404)
        assert "no trained version" in body["detail"]
        check_problem(client.post("/v1/models/m/forecasts", json={"version": 1}), 409)

    def test_a_bundle_of_another_release_is_409_with_a_remedy(
        self, client: TestClient, database: Database, model: str
    ) -> None:
        with database.transaction() as session:
            stored = session.scalars(sa.select(Bundle)).one()
            artefact = read_bundle(stored.content)
            older = replace(artefact, manifest={**artefact.manifest, "format": FORMAT - 1})
            stored.content = write_bundle(older)
        body = check_problem(client.post(f"/v1/models/{model}/forecasts"), 409)
        assert f"format must be {FORMAT}" in body["detail"]
        assert "Train the model again" in body["detail"]

    def test_a_series_that_does_not_exist_is_404(self, client: TestClient, model: str) -> None:
        answer = client.post(f"/v1/models/{model}/forecasts", json={"series": "other"})
        assert "'other'" in check_problem(answer, 404)["detail"]

    @pytest.mark.parametrize(
        ("request_body", "pointer"),
        [
            ({"origin": "1990-01-01T00:00:00Z"}, "/origin"),
            ({"origin": "2000-01-01T00:00:00"}, "/origin"),
            ({"origin": "yesterday"}, "/origin"),
            ({"levels": [100]}, "/levels/0"),
            ({"horizon": 3}, "/horizon"),
        ],
    )
    def test_what_cannot_be_forecast_is_422_with_a_pointer(
        self, client: TestClient, model: str, request_body: dict[str, object], pointer: str
    ) -> None:
        answer = client.post(f"/v1/models/{model}/forecasts", json=request_body)
        body = check_problem(answer, 422)
        assert [error["pointer"] for error in body["errors"]] == [pointer]
