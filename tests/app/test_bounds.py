"""Whole numbers of requests have bounds, and specs are judged before anything is locked."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.edge.limits import SPEC_BYTES
from app.main import create_app
from app.openapi import is_unbounded, nodes, referenced
from app.registry import service as registry
from app.settings import Settings
from app.studies import requests as studies
from tests.app.test_problems import check_problem

LARGE = [2**31, 2**63 - 1, 10**30]


def asked() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema that a request can fill, with the name of its operation or component."""
    document = create_app(Settings(api_key=None)).openapi()
    parts = {
        f"{method} {path}": [operation.get("parameters"), operation.get("requestBody")]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    schemas = document["components"]["schemas"]
    names = referenced(list(parts.values()), schemas)
    for name, part in [*parts.items(), *((name, schemas[name]) for name in sorted(names))]:
        yield from ((name, node) for node in nodes(part))


@pytest.mark.unit
class TestDocument:
    def test_every_whole_number_of_a_request_has_a_largest_value(self) -> None:
        found = [(name, node) for name, node in asked() if node.get("type") == "integer"]
        assert len(found) > 50
        assert [name for name, node in found if is_unbounded(node)] == []
        assert all(node.get("maximum", 0) < 2**63 for _, node in found)

    def test_every_whole_number_of_an_answer_fits_into_64_bits(self) -> None:
        document = create_app(Settings(api_key=None)).openapi()
        assert not [node for node in nodes(document) if is_unbounded(node)]

    def test_unbounded_numbers_are_found_through_references(self) -> None:
        schemas = {"A": {"$ref": "#/components/schemas/B"}, "B": {"items": {"type": "integer"}}}
        part = {"schema": {"$ref": "#/components/schemas/A"}}
        assert referenced(part, schemas) == {"A", "B"}
        assert [is_unbounded(node) for node in nodes(schemas["B"])] == [False, True]
        assert not is_unbounded({"type": "integer", "maximum": 3})


@pytest.mark.one_database
class TestRequests:
    @pytest.mark.parametrize("value", LARGE)
    @pytest.mark.parametrize(
        ("field", "mode"),
        [
            *((field, "stateful") for field in ("chunk", "lanes", "burn_in", "horizon", "delay")),
            *((field, "windowed") for field in ("batch_size", "steps_per_epoch", "lookback")),
            ("step", "windowed"),
        ],
    )
    def test_a_size_beyond_all_rows_is_not_queued(
        self, client: TestClient, weekly: str, field: str, mode: str, value: int
    ) -> None:
        spec = {"mode": mode, field: value}
        for path, body in {
            "/v1/models": {"name": "m", "series": weekly, "spec": spec},
            "/v1/studies": {"name": "m", "series": weekly, "spec": spec, "search": {}},
        }.items():
            errors = check_problem(client.post(path, json=body), 422)["errors"]
            assert [error["pointer"] for error in errors] == [f"/spec/{field}"]
        assert client.get("/v1/jobs").json()["items"] == []

    @pytest.mark.parametrize("value", [2**31, 2**63 - 1])
    def test_a_space_of_such_sizes_is_refused_at_its_end(
        self, client: TestClient, weekly: str, value: int
    ) -> None:
        space = {"/chunk": {"type": "int", "low": 8, "high": value}}
        body = {"name": "m", "series": weekly, "search": {"method": "random", "space": space}}
        errors = check_problem(client.post("/v1/studies", json=body), 422)["errors"]
        assert [error["pointer"] for error in errors] == ["/search/space/~1chunk/high"]

    @pytest.mark.parametrize("value", LARGE)
    @pytest.mark.parametrize(
        ("path", "body", "pointer"),
        [
            ("backtests", {"refit_every": 0}, "/refit_every"),
            ("backtests", {"train_rows": 0}, "/train_rows"),
            ("backtests", {"origins": {"every": 0}}, "/origins/every"),
            ("backtests", {"origins": {"count": 0}}, "/origins/count"),
            ("schedules", {"window_steps": 0}, "/window_steps"),
            ("forecasts", {"version": 0}, "/version"),
        ],
    )
    def test_other_requests_name_the_number_too(
        self, client: TestClient, path: str, body: dict[str, Any], pointer: str, value: int
    ) -> None:
        filled = _with(body, value)
        errors = check_problem(client.post(f"/v1/models/m/{path}", json=filled), 422)["errors"]
        assert pointer in [error["pointer"] for error in errors]

    @pytest.mark.parametrize("value", LARGE)
    @pytest.mark.parametrize(
        "path",
        ["webhooks/{}", "models/m/schedules/{}", "series/s/uploads/{}", "series?limit={}"],
    )
    def test_numbers_in_addresses_have_bounds(
        self, client: TestClient, path: str, value: int
    ) -> None:
        check_problem(client.get(f"/v1/{path.format(value)}"), 422)

    @pytest.mark.parametrize("path", ["models", "studies", "models/m/backtests"])
    def test_a_spec_longer_than_any_spec_is_413(self, client: TestClient, path: str) -> None:
        body = {"name": "m", "series": ["x" * 100] * (SPEC_BYTES // 100)}
        check_problem(client.post(f"/v1/{path}", json=body), 413)

    def test_a_training_too_large_for_the_limits_names_what_to_reduce(
        self, client: TestClient, weekly: str
    ) -> None:
        spec = {"layers": [{"units": 4096}] * 16}
        body = {"name": "m", "series": weekly, "spec": spec}
        errors = check_problem(client.post("/v1/models", json=body), 422)["errors"]
        assert {error["pointer"] for error in errors} == {"/spec/layers"}
        assert "Reduce `layers`" in errors[0]["message"]
        space = {"/layers/0/units": {"type": "choice", "values": [8, 4096]}}
        search = {"method": "random", "space": space}
        wide = {"name": "m", "series": weekly, "spec": {"ensemble": 16}, "search": search}
        errors = check_problem(client.post("/v1/studies", json=wide), 422)["errors"]
        assert errors[0]["pointer"] == "/search/space/~1layers~10~1units/values/1"


def _with(body: dict[str, Any], value: int) -> dict[str, Any]:
    return {
        key: _with(inner, value) if isinstance(inner, dict) else value
        for key, inner in body.items()
    }


class TestLocks:
    """While a request is judged, another client writes."""

    def test_a_row_is_written_while_a_spec_is_judged(
        self,
        client: TestClient,
        database: Database,
        weekly: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        answers: list[int] = []
        resolve = registry.resolve

        def judged(*arguments: Any) -> Any:
            answers.append(write(client, weekly))
            return resolve(*arguments)

        monkeypatch.setattr(registry, "resolve", judged)
        queued = client.post("/v1/models", json={"name": "m", "series": weekly})
        assert (answers, queued.status_code) == ([200], 202)
        # The training learns from the rows that were judged.
        revision = client.get(f"/v1/series/{weekly}").json()["revision"]
        with database.reading() as session:
            version = session.scalars(registry.sa.select(registry.ModelVersion)).one()
        assert version.data_revision == revision - 1

    @pytest.mark.one_database
    def test_a_row_is_written_while_a_search_is_judged(
        self, client: TestClient, weekly: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers: list[int] = []
        check = studies.check_search

        def judged(*arguments: Any) -> None:
            answers.append(write(client, weekly))
            check(*arguments)

        monkeypatch.setattr(studies, "check_search", judged)
        space = {"/layers/0/units": {"type": "int", "low": 2, "high": 8, "step": 2}}
        body = {"name": "m", "series": weekly, "search": {"method": "random", "space": space}}
        assert client.post("/v1/studies", json=body).status_code == 202
        assert answers == [200]

    @pytest.mark.one_database
    def test_a_series_that_is_replaced_meanwhile_is_404(
        self, client: TestClient, weekly: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolve = registry.resolve

        def judged(*arguments: Any) -> Any:
            assert client.delete(f"/v1/series/{weekly}").status_code == 204
            return resolve(*arguments)

        monkeypatch.setattr(registry, "resolve", judged)
        check_problem(client.post("/v1/models", json={"name": "m", "series": weekly}), 404)
        assert client.get("/v1/jobs").json()["items"] == []

    @pytest.mark.one_database
    def test_a_repeated_request_is_not_judged_again(
        self, client: TestClient, weekly: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        headers, body = {"Idempotency-Key": "k"}, {"name": "m", "series": weekly}
        first = client.post("/v1/models", json=body, headers=headers)
        monkeypatch.delattr(registry, "resolve")
        second = client.post("/v1/models", json=body, headers=headers)
        assert (second.status_code, second.json()) == (202, first.json())


def write(client: TestClient, series: str) -> int:
    """Append a row while the caller holds what it holds."""
    body = {"columns": ["time", "y"], "rows": [["2030-01-05T00:00:00Z", 1.0]]}
    return client.put(f"/v1/series/{series}/observations", json=body).status_code
