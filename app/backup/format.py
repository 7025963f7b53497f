"""The format of a backup: a SQLite file with the application's tables at one revision.

Both databases can be read into it and written from it. Values are stored as on SQLite: JSON as
text, vectors as packed float64. The queue's tables are not in it; a restore queues the jobs again.
"""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.backup.errors import BackupError
from app.version import VERSION

ABOUT = "statecast_backup"
FORMAT = 1
REVISION_TABLE = "alembic_version"
# Rows of processes that run at the time of the backup: they mean nothing in another database.
OF_PROCESSES = frozenset({"workers"})


@dataclass(frozen=True, slots=True)
class About:
    """What a backup says of itself."""

    release: str
    revision: str
    created_at: str
    rows: dict[str, int]


def quoted(name: str) -> str:
    """A name of a table or column as both databases take it in a statement."""
    return '"' + name.replace('"', '""') + '"'


def count_rows(connection: sqlite3.Connection, tables: list[str]) -> dict[str, int]:
    """The number of rows of each table."""
    return {
        name: connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]
        for name in tables
    }


def table_names(connection: sqlite3.Connection) -> list[str]:
    """The tables of a file, in alphabetical order."""
    statement = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return sorted(name for (name,) in connection.execute(statement))


def write_about(connection: sqlite3.Connection, revision: str, rows: dict[str, int]) -> None:
    """Say in the file what it is, and how many rows each table must have."""
    made = datetime.now(UTC).isoformat(timespec="seconds")
    connection.execute(f"CREATE TABLE {ABOUT} (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    facts = {"format": str(FORMAT), "release": VERSION, "revision": revision, "created_at": made}
    facts |= {f"rows:{name}": str(count) for name, count in rows.items()}
    connection.executemany(f"INSERT INTO {ABOUT} VALUES (?, ?)", facts.items())


def open_backup(file: Path) -> sqlite3.Connection:
    """A backup, opened for reading.

    Raises:
        BackupError: If there is no such file.
    """
    if not file.is_file():
        raise BackupError(f"There is no file {file}.")
    # Immutable: nothing is created beside the file, which may be on a read-only disk.
    uri = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


def read_about(connection: sqlite3.Connection, file: Path) -> About:
    """What the backup says of itself.

    Raises:
        BackupError: If the file is not a backup, or one of a later format.
    """
    try:
        facts = dict(connection.execute(f"SELECT key, value FROM {ABOUT}"))
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CORRUPT:
            raise _damaged(file, error) from error
        raise BackupError(
            f"{file} is not a backup of Statecast ({error}). If it is the database of a service, "
            "make a backup of it: STATECAST_DATABASE_URL=sqlite:///... statecast backup FILE"
        ) from error
    if facts["format"] != str(FORMAT):
        raise BackupError(
            f"{file} has the format {facts['format']}, but Statecast {VERSION} reads format "
            f"{FORMAT} only: restore it with Statecast {facts['release']} or later."
        )
    rows = {
        name.removeprefix("rows:"): int(count)
        for name, count in facts.items()
        if name.startswith("rows:")
    }
    return About(facts["release"], facts["revision"], facts["created_at"], rows)


def require_sound(connection: sqlite3.Connection, file: Path, rows: dict[str, int]) -> None:
    """Read the whole file: its pages, the references between its tables, the number of rows.

    Raises:
        BackupError: If anything is wrong.
    """
    try:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
        counted = count_rows(connection, list(rows))
    except sqlite3.DatabaseError as error:
        raise _damaged(file, error) from error
    if found != "ok":
        raise _damaged(file, found)
    if broken is not None:
        raise BackupError(
            f"{file} is not complete: a row of {broken[0]} refers to a row that is not in "
            f"{broken[2]}. Use another backup."
        )
    for name, count in rows.items():
        if counted[name] != count:
            raise BackupError(
                f"{file} is not complete: {name} has {counted[name]} rows instead of {count}. "
                "Use another backup."
            )


def _damaged(file: Path, why: object) -> BackupError:
    return BackupError(f"{file} is damaged: {why}. Use another backup.")
