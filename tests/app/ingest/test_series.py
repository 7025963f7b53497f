"""Series over HTTP: create, list, show, change, delete."""

from typing import Any

import numpy as np
from fastapi.testclient import TestClient

from app.series.schemas import SeriesRead
from models.calendars.timezones import to_utc
from tests.app.conftest import SPEC, put_rows, weekly_rows
from tests.app.test_problems import check_problem


def create(client: TestClient, name: str = "jena", **settings: object) -> SeriesRead:
    """Create a series."""
    answer = client.post("/v1/series", json={"name": name, **settings})
    assert answer.status_code == 201, answer.text
    return SeriesRead.model_validate(answer.json())


def rows_of(client: TestClient, name: str) -> list[list[object]]:
    """All rows of a series."""
    rows: list[list[object]] = client.get(f"/v1/series/{name}/observations").json()["rows"]
    return rows


class TestCreate:
    def test_a_new_series_is_empty(self, client: TestClient) -> None:
        answer = client.post("/v1/series", json={"name": "jena", "kind": "climate"})
        assert answer.status_code == 201
        assert answer.headers["location"] == "/v1/series/jena"
        made = answer.json()
        assert (made["rows"], made["revision"], made["first"]) == (0, 0, None)
        assert (made["timezone"], made["calendar"], made["cadence"]) == ("UTC", "continuous", None)

    def test_bars_have_sessions(self, client: TestClient) -> None:
        assert create(client, kind="ohlc").calendar == "sessions"

    def test_a_taken_name_is_a_conflict(self, client: TestClient) -> None:
        create(client)
        problem = check_problem(client.post("/v1/series", json={"name": "jena"}), 409)
        assert "'jena' is taken" in problem["detail"]

    def test_wrong_fields_are_named(self, client: TestClient) -> None:
        body = {"name": "a/b", "kind": "odd", "timezone": "Mars", "cadence": "often", "more": 1}
        problem = check_problem(client.post("/v1/series", json=body), 422)
        pointers = {error["pointer"] for error in problem["errors"]}
        assert pointers == {"/name", "/kind", "/timezone", "/cadence", "/more"}

    def test_two_channels_of_one_name_are_refused(self, client: TestClient) -> None:
        body = {"name": "jena", "channels": [{"name": "T"}, {"name": "T"}]}
        problem = check_problem(client.post("/v1/series", json=body), 422)
        assert problem["errors"][0]["pointer"] == "/channels/1/name"


class TestRead:
    def test_series_are_listed_by_name_in_pages(self, client: TestClient) -> None:
        for name in ("c", "a", "b"):
            create(client, name)
        first = client.get("/v1/series?limit=2").json()
        assert [series["name"] for series in first["items"]] == ["a", "b"]
        second = client.get("/v1/series", params={"cursor": first["next"]}).json()
        assert ([series["name"] for series in second["items"]], second["next"]) == (["c"], None)

    def test_an_unknown_series_is_not_found(self, client: TestClient) -> None:
        for path in ("", "/observations", "/uploads", "/uploads/1", "/quality"):
            check_problem(client.get(f"/v1/series/nothing{path}"), 404)


class TestUpdate:
    def test_settings_change_one_by_one(self, client: TestClient) -> None:
        create(client, channels=[{"name": "wd"}, {"name": "T"}])
        body = {"description": "roof", "channels": [{"name": "wd", "unit": "deg", "angular": True}]}
        changed = client.patch("/v1/series/jena", json=body).json()
        assert changed["description"] == "roof"
        assert [(c["name"], c["unit"], c["angular"]) for c in changed["channels"]] == [
            ("wd", "deg", True),
            ("T", None, False),
        ]

    def test_a_given_cadence_stays_until_it_is_taken_back(self, client: TestClient) -> None:
        create(client, "weekly")
        client.patch("/v1/series/weekly", json={"cadence": "1D"})
        put_rows(client, weekly_rows(0, 5))
        assert client.get("/v1/series/weekly").json()["cadence"] == "1D"
        assert client.patch("/v1/series/weekly", json={"cadence": None}).json()["cadence"] == "7D"

    def test_a_new_time_zone_leaves_instants_and_judges_the_cadence_again(
        self, client: TestClient
    ) -> None:
        create(client, "daily")
        days = np.arange("2024-03-04", "2024-03-30", dtype="datetime64[D]")
        weekdays = days[np.is_busday(days)].astype("datetime64[us]")
        times = [f"{time}Z" for time in to_utc(weekdays, "Asia/Tokyo").astype("datetime64[s]")]
        put_rows(client, [[time, n] for n, time in enumerate(times)], series="daily")
        assert client.get("/v1/series/daily").json()["cadence"] == "1D"
        changed = client.patch("/v1/series/daily", json={"timezone": "Asia/Tokyo"}).json()
        assert (changed["timezone"], changed["cadence"]) == ("Asia/Tokyo", "B")
        assert changed["calendar"] == "sessions"
        assert changed["first"] == times[0]
        given = client.patch("/v1/series/daily", json={"cadence": "1D", "timezone": "UTC"}).json()
        assert (given["timezone"], given["cadence"]) == ("UTC", "1D")

    def test_new_missing_numbers_apply_to_stored_rows(self, client: TestClient) -> None:
        create(client, "weekly")
        rows = [["2024-01-01T00:00:00Z", -200], ["2024-01-02T00:00:00Z", 3]]
        put_rows(client, rows)
        body = {"channels": [{"name": "y", "missing": [-200]}]}
        assert client.patch("/v1/series/weekly", json=body).json()["revision"] == 2
        assert [row[1] for row in rows_of(client, "weekly")] == [None, 3.0]
        past = client.get("/v1/series/weekly/observations?as_of_revision=1").json()
        assert [row[1] for row in past["rows"]] == [-200.0, 3.0]

    def test_numbers_taken_off_the_list_come_back(self, client: TestClient) -> None:
        create(client, "weekly")
        days = [f"2024-01-{day:02}T00:00:00Z" for day in range(1, 8)]
        values = [-200, 3, -999, -200, -200, None, 4]
        put_rows(client, [list(row) for row in zip(days, values, strict=True)])

        def patch(*missing: float, **reported: object) -> dict[str, Any]:
            body = {"channels": [{"name": "y", "missing": missing, **reported}]}
            return client.patch("/v1/series/weekly", json=body).json()

        def stored(**query: int) -> list[object]:
            answer = client.get("/v1/series/weekly/observations", params=query).json()
            return [row[1] for row in answer["rows"]]

        answer = patch(-200, -999, unit="m")
        reported = (answer["revision"], answer["rows_updated"], answer["made_missing"])
        assert reported == (2, 4, {"y": 4})
        put_rows(client, [[days[3], 7]])
        client.delete(f"/v1/series/weekly/observations?start={days[4]}&end={days[4]}")
        put_rows(client, [[days[4], None]])
        answer = patch(-999)
        assert (answer["rows_updated"], answer["brought_back"]) == (1, {"y": 1})
        assert (answer["made_missing"], answer["channels"][0]["unit"]) == ({}, "m")
        assert stored() == [-200, 3, None, 7, None, None, 4]
        assert stored(as_of_revision=2) == [None, 3, None, None, None, None, 4]
        assert stored(as_of_revision=1) == values
        revision = answer["revision"]
        again = patch(-999)
        assert (again["revision"], again["rows_updated"]) == (revision, 0)
        assert patch(-999, -200)["made_missing"] == {"y": 1}
        assert patch()["brought_back"] == {"y": 2}
        assert stored() == [-200, 3, -999, 7, None, None, 4]

    def test_what_is_not_given_for_a_channel_stays(self, client: TestClient) -> None:
        create(client, "s", channels=[{"name": "y", "unit": "deg", "missing": [-9]}])
        body = {"channels": [{"name": "y", "angular": True, "minimum": 0}]}
        (channel,) = client.patch("/v1/series/s", json=body).json()["channels"]
        assert channel == {
            "name": "y",
            "unit": "deg",
            "missing": [-9.0],
            "angular": True,
            "minimum": 0.0,
            "maximum": None,
        }

    def test_an_unknown_channel_is_refused(self, client: TestClient) -> None:
        create(client, "weekly")
        put_rows(client, weekly_rows(0, 5))
        answer = client.patch("/v1/series/weekly", json={"channels": [{"name": "z"}]})
        assert check_problem(answer, 422)["errors"][0]["pointer"] == "/channels/0/name"


class TestLimits:
    def test_a_minimum_above_its_maximum_is_refused(self, client: TestClient) -> None:
        channel = {"name": "y", "minimum": 2, "maximum": 1}
        check_problem(client.post("/v1/series", json={"name": "s", "channels": [channel]}), 422)
        create(client, "s", channels=[{"name": "x"}, {"name": "y", "maximum": 1}])
        body = {"channels": [{"name": "y", "minimum": 2}]}
        answer = client.patch("/v1/series/s", json=body)
        assert check_problem(answer, 422)["errors"][0]["pointer"] == "/channels/0/minimum"

    def test_null_removes_a_limit(self, client: TestClient) -> None:
        create(client, "s", channels=[{"name": "y", "minimum": 0, "maximum": 1}])
        body = {"channels": [{"name": "y", "maximum": None}]}
        (channel,) = client.patch("/v1/series/s", json=body).json()["channels"]
        assert (channel["minimum"], channel["maximum"]) == (0.0, None)


class TestAttributes:
    def test_they_are_set_at_creation_and_shown(self, client: TestClient) -> None:
        given = {"region": "north", "capacity": 12.5, "units": 3}
        assert create(client, "s", attributes=given).attributes == given
        assert client.get("/v1/series/s").json()["attributes"] == given
        assert create(client, "t").attributes == {}

    def test_a_patch_sets_those_it_names_and_null_deletes(self, client: TestClient) -> None:
        create(client, "s", attributes={"region": "north", "capacity": 12.5})
        body = {"attributes": {"capacity": None, "owner": "x"}}
        assert client.patch("/v1/series/s", json=body).json()["attributes"] == {
            "region": "north",
            "owner": "x",
        }

    def test_other_values_are_refused(self, client: TestClient) -> None:
        for value in (True, [1], {"a": 1}, "x\x00y"):
            body = {"name": "s", "attributes": {"a": value}}
            check_problem(client.post("/v1/series", json=body), 422)
        create(client, "s", attributes={str(n): n for n in range(100)})
        answer = client.patch("/v1/series/s", json={"attributes": {"more": 1}})
        assert check_problem(answer, 422)["errors"][0]["pointer"] == "/attributes"


class TestDelete:
    def test_a_series_goes_with_all_its_rows(self, client: TestClient) -> None:
        create(client, "weekly")
        put_rows(client, weekly_rows(0, 5))
        put_rows(client, [["2000-01-01T00:00:00Z", 1]])
        assert client.delete("/v1/series/weekly").status_code == 204
        check_problem(client.get("/v1/series/weekly"), 404)
        create(client, "weekly")
        assert rows_of(client, "weekly") == []

    def test_an_unknown_series_is_not_found(self, client: TestClient) -> None:
        check_problem(client.delete("/v1/series/nothing"), 404)

    def test_a_series_that_models_use_goes_by_force_only(self, client: TestClient) -> None:
        create(client, "weekly")
        put_rows(client, weekly_rows(0, 300))
        queued = client.post("/v1/models", json={"name": "m", "series": "weekly", "spec": SPEC})
        assert queued.status_code == 202, queued.text
        problem = check_problem(client.delete("/v1/series/weekly"), 409)
        assert "used by the models m" in problem["detail"]
        assert client.delete("/v1/series/weekly?force=true").status_code == 204
        check_problem(client.get("/v1/models/m"), 404)
