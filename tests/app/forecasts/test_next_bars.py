"""Markets from the file to the forecast: after the last bar of a session, the next bar is next."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db import Database
from models.arrays import Times
from tests.app.conftest import Trainer
from tests.app.deployed import point
from tests.app.forecasts.test_forecasts import forecast
from tests.models.calendars.test_markets import MARKETS, rows

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

SPEC = {"targets": ["close"], "horizon": 3, "epochs": 1, "layers": [{"cell": "gru", "units": 2}]}
MOST_ROWS = 5_400


def bars(times: Times) -> str:
    """A file of valid bars."""
    middle = 100 + np.sin(np.arange(len(times)) / 40)
    lines = (
        f"{time}Z,{price:.3f},{price + 0.2:.3f},{price - 0.2:.3f},{price + 0.1:.3f}"
        for time, price in zip(times, middle, strict=True)
    )
    return "\n".join(["time,open,high,low,close", *lines])


def until_a_close(whole: Times) -> int:
    """The number of rows up to the last one before a pause; all but three without one."""
    pauses = np.flatnonzero(np.diff(whole[:MOST_ROWS]) > np.timedelta64(1, "m"))
    return int(pauses[-1]) + 1 if len(pauses) else MOST_ROWS


@pytest.mark.parametrize("market", MARKETS)
def test_the_next_forecast_is_the_next_bar(
    client: TestClient, database: Database, market: str
) -> None:
    whole = rows(MARKETS[market], "2024-01-08T00:00", MOST_ROWS + 3)
    count = until_a_close(whole)
    answer = client.post("/v1/series/bars/uploads?create=true", content=bars(whole[:count]))
    assert answer.status_code == 201, answer.text
    assert client.get("/v1/series/bars").json()["cadence"] == "1min"
    answer = client.post("/v1/models", json={"name": "m", "series": "bars", "spec": SPEC})
    assert answer.status_code == 202, answer.text
    Trainer(database, []).finish(answer.json()["job"]["id"])
    point(database, "m", "champion", 1)
    body = forecast(client, "m")
    found = [np.datetime64(each["time"].removesuffix("Z"), "us") for each in body["points"]]
    assert found == list(whole[count : count + 3])
