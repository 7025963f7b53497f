"""Limits of requests, rows, jobs and bytes: 429 with the time to wait."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from app.access.acting import acting_for
from app.db import Database
from app.jobs import service as jobs
from app.keys import quotas
from app.keys.quotas import stored_bytes
from app.keys.rates import CountsInMemory
from app.main import create_app
from app.settings import Settings
from tests.app.conftest import SPEC, Trainer, weekly_rows
from tests.app.keys.conftest import OPERATOR, Headers, bearer
from tests.app.test_problems import check_problem

ROW = {"columns": ["time", "y"], "rows": [["2024-01-01T00:00:00Z", 1]]}
TRAINING = {"name": "m", "series": "weekly", "spec": SPEC}


@pytest.fixture
def limited(settings: Settings) -> Iterator[Any]:
    """Starts the application with limits."""
    clients = []

    def start(**limits: int) -> TestClient:
        changed = settings.model_copy(update=limits)
        client = TestClient(create_app(changed), raise_server_exceptions=False)
        clients.append(client)
        return client.__enter__()

    yield start
    for client in clients:
        client.__exit__(None, None, None)


def key_of(client: TestClient, project: str) -> Headers:
    body = {"name": "k", "scopes": ["admin"], "project": project}
    return bearer(client.post("/v1/keys", json=body, headers=OPERATOR).json()["secret"])


def check_limit(answer: Response, slug: str, limit: int) -> dict[str, Any]:
    problem = check_problem(answer, 429)
    assert problem["type"] == f"urn:statecast:problem:{slug}"
    assert answer.headers["RateLimit-Limit"] == str(limit)
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert answer.headers["RateLimit-Reset"] == answer.headers["Retry-After"]
    assert 0 < int(answer.headers["Retry-After"]) <= 86_400
    return problem


def fill(client: TestClient, headers: Headers, rows: int) -> Response:
    client.post("/v1/series", json={"name": "weekly", "kind": "generic"}, headers=headers)
    body = {"columns": ["time", "y"], "rows": weekly_rows(0, rows)}
    return client.put("/v1/series/weekly/observations", json=body, headers=headers)


@pytest.mark.one_database
class TestRequests:
    def test_each_key_has_its_own_number_of_requests(self, limited: Any) -> None:
        client = limited(limit_requests_per_minute=3)
        other = key_of(client, "shop")
        answers = [client.get("/v1/series", headers=OPERATOR) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        check_limit(answers[-1], "request-limit-reached", 3)
        assert client.get("/v1/series", headers=other).status_code == 200

    def test_those_without_a_key_are_counted_by_address(self, limited: Any) -> None:
        client = limited(limit_requests_per_minute=2)
        answers = [client.get("/v1/series").status_code for _ in range(3)]
        assert answers == [401, 401, 429]
        assert client.get("/v1/series", headers=OPERATOR).status_code == 200

    def test_zero_is_no_limit(self, limited: Any) -> None:
        client = limited(limit_requests_per_minute=0)
        assert client.get("/v1/series", headers=OPERATOR).status_code == 200

    def test_counts_end_and_make_room_for_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 1000.0
        monkeypatch.setattr("app.keys.rates.time.time", lambda: now)
        counts = CountsInMemory()
        for number in range(CountsInMemory.FIRST_CLEANING):
            assert counts.incr(str(number), 60) == 1
        assert counts.incr("0", 60) == 2
        now += 61
        assert (counts.get("0"), counts.incr("0", 60)) == (0, 1)
        assert counts.reset() == 1


class TestRows:
    def test_a_project_writes_so_many_rows_a_day(
        self, limited: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quotas, "ROWS_SECONDS", -1.0)
        client = limited(limit_rows_per_day=50)
        shop, other = key_of(client, "shop"), key_of(client, "other")
        assert fill(client, shop, 30).status_code == 200
        assert fill(client, shop, 55).status_code == 200
        problem = check_limit(fill(client, shop, 60), "row-limit-reached", 50)
        assert "55 rows" in problem["detail"] or "85 rows" in problem["detail"]
        upload = client.post("/v1/series/weekly/uploads", content=b"time,y\n", headers=shop)
        check_limit(upload, "row-limit-reached", 50)
        assert client.get("/v1/series/weekly", headers=shop).status_code == 200
        assert fill(client, other, 10).status_code == 200


class TestJobs:
    def test_a_project_has_so_many_jobs_in_the_queue(
        self, limited: Any, database: Database
    ) -> None:
        client = limited(limit_queued_jobs=2)
        shop, other = key_of(client, "shop"), key_of(client, "other")
        for headers in (shop, other):
            fill(client, headers, 300)
        with acting_for("shop"), database.transaction() as session:
            for _ in range(2):
                jobs.enqueue(session, "clean", {"model": None})
        refused = client.post("/v1/models", json=TRAINING, headers=shop)
        check_limit(refused, "job-limit-reached", 2)
        assert client.post("/v1/models", json=TRAINING, headers=other).status_code == 202


class TestBytes:
    def test_a_project_stores_so_many_bytes(
        self, limited: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quotas, "BYTES_SECONDS", -1.0)
        client = limited(limit_bytes=4_800)
        shop, other = key_of(client, "shop"), key_of(client, "other")
        assert fill(client, shop, 100).status_code == 200  # 100 rows of 40 + 8 bytes
        check_limit(fill(client, shop, 101), "byte-limit-reached", 4_800)
        assert client.delete("/v1/series/weekly", headers=shop).status_code == 204
        assert fill(client, shop, 50).status_code == 200
        assert fill(client, other, 50).status_code == 200

    def test_bundles_count(self, client: TestClient, trainer: Trainer, database: Database) -> None:
        fill(client, OPERATOR, 300)
        job = client.post("/v1/models", json=TRAINING, headers=OPERATOR).json()["job"]["id"]
        trainer.finish(job)
        with database.reading() as session:
            size = stored_bytes(session)
            with acting_for("other"):
                assert stored_bytes(session) == 0
        bundle = client.get("/v1/models/m/versions/1/artefact", headers=OPERATOR).content
        assert size == 300 * 48 + len(bundle)
