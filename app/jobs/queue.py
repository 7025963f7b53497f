"""The durable queue, DBOS Transact on the application's own database: nothing else imports it.

What the queue knows of a job is its id; everything about the job is in our tables.

The private names of DBOS that are used here are held by one test, which says what to do when they
move: `tests/app/jobs/test_engine_private_names.py`.
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
# A constant: by default it is a hash of the source, and after a deployment the jobs that
# were queued before it would never run.
APPLICATION_VERSION = "1"
QUEUE = "jobs"
# Taken by workers with a GPU only; they take from the common queue as well.
GPU_QUEUE = "jobs-gpu"
# Taken by every worker beside its trainings. The name is older than the kinds in it: jobs that
# wait under a name must be found under it after an upgrade.
LIGHT_QUEUE = "jobs-files"
WORKFLOW = "run_job"
SCHEMA = "dbos"

ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]

POLLING_SECONDS = 0.5
SCHEDULER_POLLING_SECONDS = 3600.0
# Connections of the engine's own threads, beside one for each running job.
BACKGROUND_CONNECTIONS = 5
FINISHED_WORKFLOWS_LAST = timedelta(days=1)
FORGOTTEN_AT_ONCE = 1000

# The engine hangs a handler of its own on this logger unless it has one already.
_log = logging.getLogger("dbos")
_log.addHandler(logging.NullHandler())
_log.setLevel(logging.WARNING)


def enqueue(session: Session, job_id: str, queue: str) -> None:
    """Put a job into a queue in the caller's transaction."""
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
    """Make or update the engine's tables."""
    DBOS.migrate(_url(database), schema=SCHEMA)


def is_current(engine: sa.Engine) -> bool:
    """Whether the engine's tables are there and not older than the engine."""
    if engine.dialect.name == "sqlite":
        present, needed = get_sqlite_migration_versions(engine)
    else:
        present, needed = get_migration_versions(engine, SCHEMA, use_listen_notify=True)
    return present >= needed


class QueueWorker:
    """Takes jobs from its queues and gives them to a function; one to a process.

    Each queue has a number of jobs that this worker takes from it at once.
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
            # The default is the same for all: a second process would take the first
            # one's running jobs for its own of an earlier life.
            "executor_id": executor,
            "serializer": DBOSPortableJSON,
            "run_migrations": False,
            "log_level": "WARNING",
            "scheduler_polling_interval_sec": SCHEDULER_POLLING_SECONDS,
        }
        DBOS(config=config)
        _register_workflow(run_job)

    def start(self) -> None:
        """Begin to take jobs."""
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
        """Take no more jobs; those that run are the caller's to end first."""
        DBOS.destroy()

    def owners(self) -> set[str]:
        """The workers that own running jobs, dead or alive."""
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {workflow.executor_id for workflow in pending if workflow.executor_id}

    def recover(self, dead: Set[str]) -> None:
        """Queue the jobs of dead workers again.

        Private to the engine, but idempotent and fenced: a job that a living worker has
        taken in the meantime is left alone. The public `resume_workflow` would not look
        at the owner.
        """
        others = dead - {self._executor}
        if others:
            DBOS._recover_pending_workflows(sorted(others))  # noqa: SLF001 - see above

    def ended(self, job_ids: list[str]) -> list[str]:
        """Those of the jobs that will never run again."""
        found = DBOS.list_workflows(
            workflow_ids=job_ids, status=ENDED, load_input=False, load_output=False
        )
        return [workflow.workflow_id for workflow in found]

    def forget_finished(self) -> None:
        """Delete the engine's entries of jobs that ended long ago; ours stay."""
        ended = DBOS.list_workflows(
            status=ENDED,
            completed_before=(utc_now() - FINISHED_WORKFLOWS_LAST).isoformat(),
            limit=FORGOTTEN_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        if ended:
            DBOS.delete_workflows([workflow.workflow_id for workflow in ended])


def _register_workflow(run_job: Callable[[str], str]) -> None:
    """One workflow of one step, whose argument is the job's id.

    The engine's own limit of attempts is off: it counts a worker that was stopped in
    good order like one that died. `app.jobs.attempts` counts the dead.
    """

    @DBOS.step(name="attempt")
    def _step(job_id: str) -> str:
        return run_job(job_id)

    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
    def _run(job_id: str) -> str:
        return _step(job_id)


def _url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)
