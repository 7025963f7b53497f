"""A disk without room, and a file that takes no writes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from app.db import RESERVE_BYTES, Database, DiskReserve
from app.main import create_app
from app.migrate import migrate
from app.settings import Settings
from tests.app.test_problems import check_problem

ROWS = [[f"2020-01-{1 + i // 24:02d}T{i % 24:02d}:00:00Z", i % 97 / 7] for i in range(700)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield disk
    unmount = ["umount", "-l", str(disk)]
    subprocess.run(unmount, check=True)


def serving(path: Path) -> FastAPI:
    """The service on a new SQLite file."""
    url = f"sqlite:///{path}"
    database = Database(url)
    migrate(database)
    database.dispose()
    return create_app(Settings(database_url=url, allowed_hosts=("testserver",), upload_processes=0))


def create(client: TestClient, name: str) -> Response:
    body = {"name": name, "kind": "generic", "channels": [{"name": "v"}]}
    return client.post("/v1/series", json=body)


def write(client: TestClient, name: str) -> Response:
    body = {"columns": ["time", "v"], "rows": ROWS}
    return client.put(f"/v1/series/{name}/observations", json=body)


def fill(client: TestClient) -> Response:
    """Write new series until there is no room, and return the answer to the last request."""
    for number in range(5000):
        for answer in (create(client, f"s{number}"), write(client, f"s{number}")):
            if answer.status_code not in (200, 201):
                return answer
    raise AssertionError("the disk is larger than it should be")


@pytest.mark.slow
def test_on_a_full_disk_a_deletion_makes_room_and_readiness_says_so(small_disk: Path) -> None:
    with TestClient(serving(small_disk / "db.sqlite")) as client:
        check_problem(fill(client), 507)
        assert "disk of the database is full" in check_problem(client.get("/readyz"), 503)["detail"]
        assert client.get("/v1/series/s0").status_code == 200
        assert client.delete("/v1/series/s0").status_code == 204
        assert client.get("/readyz").status_code == 200
        assert create(client, "after").status_code == 201


class TestReadOnlyFile:
    def test_a_write_is_503_with_the_reason_and_reading_works(self, tmp_path: Path) -> None:
        path = tmp_path / "db.sqlite"
        with TestClient(serving(path)) as client:
            database: Database = client.app.state.database  # type: ignore[attr-defined]

            @sa.event.listens_for(database.engine, "checkout")
            def read_only(connection: Any, *_: Any) -> None:
                connection.execute("PRAGMA query_only=ON")

            answer = create(client, "s")
            assert "takes no writes" in check_problem(answer, 503)["detail"]
            assert answer.headers["retry-after"] == "2"
            assert client.get("/v1/series").status_code == 200


class TestReserve:
    def test_it_is_made_once_and_given_up(self, tmp_path: Path) -> None:
        reserve = DiskReserve(str(tmp_path / "db"))
        file = tmp_path / "db-reserve"
        reserve.make()
        reserve.make()
        assert file.stat().st_size == RESERVE_BYTES
        assert not reserve.is_needed()
        reserve.give_up()
        reserve.give_up()
        assert not file.exists()
