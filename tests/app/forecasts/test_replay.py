"""Replays of stored forecasts: recomputed from the data of their revision."""

import json

import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.forecasts.tables import StoredForecast
from tests.app.conftest import ROWS, START, WEEK, put_rows, weekly_rows
from tests.app.test_problems import check_problem


def test_a_streamed_forecast_is_made_again_after_the_series_went_on_and_was_corrected(
    client: TestClient, deployed: str
) -> None:
    put_rows(client, weekly_rows(ROWS, 3))
    (entry,) = put_rows(client, weekly_rows(ROWS + 3, 1))["forecasts"]
    put_rows(client, [[(START + 100 * WEEK).isoformat(), 50.0]])
    put_rows(client, weekly_rows(ROWS + 4, 2))
    path = f"/v1/forecasts/{entry['id']}"
    answer = client.get(path, params={"replay": "true"}).json()
    assert answer["forecast"] == client.get(path).json()
    assert answer["replay"]["identical"] is True
    assert answer["replay"]["max_abs_difference"] <= 1e-5
    assert answer["replay"]["sentence"].startswith("Recomputed from the same data")


def test_a_forecast_from_an_earlier_origin_is_made_again(client: TestClient, model: str) -> None:
    origin = (START + 250 * WEEK).isoformat()
    made = client.post(f"/v1/models/{model}/forecasts", json={"origin": origin}).json()
    put_rows(client, weekly_rows(ROWS, 1))
    answer = client.get(f"/v1/forecasts/{made['id']}", params={"replay": "true"}).json()
    assert answer["replay"]["identical"] is True


def test_a_number_that_was_tampered_with_is_found(
    client: TestClient, database: Database, model: str
) -> None:
    made = client.post(f"/v1/models/{model}/forecasts").json()
    made["points"][2]["value"] += 0.5
    with database.transaction() as session:
        session.execute(sa.update(StoredForecast).values(body=json.dumps(made)))
    replay = client.get(f"/v1/forecasts/{made['id']}", params={"replay": "true"}).json()["replay"]
    assert replay["identical"] is False
    assert abs(replay["max_abs_difference"] - 0.5) < 1e-5
    assert "more than rounding" in replay["sentence"]


def test_what_does_not_exist_is_404(client: TestClient) -> None:
    check_problem(client.get("/v1/forecasts/none?replay=true"), 404)
