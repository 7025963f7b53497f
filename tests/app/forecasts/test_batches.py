"""Many forecasts in one call: each as it would have been alone, and none in the way of another."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

import models.serving.batching
from app.db import Database
from app.forecasts import batches
from app.forecasts.schemas import ForecastBatch
from tests.app.conftest import ROWS, put_rows, weekly_rows
from tests.app.test_problems import check_problem

PATH = "/v1/forecasts:batch"
OTHERS = ("north", "south", "west")


def ask(client: TestClient, requests: list[Any], **headers: str) -> list[dict[str, Any]]:
    headers["Content-Type"] = "application/json"
    answer = client.post(PATH, content=json.dumps({"requests": requests}), headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    assert len(items) == len(requests)
    return items


def statuses(items: list[dict[str, Any]]) -> list[int]:
    return [item["error"]["status"] if "error" in item else 200 for item in items]


@pytest.fixture
def panel(client: TestClient, model: str) -> list[dict[str, str]]:
    """Requests for the series of the model and three that came later."""
    for place, name in enumerate(OTHERS, start=2):
        client.post("/v1/series", json={"name": name, "kind": "generic"})
        rows = [[time, place * value] for time, value in weekly_rows(0, ROWS)]
        put_rows(client, rows, series=name)
    return [{"model": model, "series": name} for name in ("weekly", *OTHERS)]


def without_request(item: dict[str, Any]) -> dict[str, Any]:
    """The answer of an item without the id of its request."""
    if "error" not in item:
        return item
    return {"error": {name: each for name, each in item["error"].items() if name != "request_id"}}


class TestItems:
    @pytest.mark.usefixtures("direction")
    def test_each_is_answered_in_its_place_as_it_would_have_been_alone(
        self, client: TestClient, model: str
    ) -> None:
        requests: list[dict[str, Any]] = [
            {"model": model},
            {"model": "none"},
            {"model": model, "origin": "yesterday"},
            {"model": "weekly-direction", "version": 1},
            {"model": model, "levels": [50], "version": "latest"},
            {"model": model, "series": "none"},
            {"model": model, "version": 7},
            {"model": model, "surprise": True},
            {"model": model, "origin": "1999-01-01T00:00:00Z"},
            {"model": "weekly-direction", "levels": [50]},
            {"model": model, "known_future": {"columns": ["time", "y"], "rows": [["x", 1]]}},
            {"model": model, "series": "a\u0000b"},
            {"model": "weekly-direction", "series": "weekly", "version": "champion"},
        ]
        items = ask(client, requests)
        for request, item in zip(requests, items, strict=True):
            body = {name: value for name, value in request.items() if name != "model"}
            alone = client.post(f"/v1/models/{request['model']}/forecasts", json=body)
            assert without_request(item) == (
                alone.json()
                if alone.status_code == 200
                else without_request({"error": alone.json()})
            )
        assert set(statuses(items)) == {200, 404, 422}

    def test_what_is_no_request_is_an_error_of_its_own(
        self, client: TestClient, model: str
    ) -> None:
        items = ask(client, [{"model": model}, 7, {}, {"model": "\ud800"}, None])
        assert statuses(items) == [200, 422, 422, 422, 422]
        assert items[2]["error"]["errors"][0]["pointer"] == "/model"

    def test_equal_ones_share_one_stored_forecast(self, client: TestClient, model: str) -> None:
        items = ask(client, [{"model": model}, {"model": model}, {"model": model, "levels": [50]}])
        assert len({item["id"] for item in items}) == 1
        assert "lower_50" in items[2]["points"][0]
        assert len(client.get("/v1/forecasts").json()["items"]) == 1
        assert ask(client, [{"model": model}])[0] == items[0]

    def test_none_is_an_empty_list_and_too_many_are_refused(self, client: TestClient) -> None:
        assert ask(client, []) == []
        body = {"requests": [{"model": "m"}] * 101}
        assert "100" in check_problem(client.post(PATH, json=body), 413)["detail"]
        for wrong in ({}, {"requests": {}}, {"requests": [], "more": 1}):
            check_problem(client.post(PATH, json=wrong), 422)

    def test_what_is_deleted_meanwhile_fails_alone(
        self, client: TestClient, database: Database, panel: list[dict[str, str]]
    ) -> None:
        asked = ForecastBatch.model_validate({"requests": panel[:2]})
        batch = batches.make(database, asked)
        assert client.delete(f"/v1/series/{OTHERS[0]}").status_code == 204
        with database.transaction() as session:
            text = batches.store_all(session, batch, str)
        assert text.count('"id"') == 1
        assert "was deleted in the meantime" in text


class TestRuns:
    def test_one_version_s_items_step_as_one_batch(
        self, client: TestClient, panel: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert statuses(ask(client, panel)) == [200] * 4
        for each in panel:
            put_rows(client, weekly_rows(ROWS, 1), series=each["series"])
        runs = []
        run_session = models.serving.batching.run_session

        def counted(session: Any, inputs: list[Any]) -> list[Any]:
            runs.append(len(inputs[0]))
            return run_session(session, inputs)

        monkeypatch.setattr(models.serving.batching, "run_session", counted)
        together = ask(client, panel)
        assert runs == [4]
        with client.app.state.database.transaction() as session:  # type: ignore[attr-defined]
            for table in ("forecasts", "kept_states", "state_checkpoints"):
                session.connection().exec_driver_sql(f"DELETE FROM {table}")
        for request, item in zip(panel, together, strict=True):
            body = {"series": request["series"]}
            alone = client.post(f"/v1/models/{request['model']}/forecasts", json=body).json()
            for one, other in zip(item["points"], alone["points"], strict=True):
                numbers = {name: value for name, value in one.items() if isinstance(value, float)}
                for name, value in numbers.items():
                    assert other[name] == pytest.approx(value, abs=1e-5), name


class TestRepetition:
    def test_a_key_answers_the_same_again(self, client: TestClient, model: str) -> None:
        key = {"Idempotency-Key": "batch"}
        first = ask(client, [{"model": model}], **key)
        put_rows(client, weekly_rows(ROWS, 1))
        assert ask(client, [{"model": model}], **key) == first
        assert ask(client, [{"model": model}]) != first
        body = {"requests": [{"model": "other"}]}
        check_problem(client.post(PATH, json=body, headers=key), 422)


class TestConcurrency:
    def test_two_batches_in_opposite_orders_never_wait_for_each_other(
        self, client: TestClient, panel: list[dict[str, str]]
    ) -> None:
        with ThreadPoolExecutor(3) as pool:
            for turn in range(4):
                for each in panel:
                    put_rows(client, weekly_rows(ROWS + 2 * turn, 1), series=each["series"])
                batches = [pool.submit(ask, client, order) for order in (panel, panel[::-1])]
                append = pool.submit(
                    put_rows, client, weekly_rows(ROWS + 2 * turn + 1, 1), panel[0]["series"]
                )
                one, other = (each.result() for each in batches)
                assert append.result()["rows_stored"] == 1
                assert statuses(one) == statuses(other) == [200] * 4
                assert [item["series"] for item in one] == [item["series"] for item in other][::-1]
                assert [item["id"] for item in one[1:]] == [item["id"] for item in other[-2::-1]]
