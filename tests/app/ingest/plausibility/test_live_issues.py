"""Issues of live rows over HTTP: limits, recent values, forecasts, times; kept or held."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.ingest.plausibility import checking
from app.ingest.plausibility.usual_times import BrokenRules, UsualTimes
from models.arrays import Times
from tests.app.conftest import ROWS, START, WEEK, put_rows, weekly_value
from tests.app.ingest.test_observations import put, read
from tests.app.ingest.test_series import create
from tests.app.test_problems import check_problem

FIRST = datetime(2024, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def usual(n: int) -> float:
    return round(20 + 6 * math.sin(n / 3.7) + n % 7 / 10, 1)


def hourly(client: TestClient, count: int = 100, **settings: Any) -> datetime:
    """A series `s` of hours with the channel `temp`; the time of its next row."""
    channel = {"name": "temp", **settings}
    create(client, "s", channels=[channel])
    rows = [[(FIRST + n * HOUR).isoformat(), usual(n)] for n in range(count)]
    answer = put(client, ["time", "temp"], rows)
    assert (answer.status_code, answer.json()["issues"]) == (200, [])
    return FIRST + count * HOUR


def append(client: TestClient, *rows: tuple[datetime, float | None]) -> dict[str, Any]:
    answer = put(client, ["time", "temp"], [[time.isoformat(), value] for time, value in rows])
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def found(answer: dict[str, Any]) -> list[tuple[str, str | None, float | None]]:
    return [(issue["code"], issue["channel"], issue["value"]) for issue in answer["issues"]]


def held(client: TestClient, name: str = "s", **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/series/{name}/quarantine", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


class TestKept:
    def test_a_value_outside_its_limits_is_stored_with_one_issue(self, client: TestClient) -> None:
        time = hourly(client, minimum=0, maximum=50)
        answer = append(client, (time, -5.5), (time + HOUR, 21), (time + 2 * HOUR, 50.5))
        assert found(answer) == [
            ("outside_limits", "temp", -5.5),
            ("outside_limits", "temp", 50.5),
        ]
        assert answer["issues"][0]["time"] == time.isoformat().replace("+00:00", "Z")
        assert answer["issues"][0]["message"] == "temp = -5.5 is below its minimum 0."
        assert (answer["rows_stored"], answer["rows_with_issues"], answer["rows_held"]) == (3, 2, 0)

    def test_limits_hold_for_the_first_rows_too(self, client: TestClient) -> None:
        create(client, "s", channels=[{"name": "temp", "minimum": 0}])
        assert found(append(client, (FIRST, -1))) == [("outside_limits", "temp", -1)]

    def test_every_usual_row_of_a_long_feed_is_without_an_issue(self, client: TestClient) -> None:
        time = hourly(client)
        for n in range(100, 160):
            assert found(append(client, (time, usual(n)))) == []
            time += HOUR

    @pytest.mark.parametrize("value", [0.0215, 21_500, -273])
    def test_a_wrong_unit_is_an_issue_each_time_and_right_rows_are_not(
        self, client: TestClient, value: float
    ) -> None:
        time = hourly(client, 400)
        time += HOUR
        assert found(append(client, (time, value))) == [("unexpected_value", "temp", value)]
        assert found(append(client, (time + HOUR, usual(402)))) == []

    def test_a_jump_within_the_recent_range_is_named_as_a_step(self, client: TestClient) -> None:
        create(client, "s")
        rows = [
            [(FIRST + n * HOUR).isoformat(), round(100 + 5 * math.sin(n / 50), 3)]
            for n in range(500)
        ]
        put(client, ["time", "temp"], rows)
        (issue,) = append(client, (FIRST + 500 * HOUR, 102.5))["issues"]
        assert "far from the rows just before it: the step is larger" in issue["message"]

    def test_missing_values_and_other_channels_are_left_alone(self, client: TestClient) -> None:
        create(client, "s")
        rows = [[(FIRST + n * HOUR).isoformat(), usual(n), n % 3] for n in range(100)]
        put(client, ["time", "temp", "state"], rows)
        time = FIRST + 100 * HOUR
        for number, value in enumerate((None, 21.0, None, 20.5)):
            assert found(append(client, (time + number * HOUR, value))) == []

    @pytest.mark.parametrize(
        ("minutes", "code"), [(150, "off_grid"), (30, "off_grid"), (10, "finer_than_cadence")]
    )
    def test_times_between_the_steps(self, client: TestClient, minutes: int, code: str) -> None:
        last = hourly(client) - HOUR
        answer = append(client, (last + timedelta(minutes=minutes), 21.5))
        assert found(answer) == [(code, None, None)]
        assert answer["rows_stored"] == 1

    def test_issues_are_listed_up_to_a_number_and_all_are_counted(self, client: TestClient) -> None:
        time = hourly(client, minimum=0)
        answer = append(client, *((time + n * HOUR, -1.0) for n in range(1100)))
        assert (len(answer["issues"]), answer["rows_with_issues"]) == (1000, 1100)

    def test_changed_settings_are_seen_by_the_next_append(self, client: TestClient) -> None:
        time = hourly(client)
        assert found(append(client, (time, 21.5))) == []
        client.patch("/v1/series/s", json={"channels": [{"name": "temp", "maximum": 21}]})
        assert found(append(client, (time + HOUR, 21.5))) == [("outside_limits", "temp", 21.5)]
        assert found(append(client, (time + 1.5 * HOUR, 20))) == [("off_grid", None, None)]
        client.patch("/v1/series/s", json={"cadence": "30min"})
        assert found(append(client, (time + 2.5 * HOUR, 20))) == []

    def test_a_new_level_in_an_upload_is_usual_afterwards(self, client: TestClient) -> None:
        time = hourly(client)
        assert found(append(client, (time, 21.5))) == []
        lines = [f"{(time + n * HOUR).isoformat()},{1000 + usual(n)}" for n in range(1, 400)]
        answer = client.post("/v1/series/s/uploads", content="\n".join(["time,temp", *lines]))
        assert answer.status_code == 201, answer.text
        assert found(append(client, (time + 400 * HOUR, 1020))) == []


class TestHeld:
    @pytest.fixture
    def next_time(self, client: TestClient) -> datetime:
        time = hourly(client, minimum=0)
        answer = client.patch("/v1/series/s", json={"implausible": "hold"})
        assert answer.json()["implausible"] == "hold"
        return time

    def test_a_held_row_is_not_in_the_series(self, client: TestClient, next_time: datetime) -> None:
        before = client.get("/v1/series/s").json()
        answer = append(client, (next_time, -5.5))
        assert found(answer) == [("outside_limits", "temp", -5.5)]
        assert (answer["rows_stored"], answer["rows_held"], answer["revision"]) == (0, 1, 1)
        assert client.get("/v1/series/s").json() == before
        (row,) = held(client)
        assert (row["row"], row["code"]) == ({"temp": -5.5}, "outside_limits")
        assert row["message"] == "temp = -5.5 is below its minimum 0."
        assert append(client, (next_time + HOUR, 21.5))["rows_stored"] == 1
        times = [row[0] for row in read(client, limit=1000)["rows"]]
        assert (len(times), times[-1][:13]) == (101, (next_time + HOUR).isoformat()[:13])

    def test_only_the_rows_with_issues_wait(self, client: TestClient, next_time: datetime) -> None:
        answer = append(
            client, (next_time, 21), (next_time + HOUR, 9999), (next_time + 2 * HOUR, 22)
        )
        assert (answer["rows_stored"], answer["rows_held"]) == (2, 1)
        assert [row["row"] for row in held(client)] == [{"temp": 9999}]

    def test_a_confirmed_row_is_stored(self, client: TestClient, next_time: datetime) -> None:
        append(client, (next_time, -5.5), (next_time + HOUR, -6.5))
        ids = [row["id"] for row in held(client)]
        body = {"ids": ids[:1]}
        answer = client.post("/v1/series/s/quarantine:confirm", json=body).json()
        assert (answer["rows_stored"], answer["revision"]) == (1, 2)
        assert read(client, limit=1000)["rows"][-1][1] == -5.5
        assert [row["id"] for row in held(client)] == ids[1:]
        again = client.post("/v1/series/s/quarantine:confirm", json={"ids": ids})
        assert check_problem(again, 404)["errors"][0]["pointer"] == "/ids/0"
        assert [row["id"] for row in held(client)] == ids[1:]

    def test_a_discarded_row_is_deleted(self, client: TestClient, next_time: datetime) -> None:
        append(client, (next_time, -5.5))
        body = {"ids": [row["id"] for row in held(client)]}
        answer = client.post("/v1/series/s/quarantine:discard", json=body)
        assert answer.json() == {"rows_discarded": 1}
        assert held(client) == []
        assert client.get("/v1/series/s").json()["rows"] == 100

    def test_a_row_that_is_sent_again_is_held_once_and_a_right_one_replaces_it(
        self, client: TestClient, next_time: datetime
    ) -> None:
        append(client, (next_time, -5.5))
        append(client, (next_time, -6.5))
        assert [row["row"]["temp"] for row in held(client)] == [-6.5]
        append(client, (next_time, 6.5))
        assert held(client) == []

    def test_the_list_comes_in_pages(self, client: TestClient, next_time: datetime) -> None:
        append(client, *((next_time + n * HOUR, -1.0 - n) for n in range(5)))
        path = "/v1/series/s/quarantine"
        first = client.get(path, params={"limit": 3}).json()
        rest = client.get(path, params={"limit": 3, "cursor": first["next"]}).json()
        values = [row["row"]["temp"] for row in (*first["items"], *rest["items"])]
        assert (values, rest["next"]) == ([-1.0 - n for n in range(5)], None)

    def test_rows_of_another_series_cannot_be_confirmed(
        self, client: TestClient, next_time: datetime
    ) -> None:
        append(client, (next_time, -5.5))
        create(client, "t")
        body = {"ids": [row["id"] for row in held(client)]}
        check_problem(client.post("/v1/series/t/quarantine:confirm", json=body), 404)
        check_problem(client.post("/v1/series/t/quarantine:discard", json=body), 404)
        assert len(held(client)) == 1

    def test_held_rows_go_with_their_series(self, client: TestClient, next_time: datetime) -> None:
        append(client, (next_time, -5.5))
        client.delete("/v1/series/s")
        create(client, "s")
        assert held(client) == []


class TestDeployed:
    def weekly(self, client: TestClient, week: int, value: float) -> dict[str, Any]:
        return put_rows(client, [[(START + week * WEEK).isoformat(), value]])

    def test_a_value_far_from_the_forecast_names_the_version(
        self, client: TestClient, deployed: str
    ) -> None:
        assert found(self.weekly(client, ROWS, weekly_value(ROWS))) == []
        answer = self.weekly(client, ROWS + 1, weekly_value(ROWS + 1) / 1000 - 30)
        ((code, channel, _),) = found(answer)
        assert (code, channel) == ("unexpected_value", "y")
        assert f"version 1 of {deployed}" in answer["issues"][0]["message"]

    def test_a_held_row_neither_scores_nor_forecasts_until_it_is_confirmed(
        self, client: TestClient, deployed: str
    ) -> None:
        client.patch("/v1/series/weekly", json={"implausible": "hold"})
        (entry,) = self.weekly(client, ROWS, weekly_value(ROWS))["forecasts"]
        assert self.weekly(client, ROWS + 1, 1e6)["forecasts"] == []
        path = f"/v1/forecasts/{entry['id']}"
        assert client.get(path).json()["points"][0].get("actual") is None
        (row,) = held(client, "weekly")
        body = {"ids": [row["id"]]}
        answer = client.post("/v1/series/weekly/quarantine:confirm", json=body).json()
        assert [one["aliases"] for one in answer["forecasts"]] == [["champion"]]
        assert client.get(path).json()["points"][0]["actual"] == 1e6

    def test_a_time_that_a_forecast_has_named_is_never_unusual(
        self, client: TestClient, deployed: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.weekly(client, ROWS, weekly_value(ROWS))

        def all_closed(usual: UsualTimes, times: Times) -> BrokenRules:
            return BrokenRules(np.ones(len(times), bool), np.zeros(len(times), bool))

        monkeypatch.setattr(UsualTimes, "broken_by", all_closed)
        monkeypatch.setattr(checking, "is_usual", lambda *_: False)
        named = self.weekly(client, ROWS + 1, weekly_value(ROWS + 1))
        assert found(named) == []
        later = self.weekly(client, ROWS + 40, weekly_value(ROWS + 40))
        assert [code for code, _, _ in found(later)] == ["calendar_closed"]


def test_hours_of_minutes_are_learnt_from_more_than_the_last_rows(client: TestClient) -> None:
    create(client, "s", kind="generic", calendar="sessions", channels=[{"name": "temp"}])
    days = [FIRST + timedelta(days=n) for n in range(3, 40)]
    times = [
        day + timedelta(hours=9, minutes=5 * n)
        for day in days
        if day.weekday() < 5
        for n in range(90)
    ]
    lines = [f"{time.isoformat()},{usual(n)}" for n, time in enumerate(times)]
    answer = client.post("/v1/series/s/uploads", content="\n".join(["time,temp", *lines]))
    assert answer.status_code == 201, answer.text
    evening = times[-1].replace(hour=21, minute=0)
    assert found(append(client, (evening, 20))) == [("calendar_closed", None, None)]
    morning = times[-1].replace(hour=9, minute=0) + timedelta(days=1)
    assert found(append(client, (morning, 20))) == []
