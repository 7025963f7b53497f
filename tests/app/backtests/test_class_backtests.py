"""Backtests of class models over HTTP: probabilities of every point, as JSON and as CSV."""

import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.app.conftest import DIRECTION, ROWS, START, WEEK, weekly_value

pytestmark = pytest.mark.usefixtures("direction")

LEADS = DIRECTION["horizon"]
BAND_BPS = DIRECTION["dead_band"]["size"]
PATH = "/v1/models/weekly-direction/backtests"
CLASSES = ["down", "flat", "up"]


def week(number: int) -> str:
    return (START + number * WEEK).isoformat()


def done(client: TestClient, work: Callable[[str], None], **body: Any) -> str:
    """The path of a backtest that has run."""
    answer = client.post(PATH, json=body)
    assert answer.status_code == 202, answer.text
    backtest = answer.json()["id"]
    work(backtest)
    job = client.get(f"/v1/jobs/{backtest}").json()
    assert (job["state"], job["error"]) == ("succeeded", None)
    return f"{PATH}/{backtest}"


def actual_class(row: int, lead: int) -> str:
    change = weekly_value(row + lead) / weekly_value(row) - 1
    if abs(change) * 1e4 <= BAND_BPS:
        return "flat"
    return "up" if change > 0 else "down"


@pytest.mark.one_database
class TestPoints:
    def test_they_have_all_probabilities_and_the_actual_class(
        self, client: TestClient, work: Callable[[str], None]
    ) -> None:
        path = done(client, work, origins={"start": week(260), "count": 5, "every": 2})
        points = client.get(f"{path}/points").json()["items"]
        assert len(points) == 5 * LEADS
        for number, point in enumerate(points):
            row, lead = 260 + 2 * (number // LEADS), number % LEADS + 1
            assert (point["lead"], point["target"]) == (lead, "y")
            assert point["actual_class"] == actual_class(row, lead)
            shares = point["probabilities"]
            assert list(shares) == CLASSES
            assert sum(shares.values()) == pytest.approx(1)
            assert point["class"] == max(shares, key=lambda name: shares[name])
            assert point["log_loss"] == pytest.approx(-np.log(shares[point["actual_class"]]))
            assert "value" not in point
        figures = client.get(path).json()["report"]["targets"]["y"]
        for name in ("log_loss", "class_prior_log_loss"):
            assert figures[name] == pytest.approx(np.mean([point[name] for point in points]))

    def test_csv_has_a_column_for_each_class(
        self, client: TestClient, work: Callable[[str], None]
    ) -> None:
        path = done(client, work, origins={"count": 3})
        answer = client.get(path, headers={"Accept": "text/csv"})
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        points = client.get(f"{path}/points").json()["items"]
        shares = [f"probability_{name}" for name in CLASSES]
        assert list(rows[0]) == [
            *("origin", "time", "lead", "target", "class", "actual_class"),
            *shares,
            *("log_loss", "class_prior_log_loss"),
        ]
        for row, point in zip(rows, points, strict=True):
            assert row["class"] == point["class"]
            assert [float(row[name]) for name in shares] == list(point["probabilities"].values())

    def test_they_equal_the_forecasts(
        self, client: TestClient, work: Callable[[str], None]
    ) -> None:
        path = done(client, work, origins={"start": week(270), "count": 1})
        made = client.post(
            "/v1/models/weekly-direction/forecasts", json={"origin": week(270)}
        ).json()
        points = client.get(f"{path}/points").json()["items"]
        for tested, point in zip(points, made["points"], strict=True):
            assert tested["probabilities"] == pytest.approx(point["probabilities"], abs=1e-6)


@pytest.mark.one_database
class TestReport:
    def test_it_has_the_figures_of_a_training_s_report(
        self, client: TestClient, work: Callable[[str], None]
    ) -> None:
        report = client.get(done(client, work)).json()["report"]
        version = client.get("/v1/models/weekly-direction/versions/1").json()
        tested, trained = report["targets"]["y"], version["metrics"]["test"]["y"]
        assert set(tested) == set(trained)
        assert set(tested["leads"][0]) == set(trained["leads"][0])
        assert tested["log_loss"] == pytest.approx(trained["log_loss"])
        assert tested["significance"]["class_prior"]["sentence"]
        assert report["calibration"]["y"] == version["calibration"]["test"]["y"]
        assert [row["lead"] for row in report["frequencies"]["y"]] == [1, 2, 3]
        assert sum(report["frequencies"]["y"][0][name] for name in CLASSES) == pytest.approx(1)

    @pytest.mark.slow
    def test_refits_are_trained_as_classes(
        self, client: TestClient, work: Callable[[str], None]
    ) -> None:
        origins = {"start": week(ROWS - 45), "every": 10}
        path = done(client, work, origins=origins, window="rolling", train_rows=150, refit_every=3)
        read = client.get(path).json()
        assert read["panel_revisions"] == {"weekly": 1}
        assert read["report"]["refits"] == 2
        assert read["report"]["targets"]["y"]["log_loss"] > 0
