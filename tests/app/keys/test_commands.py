"""`statecast keys` on the database, without a server."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from fastapi.testclient import TestClient

from app.cli import main
from app.settings import get_settings
from tests.app.keys.conftest import OPERATOR, bearer


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    monkeypatch.setenv("STATECAST_DATABASE_URL", database_url)
    monkeypatch.delenv("STATECAST_API_KEY", raising=False)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments])


def create(*arguments: str) -> str:
    done = run("create", "board", *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


class TestCommands:
    def test_a_key_is_made_listed_and_revoked(self, client: TestClient) -> None:
        secret = create("--scope", "read", "--scope", "write", "--project", "shop", "--days", "9")
        key_id = secret.split("_")[1]
        assert client.get("/v1/series", headers=bearer(secret)).status_code == 200
        (made,) = client.get("/v1/keys", headers=OPERATOR).json()["items"]
        assert (made["scopes"], made["project"]) == (["read", "write"], "shop")
        assert made["expires_at"] is not None
        listed = run("list").stdout
        assert f"{key_id}  shop  board  read,write" in listed
        assert secret not in listed
        assert run("revoke", key_id).exit_code == 0
        assert run("list").stdout == ""
        again = run("revoke", key_id)
        assert (again.exit_code, f"no key '{key_id}'" in again.output) == (1, True)

    def test_what_it_does_is_in_the_audit(self, client: TestClient) -> None:
        key_id = create("--scope", "admin").split("_")[1]
        (entry,) = client.get("/v1/audit", headers=OPERATOR).json()["items"]
        assert (entry["user"], entry["action"], entry["resource"]) == (
            "command line",
            "create_key",
            f"/v1/keys/{key_id}",
        )

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "arguments",
        [["board"], ["board", "--scope", "own"], ["board", "--scope", "read", "--project", " "]],
    )
    def test_a_wrong_argument_is_refused(self, arguments: list[str]) -> None:
        assert run("create", *arguments).exit_code == 2


@pytest.mark.one_database
class TestFirstKey:
    def test_it_makes_the_database_that_a_server_would_make(
        self, monkeypatch: pytest.MonkeyPatch, database_url: str
    ) -> None:
        url = database_url.replace("statecast.db", "folder/new.db")
        monkeypatch.setenv("STATECAST_DATABASE_URL", url)
        get_settings.cache_clear()
        assert create("--scope", "admin").startswith("sc_")

    def test_a_network_address_needs_a_key_and_any_of_the_three_will_do(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("uvicorn.run", lambda *_, **__: None)
        refused = CliRunner().invoke(main, ["web", "--host", "192.0.2.1"])
        assert "statecast keys create" in refused.output
        create("--scope", "admin")
        assert CliRunner().invoke(main, ["web", "--host", "192.0.2.1"]).exit_code == 0
