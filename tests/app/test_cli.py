"""The command line."""

import sqlite3
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
    @pytest.mark.unit
    def test_it_knows_its_version(self) -> None:
        assert run("--version") == (0, f"statecast, version {VERSION}\n")

    def test_migrate_makes_the_folder_and_the_tables(self, database_file: Path) -> None:
        code, output = run("migrate")
        assert (code, output) == (0, "The database is up to date.\n")
        database = Database(f"sqlite:///{database_file}")
        with database.engine.connect() as connection:
            assert is_current(connection)
        database.dispose()

    def test_migrate_refuses_a_database_that_is_too_old_in_one_sentence(
        self, database_file: Path
    ) -> None:
        run("migrate")
        with sqlite3.connect(database_file) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '0011_panels'")
        connection.close()
        code, output = run("migrate")
        assert code == 1
        assert output.startswith("Error: The database is at revision 0011_panels, but Statecast")
        assert output.count("\n") == 1

    @pytest.mark.unit
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

    @pytest.mark.unit
    @pytest.mark.parametrize("command", ["worker", "serve"])
    def test_a_gpu_that_is_not_there_is_refused_at_the_start(
        self, database_file: Path, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        monkeypatch.setattr("app.cli.visible_gpus", list)
        code, output = run(command, "--device", "gpu:0")
        assert code == 2
        assert "which has 0 usable GPUs. Received: gpu:0" in " ".join(output.split())
        assert not database_file.exists()

    @pytest.mark.unit
    def test_one_in_the_environment_is_refused_too(
        self, database_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.cli.visible_gpus", lambda: ["0"])
        monkeypatch.setenv("STATECAST_DEVICE", "gpu:1")
        code, output = run("worker")
        assert code == 2
        assert "which has 1 usable GPU. Received: gpu:1" in " ".join(output.split())

    @pytest.mark.unit
    @pytest.mark.parametrize("device", ["gpu", "tpu:0", "gpu:-1", "GPU:0", ""])
    def test_a_device_that_is_none_is_refused(self, database_file: Path, device: str) -> None:
        code, output = run("worker", "--device", device)
        assert code == 2
        assert "It must be cpu, or gpu:0" in output

    def test_health_is_whether_a_worker_of_this_machine_lives(self, database_file: Path) -> None:
        run("migrate")
        assert run("health") == (1, "0 workers of this machine running.\n")
        database = Database(f"sqlite:///{database_file}")
        with database.transaction() as session:
            workers.beat(session, own_identity(), lost_after_seconds=30)
        database.dispose()
        assert run("health") == (0, "1 worker of this machine running.\n")
