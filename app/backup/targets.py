"""Store the rows of a backup in the tables of a database, in the caller's transaction."""

import sqlite3

import sqlalchemy as sa

from app.backup import postgresql_rows
from app.backup.errors import BackupError
from app.backup.format import OF_PROCESSES, quoted
from app.backup.sqlite_rows import Progress, column_names, counted, insert_rows, select_rows


def lock_tables(connection: sa.Connection, names: list[str]) -> None:
    """Let no other process write until the end; on SQLite the transaction does that."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
        connection.execute(sa.text(f"LOCK TABLE {', '.join(map(quoted, names))} IN EXCLUSIVE MODE"))


def store_tables(
    connection: sa.Connection, backup: sqlite3.Connection, names: list[str], progress: Progress
) -> None:
    """Replace the rows of the tables, which only migrations or ended processes made.

    Tables follow those that they refer to: PostgreSQL checks each reference at once.
    """
    ordered = _by_references(connection, names)
    for name in reversed(ordered):
        connection.execute(sa.text(f"DELETE FROM {quoted(name)}"))
    for name in ordered:
        if name not in OF_PROCESSES:
            _store(connection, backup, name, progress)


def _by_references(connection: sa.Connection, names: list[str]) -> list[str]:
    metadata = sa.MetaData()
    metadata.reflect(connection, only=names)
    return [table.name for table in metadata.sorted_tables]


def _store(
    connection: sa.Connection, backup: sqlite3.Connection, name: str, progress: Progress
) -> None:
    count = backup.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None, "the connection is open"  # noqa: S101
        columns = column_names(backup, name)
        insert_rows(driver, name, columns, select_rows(backup, name, columns), progress)
    else:
        table = postgresql_rows.read_table(connection, name)
        rows = counted(select_rows(backup, name, table.columns), name, progress)
        postgresql_rows.write_rows(connection, table, rows)
        postgresql_rows.continue_counters(connection, table)
    stored = connection.scalar(sa.text(f"SELECT count(*) FROM {quoted(name)}"))
    if stored != count:
        raise BackupError(f"{stored} of {count} rows of {name} were stored: nothing is kept.")
