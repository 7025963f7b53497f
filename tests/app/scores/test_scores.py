"""Scores of value forecasts, computed by hand, and the figures made of them."""

from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from tests.app.conftest import ROWS, SPEC, START, WEEK, Trainer, put_rows, weekly_rows
from tests.app.deployed import point, read_forecast
from tests.app.test_problems import check_problem


def row(week: int, value: float | None) -> list[Any]:
    return [(START + week * WEEK).isoformat(), value]


def append(client: TestClient, week: int, value: float | None) -> dict[str, Any]:
    """Write one week; the forecast that this caused."""
    (entry,) = put_rows(client, [row(week, value)])["forecasts"]
    return read_forecast(client, entry["id"])


def performance(client: TestClient, model: str, **query: str) -> dict[str, Any]:
    answer = client.get(f"/v1/models/{model}/performance", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


class TestPoints:
    def test_each_point_is_scored_when_its_observation_comes(
        self, client: TestClient, deployed: str
    ) -> None:
        made = append(client, ROWS, 10.0)
        truth = {ROWS + 1: 9.0, ROWS + 2: 11.5}
        for week, value in truth.items():
            append(client, week, value)
        scored = read_forecast(client, made["id"])
        for lead, (before, after) in enumerate(
            zip(made["points"], scored["points"], strict=True), start=1
        ):
            actual = truth.get(ROWS + lead)
            if actual is None:
                assert after == before | dict.fromkeys(
                    ("actual", "error", "inside_80", "inside_95")
                )
                continue
            assert after == before | {
                "actual": actual,
                "error": before["value"] - actual,
                "inside_80": before["lower_80"] <= actual <= before["upper_80"],
                "inside_95": before["lower_95"] <= actual <= before["upper_95"],
            }

    def test_a_batch_scores_all_its_steps(self, client: TestClient, deployed: str) -> None:
        made = append(client, ROWS, 10.0)
        put_rows(client, [row(ROWS + lead, 10.0 + lead) for lead in range(1, 7)])
        scored = read_forecast(client, made["id"])["points"]
        assert [one["actual"] for one in scored] == [11.0, 12.0, 13.0, 14.0]

    def test_a_correction_scores_again(self, client: TestClient, deployed: str) -> None:
        made = append(client, ROWS, 10.0)
        append(client, ROWS + 1, 9.0)
        put_rows(client, [row(ROWS + 1, 8.0)])
        (first, *_) = read_forecast(client, made["id"])["points"]
        assert first["actual"] == 8.0
        assert first["error"] == pytest.approx(first["value"] - 8.0)

    def test_a_value_that_is_taken_back_takes_its_score_along(
        self, client: TestClient, deployed: str
    ) -> None:
        made = append(client, ROWS, 10.0)
        append(client, ROWS + 1, 9.0)
        put_rows(client, [row(ROWS + 1, None)])
        (first, *_) = read_forecast(client, made["id"])["points"]
        assert (first["actual"], first["error"], first["inside_80"]) == (None, None, None)

    def test_a_missing_step_is_not_scored_until_it_comes(
        self, client: TestClient, deployed: str
    ) -> None:
        made = append(client, ROWS, 10.0)
        append(client, ROWS + 2, 9.0)
        assert [one["actual"] for one in read_forecast(client, made["id"])["points"]] == [
            None,
            9.0,
            None,
            None,
        ]
        put_rows(client, [row(ROWS + 1, 7.0)])
        assert read_forecast(client, made["id"])["points"][0]["actual"] == 7.0

    def test_a_forecast_that_was_asked_for_is_scored_without_an_alias(
        self, client: TestClient, model: str
    ) -> None:
        made = client.post(f"/v1/models/{model}/forecasts").json()
        assert put_rows(client, [row(ROWS, 7.5)])["forecasts"] == []
        assert read_forecast(client, made["id"])["points"][0]["actual"] == 7.5

    def test_what_was_known_when_a_forecast_was_made_is_never_scored(
        self, client: TestClient, model: str
    ) -> None:
        origin = (START + (ROWS - 3) * WEEK).isoformat()
        made = client.post(f"/v1/models/{model}/forecasts", json={"origin": origin}).json()
        put_rows(client, [row(ROWS - 2, 50.0), row(ROWS, 7.5)])
        points = read_forecast(client, made["id"])["points"]
        assert [one["actual"] for one in points] == [None, None, 7.5, None]
        assert performance(client, model)["items"][0]["windows"][0]["targets"] == []

    def test_the_entity_tag_changes_with_every_score(
        self, client: TestClient, deployed: str
    ) -> None:
        path = f"/v1/forecasts/{append(client, ROWS, 10.0)['id']}"
        seen = [client.get(path)]
        for write in ([row(ROWS + 1, 9.0)], [row(ROWS + 2, 9.5)], [row(ROWS + 1, 8.0)]):
            headers = {"If-None-Match": seen[-1].headers["etag"]}
            assert client.get(path, headers=headers).status_code == 304
            put_rows(client, write)
            seen.append(client.get(path, headers=headers))
            assert seen[-1].status_code == 200
        assert len({answer.headers["etag"] for answer in seen}) == 4
        assert "actual" not in seen[0].text

    def test_csv_has_the_scores(self, client: TestClient, deployed: str) -> None:
        made = append(client, ROWS, 10.0)
        append(client, ROWS + 1, 9.0)
        answer = client.get(f"/v1/forecasts/{made['id']}", headers={"Accept": "text/csv"})
        assert answer.text.splitlines()[0].endswith("actual,error,inside_80,inside_95")


class TestPerformance:
    def test_the_figures_are_the_means_of_the_points(
        self, client: TestClient, deployed: str
    ) -> None:
        made = [append(client, ROWS + week, 10.0 + week * week / 10) for week in range(8)]
        points = [
            one
            for forecast in made
            for one in read_forecast(client, forecast["id"])["points"]
            if one.get("actual") is not None
        ]
        (item,) = performance(client, deployed, window="all")["items"]
        assert (item["version"], item["aliases"], item["series"]) == (1, ["champion"], "weekly")
        assert datetime.fromisoformat(item["end"]) == START + (ROWS + 7) * WEEK
        (target,) = item["windows"][0]["targets"]
        for figures, some in (
            (target, points),
            *((lead, [p for p in points if p["lead"] == lead["lead"]]) for lead in target["leads"]),
        ):
            naive = [abs(p["naive"] - p["actual"]) for p in some]
            errors = [abs(p["error"]) for p in some]
            assert figures["count"] == len(some)
            assert figures["mae"] == pytest.approx(sum(errors) / len(some))
            assert figures["naive_mae"] == pytest.approx(sum(naive) / len(some))
            assert figures["skill"] == pytest.approx(1 - sum(errors) / sum(naive))
            for level in (80, 95):
                inside = [p[f"inside_{level}"] for p in some]
                width = [p[f"upper_{level}"] - p[f"lower_{level}"] for p in some]
                assert figures[f"coverage_{level}"] == 100 * sum(inside) / len(some)
                assert figures[f"width_{level}"] == pytest.approx(sum(width) / len(some))
        assert [lead["count"] for lead in target["leads"]] == [7, 6, 5, 4]

    def test_beside_them_stands_the_error_of_the_training(
        self, client: TestClient, deployed: str
    ) -> None:
        for week in range(3):
            append(client, ROWS + week, 10.0)
        test = client.get(f"/v1/models/{deployed}/versions/1").json()["metrics"]["test"]["y"]
        (item,) = performance(client, deployed, window="all")["items"]
        (target,) = item["windows"][0]["targets"]
        assert (target["test_mae"], target["test_skill"]) == (test["mae"], test["skill"])
        assert [lead["test_mae"] for lead in target["leads"]] == [
            lead["mae"] for lead in test["leads"][:2]
        ]

    def test_windows_end_at_the_newest_scored_step(self, client: TestClient, deployed: str) -> None:
        for week in range(8):
            append(client, ROWS + week, 10.0)
        (item,) = performance(client, deployed)["items"]
        counts = {window["window"]: window["targets"][0]["count"] for window in item["windows"]}
        # A week is one step: the last one for `24h` and `7d`, five for thirty days.
        assert counts == {"24h": 4, "7d": 4, "30d": 19, "all": 22}

    def test_of_several_forecasts_from_one_origin_the_last_counts(
        self, client: TestClient, deployed: str
    ) -> None:
        append(client, ROWS, 10.0)
        append(client, ROWS, 11.0)
        last = append(client, ROWS, 12.0)
        append(client, ROWS + 1, 9.0)
        (item,) = performance(client, deployed, window="all")["items"]
        (target,) = item["windows"][0]["targets"]
        assert target["count"] == 1
        assert target["mae"] == abs(read_forecast(client, last["id"])["points"][0]["error"])

    def test_versions_and_aliases_are_distinguished(
        self, client: TestClient, database: Database, deployed: str, trainer: Trainer
    ) -> None:
        again = {"name": deployed, "series": "weekly", "spec": SPEC}
        trainer.finish(client.post("/v1/models", json=again).json()["job"]["id"])
        point(database, deployed, "challenger", 2)
        put_rows(client, weekly_rows(ROWS, 1))
        put_rows(client, weekly_rows(ROWS + 1, 1))
        items = performance(client, deployed)["items"]
        assert [(item["version"], item["aliases"]) for item in items] == [
            (2, ["challenger"]),
            (1, ["champion"]),
        ]
        for query in ({"alias": "champion"}, {"version": "1"}):
            assert [i["version"] for i in performance(client, deployed, **query)["items"]] == [1]

    def test_nothing_scored_is_an_empty_list(self, client: TestClient, deployed: str) -> None:
        assert performance(client, deployed)["items"] == []

    @pytest.mark.parametrize("query", [{"alias": "none"}, {"version": "7"}, {"series": "none"}])
    def test_what_does_not_exist_is_404(
        self, client: TestClient, deployed: str, query: dict[str, str]
    ) -> None:
        check_problem(client.get(f"/v1/models/{deployed}/performance", params=query), 404)


class TestOutliers:
    def feed(self, client: TestClient, wrong: int | None, count: int) -> None:
        """Weeks as they are expected, one of them a thousand times as large."""
        for week in range(ROWS, ROWS + count):
            value = weekly_rows(week, 1)[0][1]
            append(client, week, value * 1000 if week == wrong else value)

    def target(self, client: TestClient, model: str, **query: str) -> dict[str, Any]:
        (item,) = performance(client, model, window="all", **query)["items"]
        target: dict[str, Any] = item["windows"][0]["targets"][0]
        return target

    @pytest.mark.parametrize("count", [4, 12])
    def test_a_row_in_a_wrong_unit_is_named_and_can_be_left_out(
        self, client: TestClient, deployed: str, count: int
    ) -> None:
        wrong = ROWS + 2
        self.feed(client, wrong, count)
        included = self.target(client, deployed)
        named = {row["time"]: row for row in included["outliers"]}
        time = (START + wrong * WEEK).isoformat().replace("+00:00", "Z")
        assert named[time]["actual"] == weekly_rows(wrong, 1)[0][1] * 1000
        assert named[time]["points"] == 2
        assert min(named) == time
        excluded = self.target(client, deployed, outliers="exclude")
        assert excluded["outliers"] == included["outliers"]
        assert excluded["count"] < included["count"]
        assert excluded["mae"] < 5
        assert included["mae"] > 500

    def test_usual_rows_are_not_outliers(self, client: TestClient, deployed: str) -> None:
        self.feed(client, None, 12)
        included = self.target(client, deployed)
        assert included["outliers"] == []
        assert self.target(client, deployed, outliers="exclude") == included

    def test_a_new_level_is_not_made_of_outliers(self, client: TestClient, deployed: str) -> None:
        for week in range(ROWS, ROWS + 30):
            append(client, week, 5e5 * (1 + (week % 2)))
        assert len(self.target(client, deployed)["outliers"]) < 5
