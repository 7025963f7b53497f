"""Every operation of the OpenAPI document, with keys of every scope."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access.scopes import OPERATIONS, Scope, access_of
from app.main import create_app
from app.settings import Settings
from tests.app.keys.conftest import MakeKey

PATHS: dict[str, dict[str, Any]] = create_app(Settings(api_key=None)).openapi()["paths"]
OPERATIONS_OF_V1 = [
    (method.upper(), path.removeprefix("/v1"))
    for path, methods in PATHS.items()
    for method in methods
    if path.startswith("/v1/")
]


def reaches(client: TestClient, method: str, path: str, headers: dict[str, str]) -> bool:
    """Whether a request gets past the scopes; nothing that it names exists."""
    named = path.replace("{", "").replace("}", "")
    answer = client.request(method, f"/v1{named}", headers=headers)
    assert answer.status_code != 401, answer.text
    if answer.status_code != 403:
        return True
    problem = answer.json()
    assert problem["type"] == "urn:statecast:problem:scope-missing"
    assert problem["scope"] == access_of(method, path).scope
    assert f"`{problem['scope']}`" in problem["detail"]
    return False


class TestTable:
    def test_every_operation_that_changes_something_has_a_scope(self) -> None:
        changing = {f"{method} {path}" for method, path in OPERATIONS_OF_V1 if method != "GET"}
        assert changing - OPERATIONS.keys() == set()

    def test_every_scope_is_of_an_operation(self) -> None:
        known = {f"{method} {path}" for method, path in OPERATIONS_OF_V1}
        assert OPERATIONS.keys() - known == {"GET /metrics"}

    def test_an_operation_that_is_not_listed_needs_the_most(self) -> None:
        assert access_of("POST", "/new").scope is Scope.ADMIN
        assert access_of("HEAD", "/webhooks") == access_of("GET", "/webhooks")


class TestWalk:
    @pytest.mark.parametrize("scope", Scope)
    def test_a_key_reaches_what_its_scope_says_and_nothing_else(
        self, client: TestClient, make_key: MakeKey, scope: Scope
    ) -> None:
        key = make_key(scope)
        reached = {
            (method, path)
            for method, path in OPERATIONS_OF_V1
            if reaches(client, method, path, key)
        }
        allowed = {
            (method, path)
            for method, path in OPERATIONS_OF_V1
            if scope in (Scope.ADMIN, access_of(method, path).scope)
        }
        assert reached == allowed
        assert reached
