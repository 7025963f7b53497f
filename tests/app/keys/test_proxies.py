"""Users whom a trusted proxy names, and headers that mean nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from app.main import create_app
from app.settings import ProxiedUser, Settings
from tests.app.test_problems import check_problem

pytestmark = pytest.mark.one_database
HEADER = "X-Forwarded-User"
Start = Callable[..., TestClient]


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """Starts the application behind a proxy; `address` is that of the connection."""
    clients = []

    def started(address: str = "10.1.2.3", **changes: Any) -> TestClient:
        fields = {"trusted_proxy_header": HEADER, "trusted_proxies": "10.1.0.0/16, ::1"}
        changed = settings.model_copy(update={"api_key": None, **fields, **changes})
        application = create_app(changed)
        client = TestClient(application, raise_server_exceptions=False, client=(address, 5000))
        clients.append(client)
        return client.__enter__()

    yield started
    for client in clients:
        client.__exit__(None, None, None)


def create(client: TestClient, user: str, name: str = "a") -> int:
    body = {"name": name, "kind": "generic"}
    return client.post("/v1/series", json=body, headers={HEADER: user}).status_code


class TestHeader:
    @pytest.mark.parametrize("address", ["10.1.2.3", "::1", "::ffff:10.1.2.3"])
    def test_a_trusted_proxy_names_the_user(self, start: Start, address: str) -> None:
        client = start(address)
        assert client.get("/v1/series", headers={HEADER: "ann"}).status_code == 200
        assert create(client, "ann") == 403

    @pytest.mark.parametrize("address", ["10.2.0.1", "192.0.2.7", "not-an-address", "::2"])
    def test_from_elsewhere_it_means_nothing(self, start: Start, address: str) -> None:
        client = start(address)
        for headers in ({HEADER: "ann"}, {HEADER: "ann", "X-Forwarded-For": "10.1.2.3"}):
            check_problem(client.get("/v1/series", headers=headers), 401)

    @pytest.mark.parametrize("headers", [{}, {HEADER: ""}, {HEADER: "  "}])
    def test_without_a_name_nobody_is_let_in(self, start: Start, headers: dict[str, str]) -> None:
        check_problem(start().get("/v1/series", headers=headers), 401)

    def test_a_wrong_key_is_refused_also_with_a_name(self, start: Start) -> None:
        headers = {HEADER: "ann", "Authorization": "Bearer wrong"}
        check_problem(start().get("/v1/series", headers=headers), 401)


class TestRights:
    def test_a_user_has_own_scopes_and_an_own_project(self, start: Start) -> None:
        bob = ProxiedUser(scopes=["admin"], project="shop")
        client = start(trusted_proxy_scopes="read,write", trusted_proxy_users={"bob": bob})
        assert create(client, "ann") == create(client, "bob") == 201
        assert create(client, "ann") == 409
        (entry,) = client.get("/v1/audit", headers={HEADER: "bob"}).json()["items"]
        assert (entry["user"], entry["key_id"], entry["project"]) == ("bob", None, "shop")
        assert client.get("/v1/audit", headers={HEADER: "ann"}).status_code == 403

    def test_the_settings_are_checked_at_the_start(self) -> None:
        for wrong in (
            {"trusted_proxies": "10.1.0.1/16"},
            {"trusted_proxy_scopes": "read,own"},
            {"trusted_proxy_users": {"ann": {"scopes": ["own"]}}},
        ):
            with pytest.raises(ValidationError):
                Settings(**wrong)
