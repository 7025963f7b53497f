"""The private names of the job engine that `app/jobs/queue.py` uses, held in one place.

An update of DBOS may move them. Each failure says what to do.
"""

import importlib
import inspect

import pytest
from dbos import DBOS

from app.jobs import queue

CRASH_TESTS = "then run `pytest -m crash` on both databases"
# Module, name, parameters, and what to do when it is not there or takes other arguments.
PRIVATE_NAMES = [
    (
        "dbos._migration",
        "get_migration_versions",
        ["engine", "schema", "use_listen_notify"],
        "`is_current` compares the versions of the engine's tables on PostgreSQL with it: look for "
        "a public check in DBOS.migrate's documentation, or compare dbos_migrations ourselves",
    ),
    (
        "dbos._migration",
        "get_sqlite_migration_versions",
        ["engine"],
        "`is_current` compares the versions of the engine's tables on SQLite with it: replace it "
        "together with get_migration_versions",
    ),
    (
        "dbos._serialization",
        "DBOSPortableJSON",
        None,
        "`enqueue` and `QueueWorker` need the same serializer, one that does not pickle: look "
        "for a public JSON serializer in dbos, and check that jobs queued before are still read",
    ),
    (
        "dbos._dbos",
        "DBOS._recover_pending_workflows",
        ["executor_ids"],
        "`QueueWorker.recover` requeues the jobs of dead workers with it: look for a public "
        "function that takes executor ids and leaves jobs of live owners alone (resume_workflow "
        "does not look at the owner and drops the deduplication id)",
    ),
]


@pytest.mark.parametrize(
    ("module", "name", "parameters", "remedy"), PRIVATE_NAMES, ids=[one[1] for one in PRIVATE_NAMES]
)
def test_a_private_name_is_there_and_takes_our_arguments(
    module: str, name: str, parameters: list[str] | None, remedy: str
) -> None:
    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    assert found is not None, f"{module}.{name} is gone: {remedy}; {CRASH_TESTS}."
    if parameters is not None:
        assert callable(found)
        taken = list(inspect.signature(found).parameters)
        assert taken == parameters, f"{module}.{name} takes {taken}: {remedy}; {CRASH_TESTS}."


def test_the_queue_uses_no_other_private_name() -> None:
    source = inspect.getsource(queue)
    listed = {name.split(".")[-1] for _, name, _, _ in PRIVATE_NAMES}
    imported = {
        name.strip()
        for line in source.splitlines()
        if line.startswith("from dbos._")
        for name in line.partition(" import ")[2].split(",")
    }
    called = {part.split("(")[0] for part in source.split("DBOS._")[1:]}
    assert imported | {f"_{name}" for name in called} == listed
    assert DBOS is queue.DBOS
