"""What a backup and a restore refuse, in a sentence with a remedy, and leave as it was."""

import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.backup.errors import BackupError
from app.backup.format import open_backup, read_about
from app.backup.service import back_up, restore
from app.backup.sqlite_snapshot import copy_sqlite
from app.db import Database, utc_now
from app.jobs.tables import Worker
from app.migrate import migrate, newest, upgrade
from app.series.tables import Series
from tests.app.backup.conftest import NewDatabase, add_series, contents, silent


@pytest.fixture
def backup(database: Database, tmp_path: Path) -> Path:
    """The backup of a database with one series."""
    add_series(database, "kept")
    file = tmp_path / "backup"
    back_up(database, file, force=False, progress=silent)
    return file


def changed(backup: Path, statement: str) -> Path:
    """The backup after a statement that no release makes."""
    connection = sqlite3.connect(backup)
    with connection:
        connection.execute(statement)
    connection.close()
    return backup


class TestBackup:
    @pytest.mark.one_database
    def test_only_its_owner_can_read_it(self, backup: Path) -> None:
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600

    @pytest.mark.one_database
    def test_it_replaces_a_file_only_by_force(self, database: Database, backup: Path) -> None:
        before = backup.read_bytes()
        with pytest.raises(BackupError, match=r"exists: .* add --force"):
            back_up(database, backup, force=False, progress=silent)
        assert backup.read_bytes() == before
        add_series(database, "later")
        back_up(database, backup, force=True, progress=silent)
        assert read_about(open_backup(backup), backup).rows["series"] == 2

    @pytest.mark.one_database
    def test_nothing_is_left_of_a_backup_that_failed(
        self, database: Database, tmp_path: Path
    ) -> None:
        def full(_: str) -> None:
            raise OSError(28, "No space left on device")

        folder = tmp_path / "backups"
        folder.mkdir()
        with pytest.raises(OSError, match="No space"):
            back_up(database, folder / "backup", force=False, progress=full)
        assert list(folder.iterdir()) == []

    def test_a_database_of_a_later_release_is_refused(
        self, database: Database, tmp_path: Path
    ) -> None:
        set_revision(database, "9999_later")
        try:
            with pytest.raises(BackupError, match=r"9999_later.*use the release that made it"):
                back_up(database, tmp_path / "backup", force=False, progress=silent)
        finally:
            set_revision(database, newest())
        assert not (tmp_path / "backup").exists()

    @pytest.mark.unit
    def test_a_database_that_does_not_exist_is_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(BackupError, match="There is no database"):
            copy_sqlite(tmp_path / "none.db", tmp_path / "backup", silent)
        assert list(tmp_path.iterdir()) == []


class TestRestore:
    def test_a_database_with_rows_is_refused_and_named(
        self, database: Database, backup: Path
    ) -> None:
        before = contents(database)
        with pytest.raises(BackupError, match=r"statecast.* is not empty: series has 1 row"):
            restore(database, backup, progress=silent)
        assert contents(database) == before

    @pytest.mark.one_database
    @pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
    def test_a_service_that_was_only_started_counts_as_empty(
        self, backup: Path, new_database: NewDatabase, kind: str
    ) -> None:
        new = new_database(kind)
        migrate(new)
        with new.transaction() as session:
            session.execute(sa.text("INSERT INTO retention_nights (id, began_at) VALUES (1, 0)"))
        restore(new, backup, progress=silent)
        held = contents(new)
        assert (held["retention_nights"], len(held["series"])) == ([], 1)

    def test_a_database_with_a_live_worker_is_refused(
        self, backup: Path, database: Database
    ) -> None:
        with database.transaction() as session:
            session.execute(sa.delete(Series))
            session.add(live_worker())
        with pytest.raises(BackupError, match="A worker is running"):
            restore(database, backup, progress=silent)

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda file: file.unlink(), "There is no file"),
            (lambda file: file.write_bytes(b"no database at all"), "is not a backup of Statecast"),
            (lambda file: changed(file, "DROP TABLE statecast_backup"), "is not a backup"),
            (lambda file: file.write_bytes(file.read_bytes()[:-8192]), "is damaged"),
            (lambda file: changed(file, "DELETE FROM series"), "series has 0 rows instead of 1"),
            (
                lambda file: changed(
                    file, "UPDATE statecast_backup SET value = '2' WHERE key = 'format'"
                ),
                "reads format 1 only",
            ),
            (
                lambda file: changed(
                    file, "UPDATE statecast_backup SET value = '9999_later' WHERE key = 'revision'"
                ),
                "9999_later.*use the release that made it, or a later one",
            ),
        ],
        ids=["missing", "no-database", "no-backup", "cut", "fewer-rows", "format", "revision"],
    )
    def test_a_file_that_is_not_sound_is_refused(
        self, backup: Path, tmp_path: Path, damage: Callable[[Path], object], message: str
    ) -> None:
        damage(backup)
        new = Database(f"sqlite:///{tmp_path}/new.db")
        with pytest.raises(BackupError, match=message):
            restore(new, backup, progress=silent)
        new.dispose()
        assert not (tmp_path / "new.db").exists()

    @pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
    @pytest.mark.one_database
    def test_a_restore_that_fails_stores_nothing(
        self, backup: Path, new_database: NewDatabase, kind: str
    ) -> None:
        def full(text: str) -> None:
            if "queueing" in text:
                raise OSError(28, "No space left on device")

        new = new_database(kind)
        with pytest.raises(OSError, match="No space"):
            restore(new, backup, progress=full)
        assert not any(contents(new).values())
        restore(new, backup, progress=silent)
        assert len(contents(new)["series"]) == 1

    @pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
    @pytest.mark.one_database
    def test_a_backup_of_an_earlier_revision_is_migrated(
        self, tmp_path: Path, new_database: NewDatabase, kind: str
    ) -> None:
        old = Database(f"sqlite:///{tmp_path}/old.db")
        upgrade(old, "0001_initial")
        add_series(old, "old")
        back_up(old, tmp_path / "backup", force=False, progress=silent)
        old.dispose()
        before = (tmp_path / "backup").read_bytes()
        new = new_database(kind)
        about, _ = restore(new, tmp_path / "backup", progress=silent)
        assert about.revision == "0001_initial"
        with new.reading() as session:
            series = session.scalars(sa.select(Series)).one()
            assert (series.name, series.attributes, series.implausible) == ("old", {}, "keep")
        migrate(new)
        assert (tmp_path / "backup").read_bytes() == before


def set_revision(database: Database, revision: str) -> None:
    with database.transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = :new"), {"new": revision})


def live_worker() -> Worker:
    """A worker that has just sent a heartbeat."""
    now = utc_now()
    return Worker(
        executor="alive",
        machine="machine",
        pid=1,
        process_started="0",
        device="cpu",
        started_at=now,
        beat_at=now,
        alive_until=now.replace(year=now.year + 1),
    )
