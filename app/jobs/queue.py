"""The durable queue, DBOS Transact on the application's database: the only module that imports it.

The queue holds only the id of a job; all other data of the job is in our tables.

Four names are private to the engine: `get_migration_versions`, `get_sqlite_migration_versions`,
`DBOSPortableJSON` and `DBOS._recover_pending_workflows`. The engine's version is pinned, and
`tests/app/jobs/test_engine_private_names.py` says what to do when one of them moves.
"""

import logging
from collections.abc import Callable, Mapping, Set
from datetime import timedelta

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig
from dbos._migration import get_migration_versions, get_sqlite_migration_versions
from dbos._serialization import DBOSPortableJSON
from sqlalchemy.orm import Session

from app.db import Database, utc_now

APPLICATION = "statecast"
# A constant: the default is a hash of the source, and jobs that were queued before a deployment
# would never be taken after it.
APPLICATION_VERSION = "1"
QUEUE = "jobs"
# Only workers with a GPU take jobs from it; they take jobs from the common queue as well.
GPU_QUEUE = "jobs-gpu"
# Every worker takes jobs from it while it trains. The name is older than some of the kinds in it:
# it stays, because jobs that wait under a name must be found under it after an upgrade.
LIGHT_QUEUE = "jobs-files"
WORKFLOW = "run_job"
SCHEMA = "dbos"
ENTRIES = "workflow_status"

ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]

POLLING_SECONDS = 0.5
SCHEDULER_POLLING_SECONDS = 3600.0
# Connections of the engine's threads, in addition to one for each running job.
BACKGROUND_CONNECTIONS = 5
FINISHED_LIFETIME = timedelta(days=1)
DELETED_AT_ONCE = 1000

# The engine adds a handler to this logger unless the logger has one already.
_log = logging.getLogger("dbos")
_log.addHandler(logging.NullHandler())
_log.setLevel(logging.WARNING)


def enqueue(session: Session, job_id: str, queue: str) -> None:
    """Add a job to a queue in the caller's transaction."""
    client = DBOSClient(
        system_database_engine=session.get_bind().engine,
        dbos_system_schema=SCHEMA,
        serializer=DBOSPortableJSON,
        application_name=APPLICATION,
        lazy=True,
    )
    client.enqueue_in_transaction(
        session,
        {
            "workflow_name": WORKFLOW,
            "queue_name": queue,
            "workflow_id": job_id,
            "app_version": APPLICATION_VERSION,
        },
        job_id,
    )


def migrate(database: Database) -> None:
    """Create or update the engine's tables."""
    DBOS.migrate(_url(database), schema=SCHEMA)


def is_current(engine: sa.Engine) -> bool:
    """Whether the engine's tables exist and are not older than the engine."""
    if engine.dialect.name == "sqlite":
        present, needed = get_sqlite_migration_versions(engine)
    else:
        present, needed = get_migration_versions(engine, SCHEMA, use_listen_notify=True)
    return present >= needed


def count_entries(connection: sa.Connection) -> int:
    """The number of jobs in the queue, ended ones included; 0 if it has no tables yet."""
    schema = None if connection.dialect.name == "sqlite" else SCHEMA
    if not sa.inspect(connection).has_table(ENTRIES, schema=schema):
        return 0
    entries = sa.table(ENTRIES, schema=schema)
    return connection.scalar(sa.select(sa.func.count()).select_from(entries)) or 0


class QueueWorker:
    """Takes jobs from queues and passes them to a function; one instance per process.

    `queues` maps each queue to the number of its jobs that this worker runs at once.
    """

    def __init__(
        self,
        database: Database,
        executor: str,
        *,
        queues: Mapping[str, int],
        run_job: Callable[[str], str],
    ) -> None:
        self._executor = executor
        self._queues = dict(queues)
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": _url(database),
            "dbos_system_schema": SCHEMA,
            "sys_db_pool_size": sum(queues.values()) + BACKGROUND_CONNECTIONS,
            "application_version": APPLICATION_VERSION,
            # The default is the same for all processes: a second process would take over the
            # running jobs of the first, as if it had run them before a restart.
            "executor_id": executor,
            "serializer": DBOSPortableJSON,
            "run_migrations": False,
            "log_level": "WARNING",
            "scheduler_polling_interval_sec": SCHEDULER_POLLING_SECONDS,
        }
        DBOS(config=config)
        _register_workflow(run_job)

    def start(self) -> None:
        """Start to take jobs."""
        DBOS.listen_queues(list(self._queues))
        DBOS.launch()
        for queue, concurrency in self._queues.items():
            DBOS.register_queue(
                queue,
                worker_concurrency=concurrency,
                polling_interval_sec=POLLING_SECONDS,
                on_conflict="always_update",
            )

    def stop(self) -> None:
        """Stop to take jobs; the caller must end running jobs first."""
        DBOS.destroy()

    def owners(self) -> set[str]:
        """The executor ids of all workers that run jobs, dead or alive."""
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {workflow.executor_id for workflow in pending if workflow.executor_id}

    def recover(self, dead: Set[str]) -> None:
        """Queue the jobs of dead workers again.

        The engine's function is private, but idempotent and fenced: it skips a job that a live
        worker has taken in the meantime. The public `resume_workflow` does not check the owner.
        """
        others = dead - {self._executor}
        if others:
            DBOS._recover_pending_workflows(sorted(others))  # noqa: SLF001 - see the docstring

    def ended(self, job_ids: list[str]) -> list[str]:
        """The jobs whose entry in the queue has ended: no worker will run them again."""
        found = DBOS.list_workflows(
            workflow_ids=job_ids, status=ENDED, load_input=False, load_output=False
        )
        return [workflow.workflow_id for workflow in found]

    def delete_finished(self) -> None:
        """Delete the engine's entries of jobs that ended over a day ago; our rows stay."""
        ended = DBOS.list_workflows(
            status=ENDED,
            completed_before=(utc_now() - FINISHED_LIFETIME).isoformat(),
            limit=DELETED_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        if ended:
            DBOS.delete_workflows([workflow.workflow_id for workflow in ended])


def _register_workflow(run_job: Callable[[str], str]) -> None:
    """Register one workflow of one step, whose argument is the job's id.

    The engine's limit of attempts is off, because it also counts workers that were stopped in an
    orderly way. `app.jobs.attempts` counts the attempts that were lost with their worker.
    """

    @DBOS.step(name="attempt")
    def _step(job_id: str) -> str:
        return run_job(job_id)

    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
    def _run(job_id: str) -> str:
        return _step(job_id)


def _url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)
