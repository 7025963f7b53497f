"""Every error is problem details, whatever raised it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from httpx2 import Response

from app.health import healthz
from app.main import create_app
from app.settings import Settings


def check_problem(answer: Response, status: int) -> dict[str, Any]:
    """Assert the form of RFC 9457 and give the body back."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail"} <= set(body)
    assert body["status"] == status
    return body


@contextmanager
def renamed(client: TestClient, table: str) -> Iterator[None]:
    """Take a table away for a while, as a database of another release would lack it."""
    names = (table, f"{table}_away")
    for old, new in (names, names[::-1]):
        with client.app.state.database.transaction() as session:
            session.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))
        if old == table:
            yield


class TestClientErrors:
    def test_an_unknown_path_is_404(self, client: TestClient) -> None:
        check_problem(client.get("/v1/nothing"), 404)

    def test_a_wrong_method_is_405_and_says_what_is_allowed(self, client: TestClient) -> None:
        answer = client.put("/v1/models", json={})
        check_problem(answer, 405)
        assert "allow" in answer.headers

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "path",
        [
            "/v1/series/none",
            "/v1/series/none/uploads",
            "/v1/series/none/observations",
            "/v1/series/none/quality",
            "/v1/models/none",
            "/v1/models/none/versions",
            "/v1/models/none/aliases",
            "/v1/models/none/versions/1",
            "/v1/models/none/versions/1/history",
            "/v1/models/none/versions/latest/artefact",
            "/v1/models/none/forecasts/latest",
            "/v1/jobs/none",
            "/v1/jobs/none/events",
            "/v1/forecasts/none",
        ],
    )
    def test_an_unknown_thing_is_404(self, client: TestClient, path: str) -> None:
        body = check_problem(client.get(path), 404)
        assert "none" in str(body["detail"])

    @pytest.mark.one_database
    @pytest.mark.parametrize("path", ["/v1/models", "/v1/series", "/v1/jobs", "/v1/forecasts"])
    @pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "cursor=%00"])
    def test_a_bad_page_is_422_with_a_pointer(
        self, client: TestClient, path: str, query: str
    ) -> None:
        body = check_problem(client.get(f"{path}?{query}"), 422)
        assert body["errors"][0]["pointer"] == f"/query/{query.split('=', maxsplit=1)[0]}"

    @pytest.mark.parametrize(
        "path",
        [
            f"/v1/forecasts?version={10**30}",
            f"/v1/series/a/uploads/{10**30}",
            f"/v1/series/a/observations?as_of_revision={10**30}",
            f"/v1/models/a/versions/{10**30}",
            "/v1/models/%00",
            "/v1/models/%00/aliases",
            "/v1/models/a/versions/%00",
            "/v1/series/%00",
            "/v1/jobs/%00",
            "/v1/forecasts/%00",
            "/v1/forecasts?model=%00",
            "/v1/jobs?model=%00",
            "/v1/models?cursor=MTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA",
            "/v1/forecasts?cursor=MTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA",
        ],
    )
    def test_a_value_that_no_database_holds_is_the_client_s_fault(
        self, client: TestClient, path: str
    ) -> None:
        assert client.get(path).status_code in (200, 404, 422)

    def test_broken_json_is_422(self, client: TestClient) -> None:
        headers = {"Content-Type": "application/json"}
        check_problem(client.post("/v1/models", content=b'{"name": ', headers=headers), 422)

    def test_a_body_over_the_limit_is_413(self, settings: Settings) -> None:
        small = settings.model_copy(update={"body_limit_bytes": 1000})
        with TestClient(create_app(small)) as client:
            check_problem(client.post("/v1/models", json={"name": "x" * 1000}), 413)


class TestLiveness:
    def test_it_needs_no_thread_of_the_pool(self) -> None:
        assert asyncio.run(healthz()).status == "ok"


class TestServerErrors:
    def test_an_unmigrated_database_is_503_on_readiness(self, settings: Settings) -> None:
        with TestClient(create_app(settings)) as client, renamed(client, "alembic_version"):
            answer = client.get("/readyz")
        body = check_problem(answer, 503)
        assert "statecast migrate" in str(body["detail"])
        assert answer.headers["retry-after"] == "2"

    def test_tables_that_are_not_there_are_503(self, client: TestClient) -> None:
        with renamed(client, "models"):
            check_problem(client.get("/v1/models"), 503)
        assert client.get("/v1/models").status_code == 200

    def test_a_postgresql_server_that_is_gone_is_503_and_comes_back(
        self, settings: Settings, client: TestClient, postgres_server: sa.URL
    ) -> None:
        if settings.database_url.startswith("sqlite"):
            pytest.skip("SQLite has no server that could stop")
        name = sa.make_url(settings.database_url).database
        admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            connection.exec_driver_sql(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            check_problem(client.get("/v1/models"), 503)
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        admin.dispose()
        assert client.get("/v1/models").status_code == 200

    def test_a_locked_sqlite_database_is_503_with_retry_after(self, settings: Settings) -> None:
        if not settings.database_url.startswith("sqlite"):
            pytest.skip("one writer at a time is SQLite's rule; PostgreSQL locks rows")
        hurried = settings.model_copy(update={"database_timeout_seconds": 0.1})
        with TestClient(create_app(hurried)) as client:
            body = {"name": "a", "kind": "generic"}
            with client.app.state.database.transaction():
                answer = client.post("/v1/series", json=body)
            check_problem(answer, 503)
            assert answer.headers["retry-after"] == "2"
            assert client.post("/v1/series", json=body).status_code == 201
