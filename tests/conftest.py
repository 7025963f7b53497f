"""Fixtures of the whole suite: real databases built by the migrations, and the app on them."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.access.acting import DEFAULT_PROJECT, acting_for
from app.db import Database, engine_url
from app.main import create_app
from app.migrate import migrate
from app.settings import Settings
from tests.problem_answers import ProblemAnswer, ProblemRecorder, unlisted

pytest_plugins = ["tests.kinds"]

ROOT = Path(__file__).parent.parent
POSTGRES_URL = os.environ.get(
    "STATECAST_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
IN_CI = os.environ.get("CI") == "true"


@contextmanager
def temporary_postgres_database(server: sa.URL) -> Iterator[str]:
    """A database of our own on the server, dropped at the end."""
    name = f"statecast_test_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        # Only a crash of the server itself could lose a commit, and no test does that.
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit TO off')
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


# Deleting a few rows is much faster than truncating many tables; without the triggers of
# foreign keys the order does not matter.
EMPTY_ALL_TABLES = """
DO $$
DECLARE
    name text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role TO replica;
    FOR name IN
        SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname IN ('public', 'dbos')
        AND tablename NOT IN ('alembic_version', 'dbos_migrations')
    LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
END
$$
"""


@pytest.fixture(autouse=True)
def of_the_default_project() -> Iterator[None]:
    """Tests that use the database directly act for the default project, as open access does."""
    with acting_for(DEFAULT_PROJECT):
        yield


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
    url = engine_url(POSTGRES_URL)
    probe = sa.create_engine(url, connect_args={"connect_timeout": 2}, poolclass=sa.NullPool)
    try:
        probe.connect().close()
    except sa.exc.OperationalError as error:
        if IN_CI:
            raise
        pytest.skip(f"no PostgreSQL server at {url.host}:{url.port}: {error.orig}")
    return url


@pytest.fixture(scope="session")
def postgres_database(postgres_server: sa.URL) -> Iterator[str]:
    """A migrated database of our own, emptied between tests and dropped at the end."""
    with temporary_postgres_database(postgres_server) as url:
        database = Database(url)
        migrate(database)
        database.dispose()
        yield url


@pytest.fixture(scope="session")
def empty_postgres_database(postgres_database: str) -> Iterator[Callable[[], None]]:
    """Deletes all rows but those of the migrations; connections that were left open are closed.

    Its own connection stays open: a new one has to learn all tables first.
    """
    engine = sa.create_engine(engine_url(postgres_database), pool_size=1, pool_pre_ping=True)

    def empty() -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(EMPTY_ALL_TABLES.replace("%", "%%"))

    yield empty
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty migrated database on each of the two engines, in turn."""
    if request.param == "sqlite":
        path = tmp_path / "statecast.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        empty: Callable[[], None] = request.getfixturevalue("empty_postgres_database")
        yield request.getfixturevalue("postgres_database")
        empty()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings for the fresh database, whatever the environment says.

    Files are read in the process of the tests: to start another costs half a second.
    """
    return Settings(
        database_url=database_url,
        api_key=None,
        allowed_hosts=("testserver",),
        secret_key=SecretStr("the key of the tests"),
        upload_processes=0,
    )


@pytest.fixture(scope="session")
def problem_answers() -> set[ProblemAnswer]:
    """The problems that the application has answered in the present test."""
    return set()


@pytest.fixture(scope="session")
def application(problem_answers: set[ProblemAnswer]) -> FastAPI:
    """The application, built once: to build its routes takes longer than most tests."""
    application = create_app(Settings(api_key=None, allowed_hosts=("testserver",)))
    application.add_middleware(ProblemRecorder, answers=problem_answers)
    return application


@pytest.fixture
def client(
    application: FastAPI, settings: Settings, problem_answers: set[ProblemAnswer]
) -> Iterator[TestClient]:
    """The application on the fresh database; server errors show as responses.

    Every problem that it answers must be listed for its operation in the OpenAPI document.
    """
    application.state.settings = settings
    problem_answers.clear()
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client
    assert unlisted(application, problem_answers) == []
