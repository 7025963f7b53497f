"""Clocks over HTTP: the zone of a series, ends, periods, and rows read otherwise than before."""

from typing import Any

import numpy as np
from fastapi.testclient import TestClient

from models.calendars.timezones import to_utc
from tests.app.parsing.clocks import counted_periods, ends, moments_from, on_clock, table_of
from tests.app.test_problems import check_problem


def send(client: TestClient, text: str, **query: str) -> Any:
    return client.post("/v1/series/s/uploads", params={"create": "true", **query}, content=text)


def stored(client: TestClient, text: str, **query: str) -> dict[str, Any]:
    answer = send(client, text, **query)
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    return report


def times_of(client: TestClient) -> list[str]:
    rows = client.get("/v1/series/s/observations?limit=50000").json()["rows"]
    return [row[0].removesuffix("Z") for row in rows]


def texts(moments: Any) -> list[str]:
    return [str(one) for one in moments.astype("datetime64[s]")]


def weekdays(zone: str) -> Any:
    days = np.arange("2022-01-03", "2023-06-01", dtype="datetime64[D]")
    return to_utc(days[np.is_busday(days)].astype("datetime64[us]"), zone)


class TestOffsets:
    def test_a_new_series_of_days_takes_the_zone_that_offsets_prove(
        self, client: TestClient
    ) -> None:
        moments = weekdays("America/New_York")
        rows = ((f"{t:%Y-%m-%d %H:%M:%S%z}",) for t in on_clock(moments, "America/New_York"))
        report = stored(client, table_of("Date,v", rows))
        assert report["cadence"] == "B"
        series = client.get("/v1/series/s").json()
        assert (series["timezone"], series["cadence"]) == ("America/New_York", "B")
        assert times_of(client) == texts(moments)

    def test_the_suggestion_for_a_series_of_another_zone_works(self, client: TestClient) -> None:
        client.post("/v1/series", json={"name": "s"})
        moments = weekdays("Asia/Tokyo")
        rows = ((f"{t:%Y-%m-%d %H:%M:%S%z}",) for t in on_clock(moments, "Asia/Tokyo"))
        report = stored(client, table_of("Date,v", rows))
        assert client.get("/v1/series/s").json()["timezone"] == "UTC"
        (found,) = [one for one in report["issues"] if one["code"] == "zone_offsets"]
        series = client.patch("/v1/series/s", json=found["suggestion"]).json()
        assert (series["timezone"], series["cadence"]) == ("Asia/Tokyo", "B")
        assert times_of(client) == texts(moments)


class TestParameters:
    def test_times_end_stores_beginnings(self, client: TestClient) -> None:
        moments = moments_from("2023-11-04T04:00", 72)
        text = table_of("time,v", ((one,) for one in ends(moments, "America/New_York", 60)))
        report = stored(client, text, timezone="America/New_York", times="end")
        assert (report["rows_quarantined"], report["gaps"]["count"]) == (0, 0)
        assert times_of(client) == texts(moments)

    def test_a_single_row_goes_back_by_the_cadence(self, client: TestClient) -> None:
        moments = moments_from("2023-06-05", 48)
        rows = ((one,) for one in ends(moments, "UTC", 60))
        stored(client, table_of("time,v", rows), times="end")
        stored(client, "time,v\n2023-06-07 01:00,9\n", times="end")
        assert times_of(client)[-1] == "2023-06-07T00:00:00"

    def test_periods_are_asked_for_and_read(self, client: TestClient) -> None:
        moments = moments_from("2023-10-26T23:00", 5 * 48, 30)
        text = table_of("date,period,v", counted_periods(moments, "Europe/London"))
        problem = check_problem(send(client, text), 422)
        assert problem["type"].endswith("counted-periods")
        assert "`period=30min`" in problem["detail"]
        query = {"timestamp": "date,period", "period": "30min"}
        assert "timezone=" in check_problem(send(client, text, **query), 422)["detail"]
        report = stored(client, text, **query, timezone="Europe/London")
        assert (report["cadence"], report["gaps"]["count"]) == ("30min", 0)
        assert times_of(client) == texts(moments)

    def test_an_inspection_takes_them_too(self, client: TestClient) -> None:
        moments = moments_from("2023-06-05", 96, 30)
        text = table_of("date,period,v", counted_periods(moments, "UTC"))
        query = {"timestamp": "date,period", "period": "30min"}
        answer = client.post("/v1/uploads:inspect", params=query, content=text).json()
        assert (answer["readable"], answer["cadence"]) == (True, "30min")
        answer = client.post("/v1/uploads:inspect", content=text).json()
        (problem,) = answer["problems"]
        assert {"period", "timestamp", "timezone"} <= set(problem["parameters"])

    def test_an_ambiguous_abbreviation_is_asked_for(self, client: TestClient) -> None:
        text = table_of("time,tz,v", ((f"2023-01-0{1 + n}", "IST") for n in range(5)))
        problem = check_problem(send(client, text), 422)
        assert problem["type"].endswith("ambiguous-zone")
        stored(client, text, timezone="Asia/Kolkata")


class TestRowsThatAreAdded:
    def plain(self, start: str, count: int, minutes: int = 60, value: int = 0) -> str:
        moments = texts(moments_from(start, count, minutes))
        return "time,v\n" + "".join(f"{one},{n + value}\n" for n, one in enumerate(moments))

    def codes(self, report: dict[str, Any]) -> dict[str, int]:
        return {one["code"]: one["count"] for one in report["issues"]}

    def test_finer_rows_are_reported(self, client: TestClient) -> None:
        stored(client, self.plain("2023-03-01", 240))
        report = stored(client, self.plain("2023-03-11", 60, 10))
        assert self.codes(report)["finer_rows"] == 50

    def test_rows_of_the_same_step_are_not(self, client: TestClient) -> None:
        stored(client, self.plain("2023-03-01", 240))
        assert not self.codes(stored(client, self.plain("2023-03-11", 60)))
        assert not self.codes(stored(client, self.plain("2023-03-13T12:00", 10, 120)))

    def test_another_zone_over_stored_rows_is_reported(self, client: TestClient) -> None:
        stored(client, self.plain("2023-03-01", 48))
        text = self.plain("2023-03-03", 48, value=40)
        report = stored(client, text, timezone="Europe/Berlin")
        assert self.codes(report)["other_reading"] == 1
        # The next file in the same zone is read as the one before.
        later = stored(client, self.plain("2023-03-04T12:00", 48), timezone="Europe/Berlin")
        assert "other_reading" not in self.codes(later)
        report = stored(client, self.plain("2023-03-05", 48, value=7))
        assert self.codes(report)["other_reading"] == 35

    def test_other_ends_over_stored_rows_are_reported(self, client: TestClient) -> None:
        stored(client, self.plain("2023-03-01T01:00", 48), times="end")
        report = stored(client, self.plain("2023-03-02", 48))
        assert self.codes(report)["other_reading"] == 24
        report = stored(client, self.plain("2023-03-04T01:00", 48), times="end")
        assert self.codes(report)["other_reading"] == 48

    def test_offsets_say_the_zone(self, client: TestClient) -> None:
        stored(client, self.plain("2023-03-01", 48))
        text = self.plain("2023-03-02", 48).replace(":00,", ":00+00:00,")
        report = stored(client, text, timezone="Europe/Berlin")
        assert "other_reading" not in self.codes(report)
