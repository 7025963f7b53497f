"""Kinds of tests by markers, and the guard that proves the marker `unit`.

`unit` stands in the test files. `postgres`, `crash` and (for whole folders) `slow` are set here.
"""

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

TESTS = Path(__file__).parent
TRAINING = {"tensorflow", "keras", "jax"}
# Python's audit events: https://docs.python.org/3/library/audit_events.html
PROCESSES = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system"}
DATABASES = {"sqlite3.connect"}
SERVERS = {"postgres_server", "postgres_database"}


class Guard:
    """An audit hook, which Python cannot remove: two switches say what it forbids now."""

    training = False
    processes_and_databases = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Fail a test that does what its kind must not."""
        if event == "import":
            if self.training and arguments[0].partition(".")[0] in TRAINING:
                pytest.fail(f"A unit test imports {arguments[0]}.")
        elif self.processes_and_databases and event in PROCESSES | DATABASES:
            pytest.fail(f"A unit test starts a process or opens a database: {event}.")


guard = Guard()
sys.addaudithook(guard)


def only_unit_tests(config: pytest.Config) -> bool:
    """Whether this run is `pytest -m unit`."""
    return bool(config.getoption("markexpr") == "unit")


def pytest_configure(config: pytest.Config) -> None:
    """Forbid the training libraries in a run of unit tests.

    In other runs an earlier test may have loaded Keras, and then its import raises no event.
    """
    guard.training = only_unit_tests(config)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files without a unit test: most of them import Keras at their top."""
    if not only_unit_tests(config) or collection_path.suffix != ".py":
        return None
    return "mark.unit" not in collection_path.read_text() or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the markers that follow from a folder or a parameter."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0] if TESTS in item.path.parents else ""
        if folder == "crash":
            item.add_marker("crash")
        if folder in ("crash", "e2e"):
            item.add_marker("slow")
        if runs_on_postgres(item):
            item.add_marker("postgres")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of the marker `one_database` on SQLite only."""
    marked = metafunc.definition.get_closest_marker("one_database")
    if marked and "database_url" in metafunc.fixturenames:
        on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
        metafunc.definition.add_marker(on_sqlite)


def runs_on_postgres(item: pytest.Item) -> bool:
    """Whether a test needs a PostgreSQL server."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    fixtures = set(getattr(item, "fixturenames", ()))
    return parameters.get("database_url") == "postgresql" or bool(fixtures & SERVERS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Forbid processes and databases in unit tests and their fixtures, in every run."""
    if item.get_closest_marker("unit") is None:
        return (yield)
    guard.processes_and_databases = True
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sa, "create_engine", _no_engine)
            return (yield)
    finally:
        guard.processes_and_databases = False


def _no_engine(*_: Any, **__: Any) -> None:
    pytest.fail("A unit test opens a database: create_engine.")
