"""The audit: an entry in the transaction of every change, and none of anything else."""

from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.access import audit
from app.db import Database
from app.series.tables import Series
from tests.app.keys.conftest import OPERATOR, Headers, MakeKey
from tests.app.test_problems import check_problem


def entries(client: TestClient, headers: Headers = OPERATOR, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/audit", headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def seen(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["action"], each["resource"]) for each in found]


def create(client: TestClient, headers: Headers, name: str = "a") -> int:
    body = {"name": name, "kind": "generic"}
    return client.post("/v1/series", json=body, headers=headers).status_code


def put(client: TestClient, headers: Headers, name: str = "a") -> None:
    rows = {"columns": ["time", "y"], "rows": [["2024-01-01T00:00:00Z", 1]]}
    path = f"/v1/series/{name}/observations"
    assert client.put(path, json=rows, headers=headers).status_code == 200


class TestEntries:
    def test_every_change_has_one_with_its_key_and_resource(
        self, client: TestClient, make_key: MakeKey
    ) -> None:
        key = make_key("read", "write")
        create(client, key)
        put(client, key)
        client.delete("/v1/series/a", headers=key)
        deleted, written, created, made = entries(client)
        assert seen([deleted, written, created]) == [
            ("delete_series", "/v1/series/a"),
            ("put_observations", "/v1/series/a/observations"),
            ("create_series", "/v1/series/a"),
        ]
        key_id = key["Authorization"].split("_")[1]
        assert {each["key_id"] for each in (deleted, written, created)} == {key_id}
        assert (made["action"], made["resource"]) == ("create_key", f"/v1/keys/{key_id}")
        assert made["key_id"] == "bootstrap"
        assert {each["project"] for each in (deleted, written, created, made)} == {"default"}
        assert created["time"] <= written["time"] <= deleted["time"]

    def test_what_is_refused_or_only_read_has_none(
        self, client: TestClient, make_key: MakeKey
    ) -> None:
        reader, writer = make_key("read"), make_key("write")
        create(client, writer)
        before = entries(client)
        assert create(client, reader) == 403
        assert create(client, writer) == 409
        assert client.delete("/v1/series/none", headers=writer).status_code == 404
        assert client.get("/v1/series", headers=reader).status_code == 200
        assert entries(client) == before

    def test_a_repeated_request_changes_nothing_and_has_none(
        self, client: TestClient, make_key: MakeKey
    ) -> None:
        key = {**make_key("write"), "Idempotency-Key": "once"}
        assert create(client, key) == create(client, key) == 201
        assert seen(entries(client)).count(("create_series", "/v1/series/a")) == 1

    def test_it_is_stored_if_and_only_if_the_change_is(
        self, client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = "INSERT INTO no_such_table VALUES (1)"
        monkeypatch.setattr(audit, "_insert", lambda _: broken)
        assert create(client, OPERATOR) >= 500
        with database.reading() as session:
            assert session.scalars(sa.select(Series)).all() == []
        monkeypatch.undo()
        assert entries(client) == []

    def test_an_upload_in_another_process_has_one_too(
        self, client: TestClient, make_key: MakeKey
    ) -> None:
        client.app.state.file_processes.settings = client.app.state.settings.model_copy(
            update={"upload_processes": 1}
        )
        key = make_key("write", project="shop")
        days = "".join(f"{1900 + n // 12}-{n % 12 + 1:02}-01,{n}\n" for n in range(9000))
        answer = client.post(
            "/v1/series/far/uploads?create=true", content=f"time,y\n{days}", headers=key
        )
        assert answer.status_code == 201, answer.text
        assert ("upload_file", "/v1/series/far/uploads") in seen(entries(client, project="shop"))

    def test_the_request_id_is_that_of_the_request(self, client: TestClient) -> None:
        create(client, {**OPERATOR, "X-Request-ID": "order-7"})
        (entry,) = entries(client, request_id="order-7")
        assert entry["request_id"] == "order-7"
        assert entries(client, request_id="order-8") == []


class TestList:
    def test_pages_and_filters(self, client: TestClient, make_key: MakeKey) -> None:
        writer, other = make_key("write"), make_key("write", project="shop")
        for name in ("a", "b"):
            create(client, writer, name)
        create(client, other, "a")
        all_of = entries(client)
        page = client.get("/v1/audit?limit=2", headers=OPERATOR).json()
        assert page["items"] == all_of[:2]
        rest = client.get(f"/v1/audit?cursor={page['next']}", headers=OPERATOR).json()
        assert rest["items"] == all_of[2:]
        assert seen(entries(client, resource="/v1/series/b")) == [("create_series", "/v1/series/b")]
        assert len(entries(client, action="create_series")) == 3
        assert len(entries(client, project="shop")) == 2
        assert len(entries(client, key=writer["Authorization"].split("_")[1])) == 2
        assert entries(client, start=all_of[0]["time"]) == all_of[:1]
        assert entries(client, end=all_of[0]["time"]) == all_of[1:]

    def test_a_key_sees_its_project_only(self, client: TestClient, make_key: MakeKey) -> None:
        create(client, OPERATOR)
        admin = make_key("admin", project="shop")
        assert seen(entries(client, admin)) == [
            ("create_key", f"/v1/keys/{admin['Authorization'].split('_')[1]}")
        ]
        assert entries(client, admin, project="default") == []

    @pytest.mark.one_database
    def test_unknown_filters_are_refused(self, client: TestClient) -> None:
        check_problem(client.get("/v1/audit?who=me", headers=OPERATOR), 422)
