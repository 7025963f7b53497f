"""Keys over HTTP: made, shown once, listed, rotated, revoked, and what they open."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database, utc_now
from app.keys import authentication
from app.keys.secrets import Secret
from app.keys.service import note_use
from app.keys.tables import ApiKey
from app.main import create_app
from app.settings import Settings
from tests.app.keys.conftest import OPERATOR, Headers, MakeKey, bearer
from tests.app.test_problems import check_problem


def make(client: TestClient, headers: Headers = OPERATOR, **fields: Any) -> dict[str, Any]:
    answer = client.post(
        "/v1/keys", json={"name": "board", "scopes": ["read"], **fields}, headers=headers
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def status(client: TestClient, headers: Headers) -> int:
    return client.get("/v1/series", headers=headers).status_code


def change_key(database: Database, key_id: str, **values: Any) -> None:
    with database.transaction() as session:
        session.execute(sa.update(ApiKey).where(ApiKey.id == key_id).values(**values))


@pytest.fixture
def other_process(settings: Settings) -> Iterator[TestClient]:
    """A second web process on the same database."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(authentication, "time", clock)
    return clock


class TestNewKey:
    def test_its_secret_is_shown_once_and_opens_the_service(self, client: TestClient) -> None:
        made = make(client)
        assert re.fullmatch(rf"sc_{made['id']}_[\w-]{{43}}", made["secret"])
        assert made["prefix"] == f"sc_{made['id']}"
        assert status(client, bearer(made["secret"])) == 200
        (listed,) = client.get("/v1/keys", headers=OPERATOR).json()["items"]
        used = {"last_used_at": listed["last_used_at"]}
        assert {**listed, "secret": made["secret"], **used} == {**made, **used}
        assert made["secret"] not in str(listed)

    def test_only_a_hash_of_it_is_stored(self, client: TestClient, database: Database) -> None:
        secret = make(client)["secret"].rsplit("_", 1)[1]
        with database.engine.connect() as connection:
            rows = [
                str(row)
                for name in ("api_keys", "audit", "idempotency_keys")
                for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')
            ]
        assert rows
        assert not any(secret in row for row in rows)

    @pytest.mark.one_database
    def test_neither_its_parts_nor_its_answer_show_it_by_accident(self) -> None:
        secret = Secret.new()
        assert secret.secret not in repr(secret)
        assert Secret.parse(secret.shown) == secret

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"scopes": []}, "/scopes"),
            ({"scopes": ["own"]}, "/scopes/0"),
            ({"name": ""}, "/name"),
            ({"name": "a\x00b"}, "/name"),
            ({"project": "no spaces"}, "/project"),
            ({"expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
            ({"expires_at": "2101-01-01T00:00:00"}, "/expires_at"),
            ({"secret": "mine"}, "/secret"),
        ],
    )
    def test_what_it_cannot_be_is_refused(
        self, client: TestClient, fields: dict[str, Any], pointer: str
    ) -> None:
        body = {"name": "board", "scopes": ["read"], **fields}
        problem = check_problem(client.post("/v1/keys", json=body, headers=OPERATOR), 422)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]

    def test_a_key_makes_keys_of_its_own_project_only(
        self, client: TestClient, make_key: MakeKey
    ) -> None:
        admin = make_key("admin", project="shop")
        assert make(client, admin)["project"] == "shop"
        body = {"name": "x", "scopes": ["read"], "project": "default"}
        problem = check_problem(client.post("/v1/keys", json=body, headers=admin), 403)
        assert problem["type"].endswith(":other-project")


class TestEnd:
    def test_a_revoked_key_is_refused_at_once_and_no_longer_listed(
        self, client: TestClient
    ) -> None:
        made = make(client)
        headers = bearer(made["secret"])
        assert status(client, headers) == 200
        assert client.delete(f"/v1/keys/{made['id']}", headers=OPERATOR).status_code == 204
        assert status(client, headers) == 401
        assert client.get("/v1/keys", headers=OPERATOR).json()["items"] == []
        check_problem(client.delete(f"/v1/keys/{made['id']}", headers=OPERATOR), 404)

    def test_other_processes_refuse_it_within_a_second_and_a_half(
        self, client: TestClient, other_process: TestClient, clock: Clock
    ) -> None:
        made = make(client)
        headers = bearer(made["secret"])
        assert status(other_process, headers) == 200
        client.delete(f"/v1/keys/{made['id']}", headers=OPERATOR)
        clock.now += 1.5
        assert status(other_process, headers) == 401

    def test_an_expired_key_is_refused_and_says_so(
        self, client: TestClient, database: Database, clock: Clock
    ) -> None:
        made = make(client, expires_at="2100-01-01T00:00:00Z")
        headers = bearer(made["secret"])
        assert status(client, headers) == 200
        change_key(database, made["id"], expires_at=utc_now())
        clock.now += 1.5
        problem = check_problem(client.get("/v1/series", headers=headers), 401)
        assert "expired" in problem["detail"]

    @pytest.mark.parametrize("change", ["", "x", "-"])
    def test_a_wrong_secret_of_a_known_key_is_refused(
        self, client: TestClient, change: str
    ) -> None:
        secret = make(client)["secret"]
        wrong = f"{secret[:-1]}{change}" if change != secret[-1] else secret[:-2]
        assert status(client, bearer(wrong)) == 401


class TestRotation:
    def test_both_keys_work_until_the_old_one_ends(
        self, client: TestClient, database: Database, clock: Clock
    ) -> None:
        old = make(client, scopes=["read", "train"], project="shop")
        answer = client.post(
            f"/v1/keys/{old['id']}:rotate", json={"overlap_seconds": 60}, headers=OPERATOR
        )
        assert answer.status_code == 201
        new = answer.json()
        same = ("name", "scopes", "project", "expires_at")
        assert {name: new[name] for name in same} == {name: old[name] for name in same}
        assert new["id"] != old["id"]
        both = [bearer(old["secret"]), bearer(new["secret"])]
        assert [status(client, headers) for headers in both] == [200, 200]
        with database.reading() as session:
            ends_at = session.get_one(ApiKey, old["id"]).expires_at
        assert ends_at is not None
        assert timedelta(0) < ends_at - utc_now() <= timedelta(seconds=60)
        change_key(database, old["id"], expires_at=utc_now())
        clock.now += 1.5
        assert [status(client, headers) for headers in both] == [401, 200]

    def test_an_overlap_never_makes_a_key_live_longer(self, client: TestClient) -> None:
        ends_at = (utc_now() + timedelta(hours=1)).isoformat()
        old = make(client, expires_at=ends_at)
        client.post(f"/v1/keys/{old['id']}:rotate", headers=OPERATOR)
        listed = client.get("/v1/keys", headers=OPERATOR).json()["items"]
        assert old["expires_at"] in {key["expires_at"] for key in listed}


class TestLastUse:
    def test_it_is_stored(self, client: TestClient, settings: Settings, database: Database) -> None:
        made = make(client)
        with TestClient(create_app(settings)) as other:
            assert status(other, bearer(made["secret"])) == 200
        with database.reading() as session:
            assert session.get_one(ApiKey, made["id"]).last_used_at is not None

    def test_it_is_stored_at_most_once_a_minute(
        self, client: TestClient, database: Database
    ) -> None:
        key_id, first, minute = make(client)["id"], utc_now(), timedelta(minutes=1)
        for later, stored in ((0, 0), (59, 0), (60, 60), (61, 60)):
            note_use(database, key_id, first + timedelta(seconds=later), minute)
            with database.reading() as session:
                used = session.get_one(ApiKey, key_id).last_used_at
            assert used == first + timedelta(seconds=stored)


class TestOpenAccess:
    @pytest.fixture
    def settings(self, database_url: str) -> Settings:
        return Settings(
            database_url=database_url,
            api_key=None,
            allowed_hosts=("testserver",),
            upload_processes=0,
        )

    def test_it_ends_with_the_first_key(
        self, client: TestClient, other_process: TestClient, clock: Clock
    ) -> None:
        assert status(client, {}) == status(other_process, {}) == 200
        admin = make(client, {}, scopes=["admin"])
        clock.now += 1.5
        assert status(client, {}) == status(other_process, {}) == 401
        assert status(other_process, bearer(admin["secret"])) == 200

    def test_it_does_not_come_back_with_the_end_of_the_last_key(
        self, client: TestClient, clock: Clock
    ) -> None:
        admin = make(client, {}, scopes=["admin"])
        client.delete(f"/v1/keys/{admin['id']}", headers=bearer(admin["secret"]))
        clock.now += 1.5
        assert status(client, {}) == 401
