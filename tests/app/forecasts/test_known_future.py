"""Forecasts whose request brings known-future values: stored by them, refused without them."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.live import checking
from app.live.tables import KeptState, StateCheckpoint
from tests.app.conftest import START, WEEK, Trainer
from tests.app.deployed import point
from tests.app.test_problems import check_problem

if TYPE_CHECKING:
    from models.training.trained import Trained

ROWS = 300
LEADS = 3
SPEC = {
    "horizon": LEADS,
    "epochs": 2,
    "layers": [{"cell": "gru", "units": 4}],
    "highway": {"lags": 4},
    "known_future": ["promo", "price"],
}
PATH = "/v1/models/shop/forecasts"
COLUMNS = ["time", "promo", "price"]


def week(number: int) -> str:
    return (START + number * WEEK).isoformat()


def known(number: int) -> list[float]:
    """A promotion every fifth week, and a price that goes up and down."""
    return [float(number % 5 == 0), 10 + number % 3]


def observed(number: int) -> list[Any]:
    """sales = 50 + 20 promo - price + noise."""
    promo, price = known(number)
    noise = np.random.default_rng(number).normal()
    return [week(number), 50 + 20 * promo - price + noise, promo, price]


def put(
    client: TestClient,
    rows: list[list[Any]],
    columns: list[str] | None = None,
    series: str = "shop",
) -> None:
    body = {"columns": columns or ["time", "sales", "promo", "price"], "rows": rows}
    answer = client.put(f"/v1/series/{series}/observations", json=body)
    assert answer.status_code == 200, answer.text


def future(first: int = ROWS, count: int = LEADS, promo: float | None = None) -> dict[str, Any]:
    rows = []
    for number in range(first, first + count):
        own, price = known(number)
        rows.append([week(number), own if promo is None else promo, price])
    return {"columns": COLUMNS, "rows": rows}


def forecast(client: TestClient, **request: object) -> dict[str, Any]:
    answer = client.post(PATH, json=request)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def values(body: dict[str, Any]) -> list[float]:
    return [point["value"] for point in body["points"]]


@pytest.fixture(scope="module")
def trained_shop() -> list["Trained"]:
    """The network, once the first test has needed it."""
    return []


@pytest.fixture(autouse=True)
def shop(client: TestClient, database: Database, trained_shop: list["Trained"]) -> None:
    """A series of 300 weeks and a model that knows promotions and prices ahead."""
    assert client.post("/v1/series", json={"name": "shop", "kind": "generic"}).status_code == 201
    put(client, [observed(number) for number in range(ROWS)])
    body = {"name": "shop", "series": "shop", "spec": SPEC}
    answer = client.post("/v1/models", json=body)
    assert answer.status_code == 202, answer.text
    Trainer(database, trained_shop).finish(answer.json()["job"]["id"])


class TestCreate:
    def test_the_values_are_used_and_shown(self, client: TestClient) -> None:
        with_promo = forecast(client, known_future=future(promo=1.0))
        without = forecast(client, known_future=future(promo=0.0))
        assert values(with_promo) != values(without)
        assert [point["target"] for point in with_promo["points"]] == ["sales"] * LEADS
        assert with_promo["known_future"] == {
            "columns": COLUMNS,
            "rows": [
                [f"{(START + number * WEEK):%Y-%m-%dT%H:%M:%SZ}", 1.0, known(number)[1]]
                for number in range(ROWS, ROWS + LEADS)
            ],
        }

    def test_a_series_it_never_saw_has_a_future_of_its_own(self, client: TestClient) -> None:
        client.post("/v1/series", json={"name": "kiosk", "kind": "generic"})
        rows = [observed(number) for number in range(ROWS - 40)]
        put(client, [[time, y / 100, *rest] for time, y, *rest in rows], series="kiosk")
        given = [future(ROWS - 40, promo=promo) for promo in (0.0, 1.0)]
        bodies = [forecast(client, series="kiosk", known_future=each) for each in given]
        assert bodies[0]["origin"] == f"{START + (ROWS - 41) * WEEK:%Y-%m-%dT%H:%M:%SZ}"
        assert values(bodies[0]) != values(bodies[1])
        assert all(abs(value) < 5 for body in bodies for value in values(body))
        # What was observed after an earlier origin need not be given again.
        earlier = forecast(client, series="kiosk", origin=week(ROWS - 50))
        assert len(earlier["known_future"]["rows"]) == LEADS
        missing = client.post(PATH, json={"series": "kiosk"})
        assert check_problem(missing, 422)["errors"][0]["pointer"] == "/known_future"

    def test_the_same_values_give_the_same_stored_forecast(self, client: TestClient) -> None:
        first = forecast(client, known_future=future(promo=0.0))
        other = forecast(client, known_future=future(promo=1.0))
        turned = future(promo=-0.0)
        turned["columns"] = ["price", "time", "promo"]
        turned["rows"] = [[price, time, promo] for time, promo, price in turned["rows"][::-1]]
        assert forecast(client, known_future=turned) == first
        assert first["id"] != other["id"]
        assert len(client.get("/v1/forecasts").json()["items"]) == 2

    def test_a_step_of_the_kept_state_equals_a_replay(self, client: TestClient) -> None:
        forecast(client, known_future=future())
        put(client, [observed(ROWS)])
        streamed = forecast(client, known_future=future(ROWS + 1))
        put(client, [[week(0), 1.0, 0.0, 1.0]])
        put(client, [observed(0)])
        replayed = forecast(client, known_future=future(ROWS + 1))
        assert replayed["id"] != streamed["id"]
        assert values(replayed) == pytest.approx(values(streamed), abs=1e-6)

    def test_for_an_earlier_origin_the_series_has_the_values(self, client: TestClient) -> None:
        origin = week(ROWS - 10)
        from_series = forecast(client, origin=origin)
        assert forecast(client, origin=origin, known_future=future(ROWS - 9)) == from_series
        surprised = forecast(client, origin=origin, known_future=future(ROWS - 9, promo=7.0))
        assert values(surprised) != values(from_series)

    def test_values_that_were_stored_ahead_are_used_from_an_origin_before(
        self, client: TestClient
    ) -> None:
        before = forecast(client, known_future=future())
        put(client, future()["rows"], COLUMNS)
        after = forecast(client, origin=before["origin"])
        assert after["known_future"] == before["known_future"]
        assert values(after) == pytest.approx(values(before), abs=1e-6)

    def test_the_request_may_bring_what_the_series_lacks(self, client: TestClient) -> None:
        put(client, [[row[0], row[2]] for row in future()["rows"]], ["time", "price"])
        promos = {
            "columns": ["time", "promo"],
            "rows": [row[:2] for row in future()["rows"]],
        }
        body = forecast(client, origin=week(ROWS - 1), known_future=promos)
        assert [row[2] for row in body["known_future"]["rows"]] == [
            row[2] for row in future()["rows"]
        ]


class TestIntervals:
    """They follow the errors as rows arrive, even without requests for forecasts."""

    @pytest.fixture(autouse=True)
    def deployed(self, database: Database, shop: None) -> None:
        point(database, "shop", "champion", 1)

    def widths(self, body: dict[str, Any]) -> list[float]:
        return [each["upper_80"] - each["lower_80"] for each in body["points"]]

    def disturbed(self, number: int) -> list[Any]:
        """Sales that are far from what they should be."""
        time, sales, *rest = observed(number)
        return [time, sales + 60 * (-1) ** number, *rest]

    def append(self, client: TestClient, count: int) -> None:
        for number in range(ROWS, ROWS + count):
            put(client, [self.disturbed(number)])

    def test_an_append_moves_them(self, client: TestClient) -> None:
        before = self.widths(forecast(client, known_future=future()))
        self.append(client, 10)
        after = self.widths(forecast(client, known_future=future(ROWS + 10)))
        # Seven rows at least missed at every lead, each for 0.02 times 0.8.
        assert all(new > 1.1 * old for new, old in zip(after, before, strict=True))

    def test_a_late_row_moves_them_as_if_it_had_come_in_time(self, client: TestClient) -> None:
        self.append(client, 6)
        streamed = forecast(client, known_future=future(ROWS + 6))
        put(client, [observed(number) for number in range(ROWS, ROWS + 6)])
        corrected = forecast(client, known_future=future(ROWS + 6))
        pairs = zip(self.widths(corrected), self.widths(streamed), strict=True)
        assert all(new < 0.99 * old for new, old in pairs)
        for number in (3, 0, 5, 1, 4, 2):
            put(client, [self.disturbed(ROWS + number)])
        replayed = forecast(client, known_future=future(ROWS + 6))
        assert self.widths(replayed) == pytest.approx(self.widths(streamed), rel=1e-5)

    def check(self, database: Database) -> None:
        """Compare the kept state with a replay."""
        with database.reading() as session:
            (state,) = checking.states_to_check(session, "shop", "shop")
            difference = checking.difference(session, state)
        assert difference is not None
        assert difference <= checking.TOLERANCE

    def test_the_kept_state_is_that_of_a_replay(
        self, client: TestClient, database: Database
    ) -> None:
        self.append(client, 4)
        self.check(database)

    @pytest.mark.parametrize("number", [ROWS + 4, 100], ids=["appended", "late"])
    def test_states_of_an_earlier_format_are_made_again(
        self, client: TestClient, database: Database, number: int
    ) -> None:
        self.append(client, 4)
        with database.transaction() as session:
            stored = [*session.scalars(sa.select(KeptState))]
            stored += session.scalars(sa.select(StateCheckpoint))
            for row in stored:
                row.content = b"STC2" + row.content[4:]
        assert len(stored) > 1
        put(client, [[week(number), 55.0, *known(number)]])
        self.check(database)


@pytest.mark.one_database
class TestLatest:
    PATH = f"{PATH}/latest"

    def test_without_a_forecast_it_is_409_that_says_what_to_send(self, client: TestClient) -> None:
        body = check_problem(client.get(self.PATH), 409)
        assert "request one with POST" in body["detail"]
        assert "promo, price" in body["detail"]

    def test_it_is_the_last_one_made_from_the_last_step(self, client: TestClient) -> None:
        forecast(client, known_future=future(promo=0.0))
        last = forecast(client, known_future=future(promo=1.0))
        answer = client.get(self.PATH)
        assert answer.json() == last
        tag = {"If-None-Match": answer.headers["etag"]}
        assert client.get(f"{self.PATH}?series=shop", headers=tag).status_code == 304
        put(client, [observed(ROWS)])
        check_problem(client.get(self.PATH), 409)


@pytest.mark.one_database
class TestRefused:
    def refused(self, client: TestClient, **request: object) -> list[dict[str, str]]:
        errors: list[dict[str, str]] = check_problem(client.post(PATH, json=request), 422)["errors"]
        return errors

    def test_a_request_without_values_lists_channels_and_times(self, client: TestClient) -> None:
        forecast(client, known_future=future())
        (error,) = self.refused(client)
        assert error["pointer"] == "/known_future"
        for wanted in ("promo", "price", "2005-10-01T00:00:00Z", "2005-10-15T00:00:00Z"):
            assert wanted in error["message"]

    def test_a_value_left_out_is_named_with_its_time(self, client: TestClient) -> None:
        partial = future()
        partial["rows"][1][2] = None
        (error,) = self.refused(client, known_future=partial)
        assert error["pointer"] == "/known_future"
        assert "of price at 2005-10-08T00:00:00Z." in error["message"]

    @pytest.mark.parametrize(
        ("columns", "row", "pointer"),
        [
            (["time", "sales"], [week(ROWS), 1.0], "/known_future/columns/1"),
            (["time", "none"], [week(ROWS), 1.0], "/known_future/columns/1"),
            (["promo"], [1.0], "/known_future/columns"),
            (["time", "promo"], [week(ROWS - 1), 1.0], "/known_future/rows/0/0"),
            (["time", "promo"], [week(ROWS + LEADS), 1.0], "/known_future/rows/0/0"),
            (["promo", "time"], [1.0, "2005-10-02T00:00:00Z"], "/known_future/rows/0/1"),
            (["time", "promo"], ["2005-10-01", 1.0], "/known_future/rows/0/0"),
            (["time", "promo"], [week(ROWS), "much"], "/known_future/rows/0/1"),
            (["time", "promo"], [week(ROWS), 10**400], "/known_future/rows/0/1"),
            (["time", "promo"], [week(ROWS)], "/known_future/rows/0"),
        ],
    )
    def test_what_cannot_be_used_is_pointed_at(
        self, client: TestClient, columns: list[str], row: list[Any], pointer: str
    ) -> None:
        (error,) = self.refused(client, known_future={"columns": columns, "rows": [row]})
        assert error["pointer"] == pointer

    def test_a_time_that_comes_twice_is_refused(self, client: TestClient) -> None:
        twice = future()
        twice["rows"].append(twice["rows"][0])
        (error,) = self.refused(client, known_future=twice)
        assert error["pointer"] == f"/known_future/rows/{LEADS}/0"
        assert "Received twice: 2005-10-01T00:00:00Z" in error["message"]

    def test_nan_is_no_json_value(self, client: TestClient) -> None:
        text = '{"known_future": {"columns": ["time", "promo"], "rows": [["%s", NaN]]}}'
        answer = client.post(PATH, content=text % week(ROWS))
        assert answer.status_code == 422

    def test_a_target_or_a_stranger_is_refused_when_training_is_asked_for(
        self, client: TestClient
    ) -> None:
        for spec, pointer in (
            ({"known_future": ["sales"], "targets": ["sales"]}, "/spec/known_future/0"),
            ({"known_future": ["none"]}, "/spec/known_future/0"),
            ({"holidays": ["DE-BY"]}, "/spec/holidays"),
            ({"holidays": "XX"}, "/spec/holidays/0"),
        ):
            body = {"name": "m", "series": "shop", "spec": spec}
            errors = check_problem(client.post("/v1/models", json=body), 422)["errors"]
            assert pointer in [error["pointer"] for error in errors], spec

    def test_values_for_a_model_without_such_channels_are_refused(
        self, client: TestClient, model: str
    ) -> None:
        answer = client.post(f"/v1/models/{model}/forecasts", json={"known_future": future()})
        (error,) = check_problem(answer, 422)["errors"]
        assert error["pointer"] == "/known_future"
        assert "has no known-future channels" in error["message"]
