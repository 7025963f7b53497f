"""Migrate the database, and check whether it is current."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

import migrations
from app.db import Database
from app.version import VERSION

if TYPE_CHECKING:
    from alembic.config import Config

VERSIONS = Path(migrations.__file__).parent / "versions"
REVISION = re.compile(r'^revision = "(.+)"$', re.MULTILINE)
DOWN_REVISION = re.compile(r'^down_revision = "(.+)"$', re.MULTILINE)

# An arbitrary number, the same in all processes: on PostgreSQL it makes migrating processes wait
# for each other. On SQLite the write lock does.
MIGRATION_LOCK = 7_268_110

INITIAL = "0001_initial"
# The revisions that `0001_initial` replaces; its tables are those of the last of them.
REPLACED = (
    "0001_series",
    "0002_jobs",
    "0003_registry",
    "0004_forecasts",
    "0005_idempotency",
    "0006_forecast_bounds",
    "0007_studies",
    "0008_devices",
    "0009_backtests",
    "0010_known_future",
    "0011_panels",
    "0012_aliases",
    "0013_live",
    "0014_backtest_panel",
    "0015_webhooks",
    "0016_class_scores",
    "0017_deleted_rows",
    "0018_schedules",
    "0019_kept_files",
    "0020_exchange_calendars",
    "0021_retention",
)
LAST_REPLACED = REPLACED[-1]
# A commit that still has all of these revisions.
COMMIT_WITH_REPLACED = "73413ff"


class RevisionNotSupported(Exception):
    """The database is at a revision that this release cannot migrate from."""


def migrate(database: Database) -> None:
    """Apply all missing migrations: ours in one transaction, then those of the queue.

    Raises:
        RevisionNotSupported: If no migration leads from the database's revision to the newest.
            The database is not changed.
    """
    from app.jobs import queue

    upgrade(database, "head")
    queue.migrate(database)


def upgrade(database: Database, revision: str) -> None:
    """Apply our migrations up to a revision, in one transaction.

    Raises:
        RevisionNotSupported: As `migrate`.
    """
    # Imported here: a process that only checks whether the database is current does not need it.
    from alembic import command
    from alembic.config import Config

    with database.engine.connect() as connection, _tables_can_be_made_again(connection):
        connection.execution_options(sqlite_begin="IMMEDIATE")
        with connection.begin():
            if not database.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(VERSIONS.parent))
            _mark_as_initial(connection, config)
            command.upgrade(config, revision)
            _require_references(connection)


@contextmanager
def _tables_can_be_made_again(connection: sa.Connection) -> Iterator[None]:
    """Switch SQLite's foreign keys off: to drop a table would delete all rows that refer to it.

    A migration drops a table after it has copied it. The switch has no effect in a transaction.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    assert driver is not None, "the connection is open"  # noqa: S101
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _require_references(connection: sa.Connection) -> None:
    """Roll back a migration that left rows without what they refer to, which would be a bug."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        assert broken is None, f"a row of {broken} lost what it refers to"  # noqa: S101


def is_current(connection: sa.Connection) -> bool:
    """Whether the database has the tables of this release.

    The queue's tables are created last. The worker, which runs jobs, checks their version.
    """
    if applied_revision(connection) != newest():
        return False
    schema = None if connection.dialect.name == "sqlite" else "dbos"
    return sa.inspect(connection).has_table("workflow_status", schema=schema)


def is_known(revision: str) -> bool:
    """Whether this release has the migration that leads to a revision."""
    return revision in _revisions(REVISION)


def is_new(connection: sa.Connection) -> bool:
    """Whether the database was never migrated."""
    return applied_revision(connection) is None


def newest() -> str:
    """The last migration, which no other one follows; numbers in names need not be in order."""
    (head,) = _revisions(REVISION) - _revisions(DOWN_REVISION)
    return head


@cache
def _revisions(pattern: re.Pattern[str]) -> frozenset[str]:
    """The revisions that match a pattern in the files of the migrations.

    Read as text, so that the web process does not load Alembic.
    """
    texts = [path.read_text() for path in VERSIONS.glob("[0-9]*.py")]
    return frozenset(match[1] for text in texts if (match := pattern.search(text)))


def applied_revision(connection: sa.Connection) -> str | None:
    """The revision of the database; None if it has not been migrated yet."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def _mark_as_initial(connection: sa.Connection, config: "Config") -> None:
    """Mark a database at the last replaced revision as `0001_initial`: the tables are the same.

    Raises:
        RevisionNotSupported: If the database is at another revision that this release lacks.
    """
    from alembic import command

    applied = applied_revision(connection)
    _require_supported(applied)
    if applied == LAST_REPLACED:
        # `purge`: Alembic does not know the present revision.
        command.stamp(config, INITIAL, purge=True)


def _require_supported(applied: str | None) -> None:
    if applied is None or applied == LAST_REPLACED or applied in _revisions(REVISION):
        return
    if applied in REPLACED:
        raise RevisionNotSupported(
            f"The database is at revision {applied}, but Statecast {VERSION} can migrate it only "
            f"from {LAST_REPLACED} or later: run `statecast migrate` of commit "
            f"{COMMIT_WITH_REPLACED} on it first."
        )
    raise RevisionNotSupported(
        f"The database is at revision {applied}, but Statecast {VERSION} knows no later one than "
        f"{newest()}: use the release that made the database, or a later one."
    )
