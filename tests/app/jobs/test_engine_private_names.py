"""The four private names of DBOS that `app/jobs/queue.py` uses, with what to do when one moves.

All other tests of the queue would fail as well after a move, but with messages about imports or
about jobs that never end. These say where each name is used and what could replace it.
"""

import inspect
from pkgutil import resolve_name
from typing import Any

import pytest
from dbos import DBOS

pytestmark = pytest.mark.unit

NAMES = {
    "dbos._migration:get_migration_versions": (
        ["engine", "schema", "use_listen_notify"],
        "Used by `is_current`, with which a worker refuses the PostgreSQL tables of an older "
        "engine. Look for a public function that compares the version of the tables with that of "
        "the engine (today `DBOS.migrate` and `run_dbos_database_migrations` only migrate), or "
        "read `version` from `dbos.dbos_migrations`. "
        "Then run tests/app/jobs/test_queue.py and tests/crash/test_killed_workers.py.",
    ),
    "dbos._migration:get_sqlite_migration_versions": (
        ["engine"],
        "Used by `is_current`, with which a worker refuses the SQLite tables of an older engine. "
        "Look for the same replacement as for `get_migration_versions`; on SQLite the table is "
        "`dbos_migrations`. "
        "Then run tests/app/jobs/test_queue.py and tests/crash/test_killed_workers.py.",
    ),
    "dbos._serialization:DBOSPortableJSON": (
        None,
        "Used by `enqueue` and `QueueWorker`: it writes the jobs' ids as JSON. Use an instance of "
        "the public class `dbos.DBOSPortableJSONSerializer` instead; its `name()` must still be "
        "'portable_json', or jobs that were queued before an upgrade cannot be read. "
        "Then run tests/app/jobs/test_queued_jobs.py and tests/crash/test_killed_workers.py.",
    ),
    "dbos:DBOS._recover_pending_workflows": (
        ["executor_ids"],
        "Used by `QueueWorker.recover`, which queues the jobs of dead workers again. Look for a "
        "public method that recovers the workflows of given executors and skips those that a live "
        "executor has taken (today `DBOS.resume_workflow` does not check the owner). "
        "Then run tests/crash/test_killed_workers.py.",
    ),
}


@pytest.mark.parametrize("path", NAMES)
def test_a_private_name_of_the_engine_is_where_the_queue_imports_it(path: str) -> None:
    parameters, advice = NAMES[path]
    found = find(path)
    assert found is not None, f"`{path}` has moved. {advice}"
    if parameters is not None:
        assert list(inspect.signature(found).parameters) == parameters, (
            f"`{path}` has other parameters. {advice}"
        )


def test_the_serializer_writes_the_format_of_queued_jobs() -> None:
    serializer = find("dbos._serialization:DBOSPortableJSON")
    advice = NAMES["dbos._serialization:DBOSPortableJSON"][1]
    assert serializer.name() == "portable_json", f"The serializer's format has changed. {advice}"
    assert serializer.deserialize(serializer.serialize(["019a"])) == ["019a"], advice


def test_recovering_takes_a_list_of_executors() -> None:
    method = inspect.getattr_static(DBOS, "_recover_pending_workflows", None)
    advice = NAMES["dbos:DBOS._recover_pending_workflows"][1]
    assert isinstance(method, classmethod), f"It is no longer a class method. {advice}"


def find(path: str) -> Any:
    """The object behind `module:name`; None if it does not exist."""
    try:
        return resolve_name(path)
    except (ImportError, AttributeError):
        return None
