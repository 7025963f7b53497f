"""The main job on real public series: real processes, real HTTP, from the file to the forecast."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pandas as pd
import pytest

from tests.processes import running_service, wait_for_job

JENA = "jena_climate_2009-01_2011-01.csv.gz"
NIFTY = "nifty_1min_2022_ddmmyyyy.csv.gz"
AAPL = "aapl_daily_2000_2020.csv"
ETTH1 = "ETTh1.csv.gz"
AN_HOUR = pd.Timedelta("1h")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Web and worker on a fresh SQLite file, shared by the tests of this file."""
    folder = tmp_path_factory.mktemp("e2e")
    with running_service(f"sqlite:///{folder}/statecast.db") as client:
        yield client


def upload(service: httpx2.Client, path: Path, series: str, **query: str) -> dict[str, Any]:
    with path.open("rb") as file:
        answer = service.post(
            f"/v1/series/{series}/uploads",
            params={"create": "true", **query},
            files={"file": (path.name, file)},
        )
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    return report


def train(service: httpx2.Client, series: str, **body: Any) -> dict[str, Any]:
    answer = service.post("/v1/models", json={"name": series, "series": series, **body})
    assert answer.status_code == 202, answer.text
    job = wait_for_job(service, answer.json()["job"]["id"], timeout_seconds=240)
    assert job["state"] == "succeeded", job
    version: dict[str, Any] = service.get(f"/v1/models/{series}/versions/latest").json()
    return version


def forecast(service: httpx2.Client, series: str) -> dict[str, Any]:
    answer = service.post(f"/v1/models/{series}/forecasts")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def times(body: dict[str, Any], zone: str = "UTC") -> pd.DatetimeIndex:
    return pd.DatetimeIndex([point["time"] for point in body["points"]]).tz_convert(zone)


class TestJenaClimate:
    def test_temperature_a_day_ahead_beats_the_naive_forecast(
        self, service: httpx2.Client, shared_data: Path
    ) -> None:
        report = upload(service, shared_data / JENA, "jena", kind="climate")
        assert report["rows_read"] == 106_727
        assert report["rows_stored"] == 106_583
        assert report["rows_duplicate"] == 144
        assert report["rows_quarantined"] == 0
        assert report["gaps"]["count"] == 1
        assert report["cadence"] == "10min"

        version = train(service, "jena", preset="jena-stateful")
        test = version["metrics"]["test"]["T (degC)"]
        assert test["naive_mae"] == pytest.approx(2.69, abs=0.03)
        assert test["mae"] <= 2.55

        body = forecast(service, "jena")
        assert body["origin"] == "2011-01-11T04:00:00Z"
        assert [point["time"] for point in body["points"]] == ["2011-01-12T04:00:00Z"]


class TestNiftyMinutes:
    def test_the_next_bars_are_those_of_the_next_session(
        self, service: httpx2.Client, shared_data: Path
    ) -> None:
        query = {"kind": "ohlc", "timezone": "Asia/Kolkata"}
        report = upload(service, shared_data / NIFTY, "nifty", **query)
        assert report["rows_stored"] == 93_370
        assert report["cadence"] == "1min"
        assert report["gaps"]["count"] == 515

        version = train(service, "nifty", spec={"horizon": 15, "epochs": 2})
        assert set(version["metrics"]["test"]) == {"close"}
        assert len(version["metrics"]["test"]["close"]["leads"]) == 15

        local = times(forecast(service, "nifty"), "Asia/Kolkata")
        # The file ends on Friday the 30th with the closing bar; Monday begins with the
        # pre-open bar, then 09:16, as on every day of the file.
        assert local[0] == pd.Timestamp("2023-01-02 09:08", tz=ZoneInfo("Asia/Kolkata"))
        assert local[1] == pd.Timestamp("2023-01-02 09:16", tz=ZoneInfo("Asia/Kolkata"))
        assert list(local[2:] - local[1:-1]) == [pd.Timedelta("1min")] * 13


class TestAppleDays:
    def test_five_business_days_in_log_returns(
        self, service: httpx2.Client, shared_data: Path
    ) -> None:
        report = upload(service, shared_data / AAPL, "aapl", kind="ohlc")
        assert report["rows_stored"] == 5_284
        assert report["first"] == "2000-01-03T00:00:00Z"
        assert report["last"] == "2020-12-31T00:00:00Z"
        assert report["cadence"] == "B"

        spec = {"transform": "log_return", "horizon": 5, "epochs": 3}
        version = train(service, "aapl", spec=spec)
        test = version["metrics"]["test"]["close"]
        assert 0 < test["mae"] < 1.1 * test["naive_mae"]

        days = [f"{time:%Y-%m-%d}" for time in times(forecast(service, "aapl"))]
        assert days == ["2021-01-01", "2021-01-04", "2021-01-05", "2021-01-06", "2021-01-07"]


class TestTransformerTemperature:
    def test_a_day_of_hours(self, service: httpx2.Client, shared_data: Path) -> None:
        report = upload(service, shared_data / ETTH1, "etth1", kind="generic")
        assert report["rows_stored"] == 17_420
        assert report["cadence"] == "1h"
        assert report["gaps"]["count"] == 0

        version = train(service, "etth1", spec={"targets": ["OT"], "horizon": 24, "epochs": 3})
        test = version["metrics"]["test"]["OT"]
        assert [lead["lead"] for lead in test["leads"]] == list(range(1, 25))
        assert test["mae"] < test["naive_mae"]

        body = forecast(service, "etth1")
        assert body["origin"] == "2018-06-26T19:00:00Z"
        assert set(times(body)[1:] - times(body)[:-1]) == {AN_HOUR}
