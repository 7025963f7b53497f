"""Databases that are new, that the release before made, and that are too old."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.db import Base, Database
from app.jobs.tables import Job
from app.migrate import (
    COMMIT_WITH_REPLACED,
    LAST_REPLACED,
    REPLACED,
    RevisionNotSupported,
    is_current,
    migrate,
    newest,
)
from app.registry.tables import Model
from app.series.tables import Series
from app.settings import Settings
from app.version import VERSION
from tests.app.conftest import put_rows
from tests.app.test_problems import check_problem
from tests.conftest import temporary_postgres_database
from tests.fixtures.before_0001 import contents
from tests.fixtures.before_0001.contents import HINT, MODEL, SERIES, facts, known_part


def set_revision(database: Database, revision: str) -> None:
    with database.transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = :new"), {"new": revision})


def stored_revision(database: Database) -> str | None:
    with database.reading() as session:
        found: str | None = session.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return found


def current(database: Database) -> bool:
    with database.reading() as session:
        return is_current(session.connection())


def storage(database: Database) -> list[Any]:
    """How PostgreSQL stores long values of our columns."""
    if database.is_sqlite:
        return []
    statement = sa.text(
        "SELECT attrelid::regclass::text, attname, attstorage FROM pg_attribute "
        "JOIN pg_class ON pg_class.oid = attrelid "
        "WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND relkind = 'r' ORDER BY 1, 2"
    )
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(statement)]


def tables(database: Database) -> dict[str, dict[str, Any]]:
    """What the database says of our tables; the order of columns counts."""
    inspector = sa.inspect(database.engine)
    names = set(inspector.get_table_names())
    return {
        name: {
            "columns": [str(column) for column in inspector.get_columns(name)],
            "key": inspector.get_pk_constraint(name),
            "references": sorted(inspector.get_foreign_keys(name), key=str),
            "unique": sorted(inspector.get_unique_constraints(name), key=str),
            "checks": sorted(inspector.get_check_constraints(name), key=str),
            "indexes": sorted(inspector.get_indexes(name), key=str),
            "options": inspector.get_table_options(name),
        }
        for name in Base.metadata.tables
        if name in names
    }


def rows(database: Database, widths: dict[str, int]) -> dict[str, list[Any]]:
    """What our tables hold in their first columns."""
    with database.engine.connect() as connection:
        return {
            name: sorted(
                repr(tuple(row)[:width])
                for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')
            )
            for name, width in widths.items()
        }


def widths(found: dict[str, dict[str, Any]]) -> dict[str, int]:
    """The number of columns of each table."""
    return {name: len(one["columns"]) for name, one in found.items()}


# What `0006_keys` changes of tables that were there: names are unique within a project now.
CHANGED = {
    "series": {"unique", "indexes"},
    "models": {"unique", "indexes"},
    "idempotency_keys": {"key", "columns"},
    "series_revisions": {"indexes"},
}


def unchanged_parts(
    found: dict[str, dict[str, Any]], earlier: dict[str, int]
) -> dict[str, dict[str, Any]]:
    """The tables as they were, if columns were added at their ends only."""
    return {
        name: {
            part: each[: earlier[name]] if part == "columns" else each
            for part, each in one.items()
            if part not in CHANGED.get(name, ())
        }
        for name, one in found.items()
        if name in earlier
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database that the release before `0001_initial` made and filled."""
    if request.param == "sqlite":
        contents.write_sqlite_file(tmp_path / "earlier.db")
        database = Database(f"sqlite:///{tmp_path / 'earlier.db'}")
        yield database
        database.dispose()
        return
    with temporary_postgres_database(request.getfixturevalue("postgres_server")) as url:
        contents.fill_postgres_database(url)
        database = Database(url)
        yield database
        database.dispose()


@pytest.fixture
def earlier_client(application: FastAPI, earlier: Database) -> Iterator[TestClient]:
    """The application on the earlier database, which it finds as it is."""
    url = earlier.url.render_as_string(hide_password=False)
    application.state.settings = Settings(database_url=url, api_key=None, upload_processes=0)
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def at_revision(database: Database) -> Iterator[Callable[[str], None]]:
    """Says that the empty database stands at another revision; the tables stay."""
    yield lambda revision: set_revision(database, revision)
    set_revision(database, newest())


def read_forecast(client: TestClient, key: str, expected: dict[str, Any]) -> Any:
    return known_part(client.get(f"/v1/forecasts/{key}").json(), expected)


def without_secrets(found: dict[str, Any]) -> dict[str, Any]:
    """The tables without the type of `webhooks.secret`, which has become a longer one."""
    webhooks = found["webhooks"]
    columns = [each for each in webhooks["columns"] if "secret" not in each]
    return {**found, "webhooks": {**webhooks, "columns": columns}}


class TestNewDatabase:
    def test_its_tables_are_those_of_the_code(self, database: Database) -> None:
        options: dict[str, Any] = {"compare_server_default": True}
        if database.is_sqlite:
            # The queue's tables are beside ours, and Alembic reads a default of '' as "''".
            ours = Base.metadata.tables
            options = {"include_name": lambda name, kind, _: kind != "table" or name in ours}
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts=options)
            assert compare_metadata(context, Base.metadata) == []


class TestDatabaseOfTheReleaseBefore:
    def test_it_keeps_its_tables_and_rows_and_gets_what_is_new(self, earlier: Database) -> None:
        assert stored_revision(earlier) == LAST_REPLACED
        assert not current(earlier)
        before = tables(earlier)
        columns = widths(before)
        held = rows(earlier, columns)
        migrate(earlier)
        assert stored_revision(earlier) == newest()
        assert current(earlier)
        after = tables(earlier)
        new, old = unchanged_parts(after, columns), unchanged_parts(before, columns)
        assert without_secrets(new) == without_secrets(old)
        assert rows(earlier, columns) == held
        added = {name: width - columns.get(name, 0) for name, width in widths(after).items()}
        assert {name: n for name, n in added.items() if n} == {
            "series": 3,
            "held_rows": 7,
            "folded_scores": 1,
            "api_keys": 9,
            "audit": 8,
            "jobs": 2,
            **dict.fromkeys(("idempotency_keys", "models", "studies", "webhooks"), 1),
        }

    def test_its_series_have_no_attributes_and_keep_every_row(self, earlier: Database) -> None:
        migrate(earlier)
        with earlier.reading() as session:
            found = session.execute(sa.select(Series.attributes, Series.implausible)).all()
        assert found
        assert {(str(attributes), implausible) for attributes, implausible in found} == {
            ("{}", "keep")
        }

    def test_all_that_it_holds_is_in_the_default_project(self, earlier: Database) -> None:
        migrate(earlier)
        with earlier.reading() as session:
            for table in (Series, Model, Job):
                projects = set(
                    session.scalars(sa.text(f"SELECT project FROM {table.__tablename__}"))
                )
                assert projects == {"default"}

    def test_its_tables_are_those_of_a_new_one(
        self, earlier: Database, request: pytest.FixtureRequest, tmp_path: Path
    ) -> None:
        migrate(earlier)
        if earlier.is_sqlite:
            new = Database(f"sqlite:///{request.getfixturevalue('sqlite_template')}")
        else:
            new = Database(request.getfixturevalue("postgres_database"))
        assert tables(earlier) == tables(new)
        assert storage(earlier) == storage(new)
        new.dispose()

    def test_it_is_not_ready_before_it_is_marked(
        self, earlier: Database, earlier_client: TestClient
    ) -> None:
        problem = check_problem(earlier_client.get("/readyz"), 503)
        assert "run `statecast migrate`" in problem["detail"]
        migrate(earlier)
        assert earlier_client.get("/readyz").status_code == 200

    def test_its_rows_are_served(self, earlier: Database, earlier_client: TestClient) -> None:
        migrate(earlier)
        observations = earlier_client.get(f"/v1/series/{SERIES}/observations").json()
        assert observations["rows"] == facts()["observations"]
        version = earlier_client.get(f"/v1/models/{MODEL}/versions/champion").json()
        assert known_part(version["metrics"]["test"]["y"], facts()["test"]) == facts()["test"]
        stored = facts()["stored"]
        assert read_forecast(earlier_client, facts()["stored_id"], stored) == stored

    def test_it_serves_the_bundle_that_was_trained(
        self, earlier: Database, earlier_client: TestClient
    ) -> None:
        migrate(earlier)
        answer = earlier_client.get(f"/v1/models/{MODEL}/versions/1/artefact")
        assert answer.content == contents.bundle()

    def test_its_next_row_is_forecast_bit_for_bit_as_before(
        self, earlier: Database, earlier_client: TestClient
    ) -> None:
        migrate(earlier)
        (entry,) = put_rows(earlier_client, [facts()["next_row"]], SERIES)["forecasts"]
        issued, scored = facts()["of_the_next_row"], facts()["stored_after_the_next_row"]
        assert read_forecast(earlier_client, entry["id"], issued) == issued, HINT
        assert read_forecast(earlier_client, facts()["stored_id"], scored) == scored, HINT


class TestOtherRevisions:
    def test_each_earlier_one_is_refused_with_the_way_out(
        self, database: Database, at_revision: Callable[[str], None]
    ) -> None:
        for revision in REPLACED[:-1]:
            at_revision(revision)
            with pytest.raises(RevisionNotSupported) as refusal:
                migrate(database)
            assert str(refusal.value) == (
                f"The database is at revision {revision}, but Statecast {VERSION} can migrate it "
                f"only from 0021_retention or later: run `statecast migrate` of commit "
                f"{COMMIT_WITH_REPLACED} on it first."
            )
            assert stored_revision(database) == revision
            assert not current(database)

    def test_an_unknown_one_is_refused_with_the_way_out(
        self, database: Database, at_revision: Callable[[str], None]
    ) -> None:
        at_revision("0999_future")
        with pytest.raises(RevisionNotSupported) as refusal:
            migrate(database)
        assert str(refusal.value) == (
            f"The database is at revision 0999_future, but Statecast {VERSION} knows no later "
            f"one than {newest()}: use the release that made the database, or a later one."
        )
        assert stored_revision(database) == "0999_future"

    @pytest.mark.parametrize("revision", ["0020_exchange_calendars", "0999_future"])
    def test_the_web_process_says_that_it_is_not_ready(
        self, client: TestClient, at_revision: Callable[[str], None], revision: str
    ) -> None:
        at_revision(revision)
        problem = check_problem(client.get("/readyz"), 503)
        assert "run `statecast migrate`" in problem["detail"]
