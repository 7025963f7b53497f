"""Make a backup of the service's database, and restore one into an empty database."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import app.jobs.service as jobs
from app.backup import format as backup_format
from app.backup.emptiness import require_empty
from app.backup.format import About
from app.backup.partial_file import partial_file
from app.backup.postgresql_snapshot import copy_postgresql
from app.backup.reference import new_database, require_known, upgrade_file
from app.backup.sqlite_rows import Progress
from app.backup.sqlite_snapshot import copy_sqlite
from app.backup.targets import lock_tables, store_tables
from app.db import Database
from app.migrate import migrate, newest


def back_up(database: Database, file: Path, *, force: bool, progress: Progress) -> int:
    """Write a backup of a database that may be in use; the number of its rows.

    The backup is read again before it gets its name.

    Raises:
        BackupError: If the database or the file's name cannot be used, or the copy is not sound.
    """
    with partial_file(file, force=force) as partial:
        if database.is_sqlite:
            rows = copy_sqlite(Path(database.url.database or ""), partial, progress)
        else:
            rows = copy_postgresql(database, partial, progress)
        progress("reading the copy again")
        with closing(backup_format.open_backup(partial)) as copy:
            backup_format.require_sound(copy, partial, rows)
    return sum(rows.values())


def restore(database: Database, file: Path, *, progress: Progress) -> tuple[About, int]:
    """Write a backup into an empty database; what it said of itself, and the jobs queued again.

    Either all rows are stored or none: the rows and the entries of the queue are one transaction.

    Raises:
        BackupError: If the file is not a sound backup that this release knows, or the database
            is not empty.
    """
    with closing(backup_format.open_backup(file)) as backup:
        about = backup_format.read_about(backup, file)
        require_known(about.revision, f"The backup {file}")
        progress("checking the backup")
        backup_format.require_sound(backup, file, about.rows)
    with new_database(newest()) as reference, _at_newest(file, about) as current:
        _make_private(database)
        with database.reading() as session:
            require_empty(session, reference.rows)
        migrate(database)
        with database.transaction() as session:
            connection = session.connection()
            lock_tables(connection, list(reference.rows))
            require_empty(session, reference.rows)
            store_tables(connection, current, list(reference.rows), progress)
            progress("queueing the unfinished jobs")
            queued = jobs.queue_again(session)
    return about, queued


def _make_private(database: Database) -> None:
    """Make the file of a new SQLite database, which only its owner can read."""
    if database.is_sqlite:
        Path(database.url.database or "").touch(mode=0o600)


@contextmanager
def _at_newest(file: Path, about: About) -> Iterator[sqlite3.Connection]:
    """The backup at this release's revision: one of an earlier revision is migrated as a copy."""
    if about.revision == newest():
        with closing(backup_format.open_backup(file)) as connection:
            yield connection
        return
    with tempfile.TemporaryDirectory(prefix="statecast-") as folder:
        copy = Path(folder) / "backup.db"
        shutil.copyfile(file, copy)
        copy.chmod(0o600)
        upgrade_file(copy, newest())
        with closing(backup_format.open_backup(copy)) as connection:
            yield connection
