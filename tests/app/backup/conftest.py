"""A service that has done a bit of everything, and new databases to restore its backup into."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Base, Database
from app.main import create_app
from app.settings import Settings
from tests.app.conftest import ROWS, SPEC, put_rows, weekly_rows
from tests.conftest import temporary_postgres_database

# What is written while it is restored, or not in a backup.
OF_ONE_DATABASE = {"workers"}
NEW_SERIES = """
    INSERT INTO series (name, kind, description, timezone, cadence_is_given, calendar,
                        calendar_is_given, channels, revision, rows, created_at)
    VALUES (:name, 'generic', '', 'UTC', false, 'continuous', false, '[]', 0, :rows, 0)
"""
NewDatabase = Callable[[str], Database]


def silent(_: str) -> None:
    """Ignore the progress."""


def add_series(database: Database, name: str, *, rows: int = 0) -> None:
    """Add a series with the columns that all revisions have, whichever the database is at."""
    with database.transaction() as session:
        session.execute(sa.text(NEW_SERIES), {"name": name, "rows": rows})


@pytest.fixture
def filled(client: TestClient, deployed: str) -> str:
    """The champion of a series with uploads, revisions, forecasts, scores, a schedule and jobs."""
    file = {"file": ("more.csv", b"time,y\n1999-12-25T00:00:00Z,9.5\n1999-12-18T00:00:00Z,x\n")}
    assert client.post("/v1/series/weekly/uploads", files=file).status_code in (200, 201)
    for week in range(ROWS, ROWS + 6):
        put_rows(client, weekly_rows(week, 1))
    put_rows(client, [[weekly_rows(ROWS, 1)[0][0], 12.5]])
    model = f"/v1/models/{deployed}"
    schedule = {"cron": "0 3 * * mon", "timezone": "UTC"}
    webhook = {"url": "https://93.184.215.14/hook", "events": ["forecast.issued"]}
    for path, body in ((f"{model}/schedules", schedule), ("/v1/webhooks", webhook)):
        answer = client.post(path, json=body)
        assert answer.status_code == 201, answer.text
    assert client.post(f"{model}/forecasts").is_success
    assert client.post(f"{model}/backtests", json={"origins": {"every": 13}}).status_code == 202
    assert client.post(f"{model}/checks").status_code == 202
    space = {"/layers/0/units": {"type": "int", "low": 2, "high": 4}}
    search = {"method": "random", "trials": 2, "space": space}
    study = {"name": "searched", "series": "weekly", "search": search}
    answer = client.post("/v1/studies", json={**study, "spec": SPEC})
    assert answer.status_code == 202, answer.text
    return deployed


@pytest.fixture
def new_database(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[NewDatabase]:
    """Makes an empty database of a kind; it has no tables yet."""
    opened: list[Any] = []

    def make(kind: str) -> Database:
        if kind == "sqlite":
            database = Database(f"sqlite:///{tmp_path}/new.db")
        else:
            temporary = temporary_postgres_database(request.getfixturevalue("postgres_server"))
            database = Database(temporary.__enter__())
            opened.append(temporary)
        opened.append(database)
        return database

    yield make
    for each in reversed(opened):
        if isinstance(each, Database):
            each.dispose()
        else:
            each.__exit__(None, None, None)


@contextmanager
def service_on(database: Database) -> Iterator[TestClient]:
    """The application on a database."""
    url = database.url.render_as_string(hide_password=False)
    hosts = ("testserver",)
    application = create_app(Settings(database_url=url, allowed_hosts=hosts, upload_processes=0))
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


def contents(database: Database) -> dict[str, list[Any]]:
    """All rows of all tables of the application, as the application reads them."""
    with database.reading() as session:
        return {
            table.name: [
                [_plain(value) for value in row]
                for row in session.connection().execute(
                    sa.select(table).order_by(*table.primary_key.columns)
                )
            ]
            for table in Base.metadata.sorted_tables
            if table.name not in OF_ONE_DATABASE
        }


def _plain(value: Any) -> Any:
    return [str(each) for each in value] if isinstance(value, np.ndarray) else value
