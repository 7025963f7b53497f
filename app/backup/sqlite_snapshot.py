"""Copy a SQLite database while processes write to it, with SQLite's backup interface."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from app.backup.errors import BackupError
from app.backup.format import (
    OF_PROCESSES,
    REVISION_TABLE,
    count_rows,
    quoted,
    table_names,
    write_about,
)
from app.backup.reference import new_database, require_known
from app.backup.sqlite_rows import Progress

PAGES_AT_ONCE = 2048


def copy_sqlite(source: Path, partial: Path, progress: Progress) -> dict[str, int]:
    """Write the backup of a database file; the rows of each table in it.

    The source's connection holds one snapshot from the first statement to the last page. Without
    it, each write of another process would start the copy again from its first page.

    Raises:
        BackupError: If there is no such database, or this release does not know its revision.
    """
    if not source.is_file():
        raise BackupError(f"There is no database {source}: check STATECAST_DATABASE_URL.")
    uri = f"{source.resolve().as_uri()}?mode=rw"
    with (
        closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as reader,
        closing(sqlite3.connect(partial, isolation_level=None)) as copy,
    ):
        reader.execute("BEGIN")
        revision = require_known(_revision(reader), f"The database {source}")
        with new_database(revision) as reference:
            rows = count_rows(reader, list(reference.rows))
        reader.backup(copy, pages=PAGES_AT_ONCE, progress=_pages(progress))
        reader.execute("ROLLBACK")
        return _make_portable(copy, revision, rows)


def _revision(connection: sqlite3.Connection) -> str | None:
    if REVISION_TABLE not in table_names(connection):
        return None
    found = connection.execute(f"SELECT version_num FROM {REVISION_TABLE}").fetchone()
    return None if found is None else str(found[0])


def _pages(progress: Progress) -> Callable[[int, int, int], None]:
    def report(_: int, remaining: int, total: int) -> None:
        progress(f"{total - remaining} of {total} pages")

    return report


def _make_portable(copy: sqlite3.Connection, revision: str, rows: dict[str, int]) -> dict[str, int]:
    """Leave only the application's tables in the copy, as one file without a log beside it."""
    copy.execute("PRAGMA journal_mode=OFF")
    copy.execute("PRAGMA foreign_keys=OFF")
    for name in set(table_names(copy)) - rows.keys() - {REVISION_TABLE}:
        copy.execute(f"DROP TABLE {quoted(name)}")
    for name in OF_PROCESSES & rows.keys():
        copy.execute(f"DELETE FROM {quoted(name)}")
        rows[name] = 0
    write_about(copy, revision, rows)
    return rows
