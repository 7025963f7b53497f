"""Scores of class forecasts, computed by hand, and those of the class prior."""

from math import log
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from tests.app.conftest import DIRECTION, ROWS, Trainer, put_rows
from tests.app.deployed import point, read_forecast
from tests.app.scores.test_scores import append, performance, row

BAND = DIRECTION["dead_band"]["size"] / 1e4  # type: ignore[index]
CLASSES = ["down", "flat", "up"]
FIGURES = ("probability", "log_loss", "brier", "correct")
PRIOR_FIGURES = (
    "class_prior_probability",
    "class_prior_log_loss",
    "class_prior_brier",
    "majority_correct",
)
NOTHING = dict.fromkeys(("actual", "actual_class", *FIGURES, *PRIOR_FIGURES))


@pytest.fixture
def deployed(database: Database, direction: str) -> str:
    """The model of directions, its version 1 being the champion."""
    point(database, direction, "champion", 1)
    return direction


@pytest.fixture
def prior(client: TestClient, deployed: str) -> list[dict[str, float]]:
    """The class frequencies of the training rows, by lead."""
    version = client.get(f"/v1/models/{deployed}/versions/1").json()
    rows: list[dict[str, float]] = version["baselines"]["frequencies"]["y"]
    return rows


def class_of(actual: float, naive: float) -> str:
    change = (actual - naive) / naive
    return "flat" if abs(change) <= BAND else "up" if change > 0 else "down"


def brier(shares: dict[str, float], observed: str) -> float:
    return sum((shares[name] - (name == observed)) ** 2 for name in CLASSES)


def scored(made: dict[str, Any], actual: float, frequencies: dict[str, float]) -> dict[str, Any]:
    """The point as it must be once it is observed."""
    observed, shares = class_of(actual, made["naive"]), made["probabilities"]
    prior = {name: frequencies[name] for name in CLASSES}
    return made | {
        "actual": actual,
        "actual_class": observed,
        "probability": shares[observed],
        "log_loss": pytest.approx(-log(shares[observed])),
        "brier": pytest.approx(brier(shares, observed)),
        "correct": made["class"] == observed,
        "class_prior_probability": pytest.approx(prior[observed]),
        "class_prior_log_loss": pytest.approx(-log(prior[observed])),
        "class_prior_brier": pytest.approx(brier(prior, observed)),
        "majority_correct": max(prior, key=lambda name: prior[name]) == observed,
    }


class TestPoints:
    def test_each_is_scored_as_its_class_comes_is_corrected_and_is_taken_back(
        self, client: TestClient, deployed: str, prior: list[dict[str, float]]
    ) -> None:
        made = append(client, ROWS, 10.0)
        first, second, third = made["points"]
        assert "actual_class" not in first
        append(client, ROWS + 1, 10.04)
        append(client, ROWS + 2, 11.0)
        assert read_forecast(client, made["id"])["points"] == [
            scored(first, 10.04, prior[0]),
            scored(second, 11.0, prior[1]),
            third | NOTHING,
        ]
        put_rows(client, [row(ROWS + 1, 9.0), row(ROWS + 2, None)])
        again = read_forecast(client, made["id"])
        assert again["points"] == [
            scored(first, 9.0, prior[0]),
            second | NOTHING,
            third | NOTHING,
        ]
        assert [one["actual_class"] for one in again["points"]] == ["down", None, None]

    def test_what_belongs_to_no_class_has_no_score(self, client: TestClient, deployed: str) -> None:
        # Basis points of zero are nothing.
        made = append(client, ROWS, 0.0)
        append(client, ROWS + 1, 9.0)
        (first, *_) = read_forecast(client, made["id"])["points"]
        assert first | NOTHING | {"actual": 9.0} == first
        assert performance(client, deployed, window="all")["items"][0]["windows"] == [
            {"window": "all", "start": None, "targets": []}
        ]

    def test_a_forecast_that_was_asked_for_is_scored_without_an_alias(
        self, client: TestClient, direction: str
    ) -> None:
        made = client.post(f"/v1/models/{direction}/forecasts").json()
        assert put_rows(client, [row(ROWS, 7.5)])["forecasts"] == []
        (first, *_) = read_forecast(client, made["id"])["points"]
        assert (first["actual"], first["actual_class"]) == (7.5, "down")


class TestPerformance:
    def test_the_figures_are_the_means_of_the_points(
        self, client: TestClient, deployed: str
    ) -> None:
        ups_and_downs = [10.0, 10.5, 10.5, 9.0, 9.01, 12.0, 11.0, 11.0]
        made = [append(client, ROWS + week, value) for week, value in enumerate(ups_and_downs)]
        points = [
            one
            for forecast in made
            for one in read_forecast(client, forecast["id"])["points"]
            if one.get("actual") is not None
        ]
        (item,) = performance(client, deployed, window="all", alias="champion")["items"]
        (target,) = item["windows"][0]["targets"]
        tested = client.get(f"/v1/models/{deployed}/versions/1").json()["metrics"]["test"]["y"]
        for figures, some, test in (
            (target, points, tested),
            *(
                (lead, [p for p in points if p["lead"] == lead["lead"]], test)
                for lead, test in zip(target["leads"], tested["leads"], strict=True)
            ),
        ):
            means = {
                "accuracy": "correct",
                "log_loss": "log_loss",
                "brier": "brier",
                "majority_accuracy": "majority_correct",
                "class_prior_accuracy": "class_prior_probability",
                "class_prior_log_loss": "class_prior_log_loss",
                "class_prior_brier": "class_prior_brier",
            }
            for name, column in means.items():
                mean = sum(p[column] for p in some) / len(some)
                assert figures[name] == pytest.approx(mean), name
            by_class = {name: [p for p in some if p["actual_class"] == name] for name in CLASSES}
            recalls = [
                sum(p["correct"] for p in each) / len(each) for each in by_class.values() if each
            ]
            assert figures["balanced_accuracy"] == pytest.approx(sum(recalls) / len(recalls))
            skill = 1 - sum(p["log_loss"] for p in some) / sum(
                p["class_prior_log_loss"] for p in some
            )
            assert figures["skill"] == pytest.approx(skill)
            for name in ("accuracy", "log_loss", "skill"):
                assert figures[f"test_{name}"] == test[name]
        assert [lead["count"] for lead in target["leads"]] == [7, 6, 5]
        counts = {
            window["window"]: window["targets"][0]["count"]
            for window in performance(client, deployed)["items"][0]["windows"]
        }
        assert counts == {"24h": 3, "7d": 3, "30d": 15, "all": 18}

    def test_of_several_forecasts_from_one_origin_the_last_counts(
        self, client: TestClient, deployed: str
    ) -> None:
        append(client, ROWS, 10.0)
        last = append(client, ROWS, 12.0)
        append(client, ROWS + 1, 9.0)
        (item,) = performance(client, deployed, window="all")["items"]
        (target,) = item["windows"][0]["targets"]
        (first, *_) = read_forecast(client, last["id"])["points"]
        assert (target["count"], target["log_loss"]) == (1, first["log_loss"])

    def test_models_of_values_on_the_same_series_keep_their_own_figures(
        self, client: TestClient, database: Database, deployed: str, model: str, trainer: Trainer
    ) -> None:
        point(database, model, "champion", 1)
        for week in range(2):
            put_rows(client, [row(ROWS + week, 10.0 + week)])
        for name, figure in ((model, "mae"), (deployed, "brier")):
            (item,) = performance(client, name, window="all")["items"]
            (target,) = item["windows"][0]["targets"]
            assert target["count"] == 1
            assert target[figure] > 0
