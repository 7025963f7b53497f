"""A service with a key of its settings, and keys of projects."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.settings import Settings

OPERATOR = {"Authorization": "Bearer the operator's own"}

Headers = dict[str, str]
MakeKey = Callable[..., Headers]


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings with a key, which may make others."""
    key = SecretStr("the operator's own")
    return Settings(database_url=database_url, api_key=key, upload_processes=0)


@pytest.fixture
def make_key(client: TestClient) -> MakeKey:
    """Makes a key and gives the headers that send it."""

    def make(*scopes: str, project: str = "default") -> Headers:
        body = {"name": "made", "scopes": scopes, "project": project}
        answer = client.post("/v1/keys", json=body, headers=OPERATOR)
        assert answer.status_code == 201, answer.text
        return bearer(answer.json()["secret"])

    return make


def bearer(secret: str) -> Headers:
    return {"Authorization": f"Bearer {secret}"}
