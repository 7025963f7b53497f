"""The command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from app.db import Database
from app.jobs import workers
from app.migrate import is_current
from app.settings import get_settings
from app.version import VERSION
from app.worker.identity import own_identity


@pytest.fixture
def database_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A database file of our own that does not exist yet, in a folder that does not either."""
    path = tmp_path / "var" / "statecast.db"
    monkeypatch.setenv("STATECAST_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.delenv("STATECAST_API_KEY", raising=False)
    get_settings.cache_clear()
    yield path
    get_settings.cache_clear()


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


class TestCommandLine:
    def test_it_knows_its_version(self) -> None:
        assert run("--version") == (0, f"statecast, version {VERSION}\n")

    def test_migrate_makes_the_folder_and_the_tables(self, database_file: Path) -> None:
        code, output = run("migrate")
        assert (code, output) == (0, "The database is up to date.\n")
        database = Database(f"sqlite:///{database_file}")
        with database.engine.connect() as connection:
            assert is_current(connection)
        database.dispose()

    @pytest.mark.parametrize("command", ["web", "serve"])
    @pytest.mark.parametrize(
        "address",
        ["0.0.0.0", "::", "192.0.2.1", "example.org"],  # noqa: S104 - refused, not bound
    )
    def test_an_open_address_needs_a_key(
        self, database_file: Path, command: str, address: str
    ) -> None:
        code, output = run(command, "--host", address)
        assert code == 2
        assert "while no API key is set" in output
        assert f"'{address}'" in output
        assert not database_file.exists()

    def test_health_is_whether_a_worker_of_this_machine_lives(self, database_file: Path) -> None:
        run("migrate")
        assert run("health") == (1, "0 workers of this machine running.\n")
        database = Database(f"sqlite:///{database_file}")
        with database.transaction() as session:
            workers.beat(session, own_identity(), lost_after_seconds=30)
        database.dispose()
        assert run("health") == (0, "1 worker of this machine running.\n")
