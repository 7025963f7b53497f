"""Bring the database's tables up to date, and say whether they are."""

import re
from functools import cache
from pathlib import Path

import sqlalchemy as sa

import migrations
from app.db import Database

VERSIONS = Path(migrations.__file__).parent / "versions"
REVISION = re.compile(r'^revision = "(.+)"$', re.MULTILINE)
DOWN_REVISION = re.compile(r'^down_revision = "(.+)"$', re.MULTILINE)

# Any number will do, as long as it is the same for all: two migrating processes wait
# for each other on PostgreSQL. On SQLite the write lock does the same.
MIGRATION_LOCK = 7_268_110


def migrate(database: Database) -> None:
    """Apply every migration that is missing: ours in one transaction, then the queue's."""
    # Imported here: a process that only asks whether all is current needs neither.
    from alembic import command
    from alembic.config import Config

    from app.jobs import queue

    with database.engine.connect() as connection:
        connection.execution_options(sqlite_begin="IMMEDIATE")
        with connection.begin():
            if not database.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(VERSIONS.parent))
            command.upgrade(config, "head")
    queue.migrate(database)


def is_current(connection: sa.Connection) -> bool:
    """Whether the database has exactly the tables that this release was made for.

    The queue's tables come last; their version is checked where jobs are run, by the worker.
    """
    inspector = sa.inspect(connection)
    if not inspector.has_table("alembic_version"):
        return False
    applied = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    schema = None if connection.dialect.name == "sqlite" else "dbos"
    return applied == newest() and inspector.has_table("workflow_status", schema=schema)


@cache
def newest() -> str:
    """The migration that no other one follows; the numbers of their names need not be in order.

    Read from the files' text: the web process does not load Alembic for it.
    """
    texts = [path.read_text() for path in VERSIONS.glob("[0-9]*.py")]
    made, followed = (
        {match[1] for text in texts if (match := pattern.search(text))}
        for pattern in (REVISION, DOWN_REVISION)
    )
    (head,) = made - followed
    return head
