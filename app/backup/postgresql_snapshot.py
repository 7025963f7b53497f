"""Read a PostgreSQL database into a backup, from one snapshot."""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from app.backup import postgresql_rows
from app.backup.format import OF_PROCESSES, quoted, write_about
from app.backup.reference import new_database, require_known
from app.backup.sqlite_rows import Progress, insert_rows
from app.db import Database
from app.migrate import applied_revision


def copy_postgresql(database: Database, partial: Path, progress: Progress) -> dict[str, int]:
    """Write the backup of a database; the rows of each table in it.

    All tables are read in one transaction of the isolation level `repeatable read`, as by pg_dump:
    it sees what was committed before its first statement, and makes no writer wait. `deferrable`
    has a meaning only for `serializable` transactions, which the service does not use.

    Raises:
        BackupError: If this release does not know the database's revision.
    """
    with database.reading() as session:
        connection = session.connection()
        # A large table takes longer than any request may.
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
        connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        revision = require_known(applied_revision(connection), "The database")
        with new_database(revision) as reference:
            partial.write_bytes(reference.file.read_bytes())
            names = list(reference.rows)
        with closing(sqlite3.connect(partial, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode=OFF")
            copy.execute("PRAGMA synchronous=OFF")
            copy.execute("BEGIN")
            rows = {name: _copy_table(connection, copy, name, progress) for name in names}
            write_about(copy, revision, rows)
            copy.execute("COMMIT")
    return rows


def _copy_table(
    connection: sa.Connection, copy: sqlite3.Connection, name: str, progress: Progress
) -> int:
    """Copy the rows of a table; their number, as the snapshot counts them."""
    copy.execute(f"DELETE FROM {quoted(name)}")
    if name in OF_PROCESSES:
        return 0
    table = postgresql_rows.read_table(connection, name)
    count = connection.scalar(sa.text(f"SELECT count(*) FROM {quoted(name)}"))
    insert_rows(copy, name, table.columns, postgresql_rows.read_rows(connection, table), progress)
    return int(count or 0)
