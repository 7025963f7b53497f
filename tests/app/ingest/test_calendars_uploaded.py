"""Calendars of uploaded series over HTTP: closed weekdays, unsure hours, a jitter."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from models.arrays import Times
from tests.app.ingest.test_uploads import send
from tests.models.calendars.test_markets import MARKETS, rows

DAYS = np.datetime64("2022-01-03", "us") + np.arange(280) * np.timedelta64(1, "D")


def table(times: Times, columns: Iterable[str] = ("value",)) -> str:
    """A file with waves in its columns."""
    columns = list(columns)
    values = 100 + np.sin(np.arange(len(times)) / 9).round(4)
    lines = (
        f"{time}Z{f',{value}' * len(columns)}" for time, value in zip(times, values, strict=True)
    )
    return "\n".join([",".join(["time", *columns]), *lines])


def quality(client: TestClient, name: str = "days") -> Any:
    return client.get(f"/v1/series/{name}/quality").json()


@pytest.mark.parametrize(
    ("weekdays", "cadence"),
    [((0, 1, 2, 3, 4), "B"), ((0, 1, 2, 3, 4, 5), "1D"), ((0, 1, 2, 3, 6), "1D")],
)
def test_closed_weekdays_are_learnt_and_are_not_gaps(
    client: TestClient, weekdays: tuple[int, ...], cadence: str
) -> None:
    times = DAYS[np.isin(np.arange(280) % 7, weekdays)]
    report = send(client, table(times)).json()
    assert (report["cadence"], report["gaps"]["count"]) == (cadence, 0)
    assert client.get("/v1/series/days").json()["calendar"] == "sessions"
    found = quality(client)
    assert found["gaps"]["count"] == 0
    assert len(found["sessions"]["weekdays"]) == len(weekdays)
    assert found["sessions"]["missing_rows"] == 0


def test_a_whole_week_has_no_sessions(client: TestClient) -> None:
    assert send(client, table(DAYS)).status_code == 201
    assert client.get("/v1/series/days").json()["calendar"] == "continuous"


def test_four_days_of_a_currency_prove_no_hours(client: TestClient) -> None:
    times = rows(MARKETS["currency"], "2020-08-27T15:13", 4_000)
    assert send(client, table(times, ("open", "high", "low", "close"))).status_code == 201
    sessions = quality(client)["sessions"]
    assert (sessions["open"], sessions["close"], sessions["bars"]) == ("00:00:00", "23:59:00", 1440)
    assert (sessions["unsure"], sessions["rows_outside"]) == (True, 0)


def test_a_sensor_with_a_jitter_keeps_its_times(client: TestClient) -> None:
    away = np.random.default_rng(0).integers(-2_500, 2_500, 600)
    times = DAYS[0] + (np.arange(1, 601) * 60_000 + away).astype("m8[ms]")
    report = send(client, table(times)).json()
    assert (report["cadence"], report["gaps"]["count"], report["rows_stored"]) == ("1min", 0, 600)
    (found,) = [each for each in report["issues"] if each["code"] == "jitter"]
    assert "every 1min, give or take" in found["message"]
    stored = client.get("/v1/series/days/observations", params={"limit": 3}).json()["rows"]
    assert [np.datetime64(row[0].removesuffix("Z")) for row in stored] == times[:3].tolist()
    assert "jitter" in [each["code"] for each in quality(client)["issues"]]


WEEKS = {
    "business days": (0, 1, 2, 3, 4),
    "six days": (0, 1, 2, 3, 4, 5),
    "from Sunday": (0, 1, 2, 3, 6),
}


@pytest.mark.parametrize("week", WEEKS.values(), ids=WEEKS)
@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_a_short_later_upload_is_described_by_the_weeks_of_the_series(
    client: TestClient, week: tuple[int, ...], count: int
) -> None:
    times = DAYS[np.isin(np.arange(280) % 7, week)]
    first = send(client, table(times[:-count])).json()
    later = send(client, table(times[-count:])).json()
    assert (later["cadence"], later["gaps"]["count"]) == (first["cadence"], 0)
    assert quality(client)["gaps"]["count"] == 0
    assert quality(client)["sessions"]["missing_rows"] == 0


def test_a_day_that_a_later_upload_lacks_is_its_gap(client: TestClient) -> None:
    times = DAYS[np.isin(np.arange(280) % 7, WEEKS["six days"])]
    send(client, table(times[:-9]))
    later = send(client, table(np.delete(times[-9:], 3))).json()
    assert later["gaps"] == {
        "count": 1,
        "longest": "2 days 00:00:00",
        "longest_seconds": 2 * 86_400.0,
    }


def test_hours_in_a_series_of_days_are_described_by_themselves(client: TestClient) -> None:
    send(client, table(DAYS))
    hours = DAYS[-1] + np.arange(1, 30) * np.timedelta64(1, "h")
    later = send(client, table(hours)).json()
    assert (later["cadence"], later["gaps"]["count"]) == ("1h", 0)


@pytest.mark.parametrize("week", WEEKS.values(), ids=WEEKS)
def test_weeks_are_learnt_from_rows_that_come_one_by_one(
    client: TestClient, week: tuple[int, ...]
) -> None:
    times = DAYS[np.isin(np.arange(280) % 7, week)][:40]
    client.post("/v1/series", json={"name": "days"})
    for number, time in enumerate(times):
        body = {"columns": ["time", "value"], "rows": [[f"{time}Z", number % 7]]}
        assert client.put("/v1/series/days/observations", json=body).status_code == 200
    assert client.get("/v1/series/days").json()["calendar"] == "sessions"
    found = quality(client)
    assert (found["gaps"]["count"], found["sessions"]["missing_rows"]) == (0, 0)
