"""Forecasts of classes over HTTP: probabilities of every lead, stored and given back."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.app.conftest import ROWS, START, WEEK, put_rows, weekly_rows
from tests.app.test_problems import check_problem

PATH = "/v1/models/weekly-direction/forecasts"


def forecast(client: TestClient, **request: object) -> dict[str, Any]:
    answer = client.post(PATH, json=request)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.usefixtures("direction")
class TestProbabilities:
    @pytest.mark.one_database
    def test_each_point_has_those_of_all_classes(self, client: TestClient) -> None:
        points = forecast(client)["points"]
        assert [point["lead"] for point in points] == [1, 2, 3]
        for point in points:
            shares = point["probabilities"]
            assert list(shares) == ["down", "flat", "up"]
            assert sum(shares.values()) == pytest.approx(1)
            assert point["class"] == max(shares, key=lambda name: shares[name])
            assert point["value"] is None
            assert not any(name.startswith("lower_") for name in point)

    def test_the_same_question_has_the_same_stored_answer(self, client: TestClient) -> None:
        first, second = client.post(PATH, json={}), client.post(PATH, json={})
        assert first.content == second.content
        stored = client.get(f"/v1/forecasts/{first.json()['id']}")
        assert stored.json() == first.json()
        latest = client.get(f"{PATH}/latest", headers={"If-None-Match": first.headers["ETag"]})
        assert latest.status_code == 304

    def test_a_new_row_moves_the_state_by_a_step(self, client: TestClient) -> None:
        forecast(client)
        put_rows(client, weekly_rows(ROWS, 1))
        streamed = forecast(client)
        assert streamed["origin"].startswith((START + ROWS * WEEK).date().isoformat())
        replayed = forecast(client, origin=streamed["origin"], version=1)
        for one, other in zip(streamed["points"], replayed["points"], strict=True):
            np.testing.assert_allclose(
                list(one["probabilities"].values()),
                list(other["probabilities"].values()),
                atol=1e-6,
            )

    @pytest.mark.one_database
    def test_csv_has_a_column_for_each_class(self, client: TestClient) -> None:
        answer = client.post(PATH, json={}, headers={"Accept": "text/csv"})
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert len(rows) == 3
        shares = [float(rows[0][f"probability_{name}"]) for name in ("down", "flat", "up")]
        assert sum(shares) == pytest.approx(1)

    @pytest.mark.one_database
    def test_levels_are_of_values(self, client: TestClient) -> None:
        answer = client.post(PATH, json={"levels": [50]})
        problem = check_problem(answer, 422)
        assert problem["errors"][0]["pointer"] == "/levels"

    @pytest.mark.one_database
    def test_the_version_shows_how_good_they_are(self, client: TestClient) -> None:
        version = client.get("/v1/models/weekly-direction/versions/1").json()
        figures = version["metrics"]["test"]["y"]
        assert {"accuracy", "balanced_accuracy", "log_loss", "brier"} <= set(figures)
        assert {"majority_accuracy", "class_prior_log_loss", "skill"} <= set(figures["leads"][0])
        assert version["calibration"]["test"]["y"][0]["bins"]
        assert version["residuals"] is None


@pytest.mark.one_database
class TestRefusals:
    @pytest.mark.parametrize(
        ("spec", "pointer"),
        [
            ({"task": "direction", "quantiles": [0.1, 0.9]}, "/spec/quantiles"),
            ({"task": "classification"}, "/spec/targets"),
            ({"task": "direction", "dead_band": {"size": -1}}, "/spec/dead_band/size"),
            ({"task": "direction", "dead_band": {"size": 1, "unit": "percent"}}, "/spec/dead_band"),
        ],
    )
    def test_at_request_time(
        self, client: TestClient, weekly: str, spec: dict[str, Any], pointer: str
    ) -> None:
        body = {"name": "m", "series": weekly, "spec": spec}
        problem = check_problem(client.post("/v1/models", json=body), 422)
        assert problem["errors"][0]["pointer"].startswith(pointer)
