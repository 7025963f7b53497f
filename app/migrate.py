"""Bring the database's tables up to date, and say whether they are."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import migrations
from app.db import Database
from app.jobs import queue

# Any number will do, as long as it is the same for all: two migrating processes wait
# for each other on PostgreSQL. On SQLite the write lock does the same.
MIGRATION_LOCK = 7_268_110


def migrate(database: Database) -> None:
    """Apply every migration that is missing: ours in one transaction, then the queue's."""
    with database.engine.connect() as connection:
        connection.execution_options(sqlite_begin="IMMEDIATE")
        with connection.begin():
            if not database.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    queue.migrate(database)


def is_current(connection: sa.Connection) -> bool:
    """Whether the database has exactly the tables that this release was made for."""
    heads = set(ScriptDirectory.from_config(_config()).get_heads())
    ours = set(MigrationContext.configure(connection).get_current_heads())
    return ours == heads and queue.is_current(connection.engine)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config
