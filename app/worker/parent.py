"""Run a worker from start to end: heartbeat, queue, periodic tasks, webhook delivery, children."""

import logging
import threading

from app.database_retry import DATABASE_ERRORS, RetryStopped, retry_until_available
from app.db import Database
from app.jobs import queue as engine
from app.jobs.queue import QueueWorker
from app.migrate import is_current
from app.settings import Settings
from app.worker.children import CHILD_COMMAND, Children
from app.worker.devices import CPU, default_device, visible_gpus
from app.worker.heartbeat import Heartbeat
from app.worker.identity import own_identity
from app.worker.periodic import PeriodicTask, periodic_tasks
from app.worker.recovery import remove_dead_workers
from app.worker.runner import LIGHT_AT_ONCE, Runner
from app.worker.webhook_delivery import WebhookSender

logger = logging.getLogger(__name__)

STOP_TIMEOUT_SECONDS = 10.0
MIGRATIONS_CHECK_SECONDS = 2.0


def run_worker(
    settings: Settings,
    stop: threading.Event,
    *,
    child_command: tuple[str, ...] = CHILD_COMMAND,
) -> None:
    """Run jobs until `stop` is set; then return the unfinished ones to the queue."""
    database = Database(
        settings.database_url,
        timeout_seconds=settings.database_timeout_seconds,
        synchronous=settings.sqlite_synchronous,
    )
    try:
        retry_until_available(lambda: _wait_for_tables(database, stop), stop)
        retry_until_available(lambda: remove_dead_workers(database), stop)
        _work(database, settings, stop, child_command)
    except RetryStopped:
        logger.info("stopped before the database answered")
    finally:
        database.dispose()


def _work(
    database: Database, settings: Settings, stop: threading.Event, child_command: tuple[str, ...]
) -> None:
    device = settings.device or default_device(visible_gpus())
    identity = own_identity(device)
    heartbeat = Heartbeat(database, identity, settings)
    retry_until_available(heartbeat.start, stop)
    children = Children(child_command, warm=settings.warm_child, device=device)
    runner = Runner(database, children, heartbeat, identity.executor, settings.workers)
    queue = QueueWorker(
        database,
        identity.executor,
        queues=_queues(device, settings.workers),
        run_job=runner.run,
    )
    background: list[PeriodicTask | WebhookSender] = [
        *periodic_tasks(database, settings, queue),
        WebhookSender(database, settings),
    ]
    queue.start()
    children.warm_up()
    for task in background:
        task.start()
    logger.info("worker %s takes jobs (%s)", identity.executor, identity.device)
    stop.wait()
    logger.info("worker %s stops", identity.executor)
    for task in background:
        task.stop()
    runner.stop(STOP_TIMEOUT_SECONDS)
    children.stop()
    queue.stop()
    _sign_off(heartbeat)


def _queues(device: str, workers: int) -> dict[str, int]:
    """The worker's queues, and how many jobs of each run at the same time."""
    training = [engine.QUEUE] if device == CPU else [engine.GPU_QUEUE, engine.QUEUE]
    return {**dict.fromkeys(training, workers), engine.LIGHT_QUEUE: LIGHT_AT_ONCE}


def _wait_for_tables(database: Database, stop: threading.Event) -> None:
    """Wait until the database is migrated to this release."""
    while True:
        with database.reading() as session:
            if is_current(session.connection()) and engine.is_current(database.engine):
                return
        logger.warning("the database's tables are not those of this release: waiting for them")
        if stop.wait(MIGRATIONS_CHECK_SECONDS):
            raise RetryStopped


def _sign_off(heartbeat: Heartbeat) -> None:
    try:
        heartbeat.stop()
    except DATABASE_ERRORS:
        logger.warning("the worker could not sign off; others will find its heartbeat missing")
