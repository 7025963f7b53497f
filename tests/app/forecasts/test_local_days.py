"""Days whose offsets prove a zone, from the file to the forecast: tomorrow is a local midnight."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db import Database
from models.arrays import Times
from models.calendars.timezones import to_utc
from tests.app.conftest import Trainer, put_rows
from tests.app.deployed import point
from tests.app.forecasts.test_forecasts import forecast

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

ZONE = "Europe/Berlin"
ROWS = 420
SPEC = {"horizon": 3, "epochs": 1, "layers": [{"cell": "gru", "units": 2}]}


def days_until(last: str, *, business: bool) -> tuple[Times, Times]:
    """The midnights of days up to a last one, and the three days that follow."""
    days = np.datetime64(last) + np.arange(-2 * ROWS, 8)
    chosen = days[np.is_busday(days)] if business else days
    before, after = chosen[chosen <= np.datetime64(last)], chosen[chosen > np.datetime64(last)]
    utc = [to_utc(part.astype("datetime64[us]"), ZONE) for part in (before[-ROWS:], after[:3])]
    return utc[0], utc[1]


def table(times: Times) -> str:
    """A file of midnights with their offsets."""
    moments = [datetime.fromisoformat(f"{time}+00:00").astimezone(ZoneInfo(ZONE)) for time in times]
    values = (100 + np.sin(np.arange(len(times)) / 9)).round(3).tolist()
    lines = [f"{moment.isoformat()},{value}" for moment, value in zip(moments, values, strict=True)]
    assert {line[19:25] for line in lines} == {"+01:00", "+02:00"}
    return "\n".join(["Date,y", *lines])


def trained(client: TestClient, database: Database) -> str:
    answer = client.post("/v1/models", json={"name": "m", "series": "days", "spec": SPEC})
    assert answer.status_code == 202, answer.text
    Trainer(database, []).finish(answer.json()["job"]["id"])
    point(database, "m", "champion", 1)
    return "m"


def times_of(body: dict[str, Any]) -> list[str]:
    return [each["time"].removesuffix("Z") for each in body["points"]]


def texts(times: Times) -> list[str]:
    return [str(time.astype("datetime64[s]")) for time in times]


@pytest.mark.parametrize(
    ("last", "cadence"),
    [
        ("2023-07-12", "1D"),
        ("2023-10-28", "1D"),
        ("2024-03-30", "1D"),
        ("2023-10-27", "B"),
        ("2024-03-28", "B"),
    ],
)
def test_the_next_forecast_is_tomorrow(
    client: TestClient, database: Database, last: str, cadence: str
) -> None:
    times, ahead = days_until(last, business=cadence == "B")
    answer = client.post("/v1/series/days/uploads?create=true", content=table(times))
    assert answer.status_code == 201, answer.text
    series = client.get("/v1/series/days").json()
    assert (series["timezone"], series["cadence"]) == (ZONE, cadence)
    model = trained(client, database)
    body = forecast(client, model)
    assert (body["origin"].removesuffix("Z"), times_of(body)) == (*texts(times[-1:]), texts(ahead))
    # Tomorrow has come: the day after it is next.
    moment = datetime.fromisoformat(f"{ahead[0]}+00:00")
    put_rows(client, [[moment.isoformat(), 100.0]], "days")
    assert times_of(forecast(client, model))[:2] == texts(ahead[1:])
