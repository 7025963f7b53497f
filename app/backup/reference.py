"""An empty database at a revision: which tables and rows the migrations themselves make."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.backup.errors import BackupError
from app.backup.format import REVISION_TABLE, count_rows, table_names
from app.db import Database
from app.migrate import is_known, newest, upgrade
from app.version import VERSION


@dataclass(frozen=True, slots=True)
class Reference:
    """A new database at a revision."""

    file: Path
    rows: dict[str, int]
    """The tables of the application, with the number of rows that migrations insert."""


@contextmanager
def new_database(revision: str) -> Iterator[Reference]:
    """A new SQLite file at the revision, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="statecast-") as folder:
        file = Path(folder) / "new.db"
        upgrade_file(file, revision)
        connection = sqlite3.connect(file)
        try:
            names = [name for name in table_names(connection) if name != REVISION_TABLE]
            rows = count_rows(connection, names)
        finally:
            connection.close()
        yield Reference(file, rows)


def upgrade_file(file: Path, revision: str) -> None:
    """Migrate the application's tables of a SQLite file, which is one file afterwards."""
    database = Database(f"sqlite:///{file}")
    try:
        upgrade(database, revision)
        with database.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None, "the connection is open"  # noqa: S101
            connection.rollback()
            driver.execute("PRAGMA journal_mode=DELETE")
    finally:
        database.dispose()


def require_known(revision: str | None, what: str) -> str:
    """The revision, if this release has the migrations that lead to it.

    Raises:
        BackupError: If it does not.
    """
    if revision is None:
        raise BackupError(f"{what} has no tables of Statecast: check STATECAST_DATABASE_URL.")
    if not is_known(revision):
        raise BackupError(
            f"{what} is at revision {revision}, which Statecast {VERSION} does not know (its "
            f"newest is {newest()}): use the release that made it, or a later one."
        )
    return revision
