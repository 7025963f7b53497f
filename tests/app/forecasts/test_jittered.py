"""Forecasts of a sensor with a jitter: at full minutes, also after a correction."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db import Database
from tests.app.conftest import SPEC, START, Trainer, put_rows
from tests.app.deployed import point
from tests.app.forecasts.test_forecasts import forecast

ROWS = 300
MINUTE = timedelta(minutes=1)
AWAY = np.random.default_rng(5).integers(-2_500, 2_500, ROWS)


def row(minute: int, away: int, value: float) -> list[Any]:
    moment = START + minute * MINUTE + timedelta(milliseconds=away)
    return [moment.isoformat(), value]


@pytest.fixture
def sensor(client: TestClient, database: Database) -> str:
    """A deployed model of 300 minutes, give or take 2.5 seconds."""
    client.post("/v1/series", json={"name": "sensor"})
    values = (20 + np.sin(np.arange(ROWS) / 7)).round(3).tolist()
    rows = [
        row(n, int(away), value) for n, (away, value) in enumerate(zip(AWAY, values, strict=True))
    ]
    put_rows(client, rows, "sensor")
    answer = client.post("/v1/models", json={"name": "m", "series": "sensor", "spec": SPEC})
    assert answer.status_code == 202, answer.text
    Trainer(database, []).finish(answer.json()["job"]["id"])
    point(database, "m", "champion", 1)
    return "m"


@pytest.mark.one_database
def test_forecasts_follow_the_nearest_minute(client: TestClient, sensor: str) -> None:
    for minute, away in enumerate((1_900, -2_100, 2_400), ROWS):
        put_rows(client, [row(minute, away, 21.0 + minute / 1000)], "sensor")
        body = forecast(client, sensor)
        assert datetime.fromisoformat(body["origin"]) == START + minute * MINUTE
        times = [datetime.fromisoformat(each["time"]) for each in body["points"]]
        assert times == [START + (minute + lead) * MINUTE for lead in (1, 2, 3, 4)]
        assert body["points"][0]["naive"] == 21.0 + minute / 1000
    # The last row came after its minute: its correction changes that minute, which was read.
    put_rows(client, [row(ROWS + 2, 2_400, 22.5)], "sensor")
    corrected = forecast(client, sensor)
    assert datetime.fromisoformat(corrected["origin"]) == START + (ROWS + 2) * MINUTE
    assert corrected["points"][0]["naive"] == 22.5
    # A second row within the same minute is stored, and the first one counts.
    put_rows(client, [row(ROWS + 2, 9_000, 30.0)], "sensor")
    again = forecast(client, sensor)
    assert [each["value"] for each in again["points"]] == [
        each["value"] for each in corrected["points"]
    ]
