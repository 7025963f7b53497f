"""What pages of other sites send is refused; programs and the service's own page are not."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings

BOARD = "https://board.example"
SERIES = {"name": "a", "kind": "generic"}


@pytest.fixture
def guarded(settings: Settings) -> Iterator[TestClient]:
    """A service that answers for two kinds of names, and for the pages of one origin."""
    own = settings.model_copy(
        update={"allowed_hosts": ("testserver", "*.lan"), "cors_origins": (BOARD,)}
    )
    with TestClient(create_app(own)) as client:
        yield client


class TestHosts:
    @pytest.mark.one_database
    @pytest.mark.parametrize("host", ["testserver", "TestServer:80", "lake.lan:8000", "a.b.lan"])
    def test_listed_names_are_answered(self, guarded: TestClient, host: str) -> None:
        assert guarded.get("/v1/series", headers={"Host": host}).status_code == 200

    @pytest.mark.one_database
    @pytest.mark.parametrize("host", ["evil.example", "lan", "testserver.evil", "", "[::1]:80"])
    def test_other_names_are_refused_with_the_setting(self, guarded: TestClient, host: str) -> None:
        answer = guarded.get("/v1/series", headers={"Host": host})
        assert answer.status_code == 400
        assert answer.json()["type"].endswith(":host-refused")
        assert "STATECAST_ALLOWED_HOSTS" in answer.json()["detail"]

    @pytest.mark.unit
    def test_without_a_key_only_names_of_this_machine_are_served(self) -> None:
        assert Settings(api_key=None).served_hosts() == ("localhost", "127.0.0.1", "::1")
        assert Settings(api_key="a").served_hosts() == ()  # type: ignore[arg-type]
        assert Settings(api_key=None, host="0.0.0.0").served_hosts() == ()  # noqa: S104

    @pytest.mark.unit
    def test_settings_are_comma_lists(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STATECAST_ALLOWED_HOSTS", "lake.example, *.lan,")
        monkeypatch.setenv("STATECAST_CORS_ORIGINS", BOARD)
        settings = Settings()
        assert settings.allowed_hosts == ("lake.example", "*.lan")
        assert settings.cors_origins == (BOARD,)


@pytest.mark.one_database
class TestOrigins:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "http://testserver:81"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_a_foreign_page_changes_nothing(
        self, guarded: TestClient, headers: dict[str, str]
    ) -> None:
        requests = [
            ("POST", "/v1/series"),
            ("POST", "/v1/series/a/uploads?create=true"),
            ("PUT", "/v1/series/a/observations"),
            ("PATCH", "/v1/series/a"),
            ("DELETE", "/v1/series/a"),
        ]
        for method, path in requests:
            answer = guarded.request(method, path, json=SERIES, headers=headers)
            assert answer.status_code == 403, (method, path)
            assert answer.json()["type"].endswith(":cross-site-refused")
        assert guarded.get("/v1/series").json()["items"] == []

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
            {"Origin": "https://testserver"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": BOARD, "Sec-Fetch-Site": "cross-site"},
        ],
    )
    def test_own_pages_programs_and_listed_origins_may_write(
        self, guarded: TestClient, headers: dict[str, str]
    ) -> None:
        assert guarded.post("/v1/series", json=SERIES, headers=headers).status_code == 201

    def test_reading_is_not_refused(self, guarded: TestClient) -> None:
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        answer = guarded.get("/v1/series", headers=headers)
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers

    def test_preflights_are_answered_for_listed_origins_only(self, guarded: TestClient) -> None:
        asked = {
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        listed = guarded.options("/v1/series/a/observations", headers={"Origin": BOARD, **asked})
        assert listed.status_code == 200
        assert listed.headers["access-control-allow-origin"] == BOARD
        assert "PUT" in listed.headers["access-control-allow-methods"]
        other = guarded.options(
            "/v1/series/a/observations", headers={"Origin": "https://evil.example", **asked}
        )
        assert "access-control-allow-origin" not in other.headers
