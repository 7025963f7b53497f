"""Requeue the jobs of dead workers, end lost jobs, and remove workers that have exited."""

import logging

from app.db import Database
from app.jobs import attempts, workers
from app.jobs.queue import QueueWorker
from app.worker.identity import has_exited, machine

logger = logging.getLogger(__name__)

UNFINISHED_LIMIT = 1000


def recover_jobs(database: Database, queue: QueueWorker) -> None:
    """Requeue the jobs of dead workers and end those that the queue has lost."""
    requeue_jobs_of_dead_workers(database, queue)
    fail_lost_jobs(database, queue)
    queue.delete_finished()


def requeue_jobs_of_dead_workers(database: Database, queue: QueueWorker) -> None:
    """Return the jobs of workers without a heartbeat to the queue.

    The owners of jobs are read before the live workers. A worker that starts in between registers
    before it takes a job, so in the other order it would look dead.
    """
    owners = queue.owners()
    with database.transaction() as session:
        workers.remove_dead(session)
        live = workers.live_executors(session)
    queue.recover(owners - live)


def fail_lost_jobs(database: Database, queue: QueueWorker) -> None:
    """End jobs whose entry in the queue has ended without them, which only an error can cause.

    A job ends before its entry does, so the unfinished jobs must be read before the entries.
    """
    with database.reading() as session:
        unfinished = attempts.unfinished_jobs(session, limit=UNFINISHED_LIMIT)
    for job_id in queue.ended(unfinished) if unfinished else ():
        logger.error("the entry of the unfinished job %s in the queue has ended", job_id)
        with database.transaction() as session:
            attempts.fail_missing_from_queue(session, job_id)


def remove_dead_workers(database: Database) -> None:
    """Remove this machine's workers whose process has exited: their jobs are requeued at once."""
    with database.transaction() as session:
        of_machine = workers.workers_of_machine(session, machine())
        workers.remove(session, [each.executor for each in of_machine if has_exited(each)])
