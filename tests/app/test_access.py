"""The API key: the stranger is refused everywhere under /v1, and nowhere else."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.settings import Settings


@pytest.fixture
def locked(application: FastAPI, settings: Settings) -> Iterator[TestClient]:
    """The application with a key."""
    with_key = settings.model_copy(update={"api_key": SecretStr("s3cret-ключ")})
    application.state.settings = with_key
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


class TestKey:
    @pytest.mark.parametrize(
        "header",
        [None, "Bearer wrong", "Bearer ", "Basic s3cret", "Bearer s3cret-", "bearer\ts3cret"],
    )
    def test_a_stranger_is_refused(self, locked: TestClient, header: str | None) -> None:
        headers = {} if header is None else {"Authorization": header}
        answer = locked.get("/v1/series", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"

    def test_the_owner_is_let_in(self, locked: TestClient) -> None:
        header = "Bearer s3cret-ключ".encode()
        assert locked.get("/v1/series", headers={b"Authorization": header}).status_code == 200

    def test_every_path_under_v1_is_locked(self, locked: TestClient) -> None:
        operations = [
            (method, path.replace("{", "").replace("}", ""))
            for path, methods in locked.get("/openapi.json").json()["paths"].items()
            for method in methods
            if path.startswith("/v1")
        ]
        assert len(operations) > 20
        for method, path in operations:
            assert locked.request(method, path).status_code == 401, (method, path)

    def test_health_and_documentation_need_no_key(self, locked: TestClient) -> None:
        for path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
            assert locked.get(path).status_code == 200

    def test_without_a_key_everyone_is_let_in(self, client: TestClient) -> None:
        assert client.get("/v1/series").status_code == 200
