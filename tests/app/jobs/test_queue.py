"""The engine's own tables in our database."""

from pathlib import Path

from app.db import Database
from app.jobs import queue
from app.migrate import is_current, migrate


class TestTables:
    def test_migrating_makes_the_engine_s_tables_too(self, database: Database) -> None:
        assert queue.is_current(database.engine)
        with database.engine.connect() as connection:
            assert is_current(connection)

    def test_a_database_without_them_is_not_ready(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path}/empty.db")
        assert not queue.is_current(database.engine)
        with database.engine.connect() as connection:
            assert not is_current(connection)
        database.dispose()

    def test_migrating_twice_does_no_harm(self, database: Database) -> None:
        migrate(database)
        assert queue.is_current(database.engine)
