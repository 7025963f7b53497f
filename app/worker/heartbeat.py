"""The worker's heartbeat, and the look for workers whose heart has stopped."""

import logging
import threading
import time

from app.database_retry import first_line
from app.db import Database
from app.jobs import attempts, workers
from app.jobs.queue import QueueWorker
from app.jobs.workers import Identity
from app.settings import Settings
from app.worker.identity import is_gone, machine

logger = logging.getLogger(__name__)

# A worker stops its own work well before another one takes it over.
GIVE_UP_SHARE = 2 / 3
STOP_TIMEOUT_SECONDS = 1.0
LOOKED_AT_ONCE = 1000


class Heart:
    """Beats in a thread of its own, and knows when the database last heard it."""

    def __init__(self, database: Database, identity: Identity, settings: Settings) -> None:
        self._database = database
        self._identity = identity
        self._interval_seconds = settings.heartbeat_seconds
        self._lost_after_seconds = settings.worker_lost_seconds
        self._last_beat = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Register the worker and go on beating."""
        self.beat()
        self._thread.start()

    def beat(self) -> None:
        """One beat. The moment counts from before it: the database's answer may be slow."""
        before = time.monotonic()
        with self._database.transaction() as session:
            workers.beat(session, self._identity, lost_after_seconds=self._lost_after_seconds)
        self._last_beat = before

    def stopped(self) -> bool:
        """Whether the database has heard nothing for so long that others may soon take over."""
        silence_seconds = time.monotonic() - self._last_beat
        return silence_seconds > self._lost_after_seconds * GIVE_UP_SHARE

    def stop(self) -> None:
        """Say goodbye: the jobs of this worker are free for others at once."""
        self._stop.set()
        self._thread.join(STOP_TIMEOUT_SECONDS)
        with self._database.transaction() as session:
            workers.remove(session, [self._identity.executor])

    def _run(self) -> None:
        while not self._stop.wait(self._interval_seconds):
            try:
                self.beat()
            except Exception as error:  # whatever it was, the next beat may succeed
                if self._database.is_locked(error):
                    # Who holds the one lock of SQLite lets nobody take this worker for dead.
                    self._last_beat = time.monotonic()
                logger.warning("the heartbeat could not be written: %s", first_line(error))


class Reaper:
    """Gives the jobs of dead workers back to the queue; every worker has one."""

    def __init__(self, database: Database, queue: QueueWorker, settings: Settings) -> None:
        self._database = database
        self._queue = queue
        self._interval_seconds = settings.reaper_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)

    def start(self) -> None:
        """Look at once, and then again and again."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; a look that waits for the database is left to itself."""
        self._stop.set()
        self._thread.join(STOP_TIMEOUT_SECONDS)

    def reap(self) -> None:
        """Look once.

        Who has jobs is read before who is alive, not after: a worker that starts in
        between registers before it takes a job, and would be taken for dead.
        """
        owners = self._queue.owners()
        with self._database.transaction() as session:
            workers.remove_dead(session)
            live = workers.live_executors(session)
        self._queue.recover(owners - live)

    def fail_forgotten(self) -> None:
        """End jobs whose entry in the queue has ended without them, through some mistake.

        A job ends before its entry does, so one that does not must be read first.
        """
        with self._database.reading() as session:
            unfinished = attempts.unfinished_jobs(session, limit=LOOKED_AT_ONCE)
        for job_id in self._queue.ended(unfinished) if unfinished else ():
            logger.error("the queue has forgotten the job %s", job_id)
            with self._database.transaction() as session:
                attempts.fail_forgotten(session, job_id)

    def _run(self) -> None:
        while True:
            try:
                self.reap()
                self.fail_forgotten()
                self._queue.forget_finished()
            except Exception as error:  # the engine has errors of its own
                logger.warning("could not look for dead workers: %s", first_line(error))
            if self._stop.wait(self._interval_seconds):
                return


def bury_the_gone(database: Database) -> None:
    """Forget this machine's workers whose process has ended, so that nobody waits for them."""
    with database.transaction() as session:
        gone = [w.executor for w in workers.workers_of_machine(session, machine()) if is_gone(w)]
        workers.remove(session, gone)
