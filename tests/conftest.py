"""Fixtures of the whole suite: real databases built by the migrations, and the app on them."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.migrate import migrate
from app.settings import Settings

ROOT = Path(__file__).parent.parent
POSTGRES_URL = os.environ.get(
    "STATECAST_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
IN_CI = os.environ.get("CI") == "true"


@contextmanager
def temporary_postgres_database(server: sa.URL, template: str = "template1") -> Iterator[str]:
    """A database of our own on the server, dropped at the end."""
    name = f"statecast_test_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
        admin.dispose()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real public series beside the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is absent: tests on real series need it")
    return folder


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "statecast.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> sa.URL:
    """A PostgreSQL server that answers; in CI it must."""
    url = Database(POSTGRES_URL).url
    try:
        sa.create_engine(url, connect_args={"connect_timeout": 2}).connect().close()
    except sa.exc.OperationalError as error:
        if IN_CI:
            raise
        pytest.skip(f"no PostgreSQL server at {url.host}:{url.port}: {error.orig}")
    return url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: sa.URL) -> Iterator[str]:
    """The name of an empty, migrated database of our own to copy; dropped at the end."""
    with temporary_postgres_database(postgres_server) as url:
        database = Database(url)
        migrate(database)
        database.dispose()
        yield sa.make_url(url).database or ""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh migrated database on each of the two engines, in turn."""
    if request.param == "sqlite":
        path = tmp_path / "statecast.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        server = request.getfixturevalue("postgres_server")
        template = request.getfixturevalue("postgres_template")
        with temporary_postgres_database(server, template) as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings for the fresh database, whatever the environment says."""
    return Settings(database_url=database_url, api_key=None)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """The application on the fresh database; server errors show as responses."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client
