"""The worker's heartbeat, which shows the other workers that this one is alive."""

import logging
import time

from app.database_retry import first_line
from app.db import Database
from app.jobs import workers
from app.jobs.workers import Identity
from app.settings import Settings
from app.worker.periodic import PeriodicTask

logger = logging.getLogger(__name__)

# A worker stops its jobs after this share of the time after which another worker takes them over.
GIVE_UP_SHARE = 2 / 3


class Heartbeat:
    """Writes the heartbeat at an interval, and knows when the last one reached the database."""

    def __init__(self, database: Database, identity: Identity, settings: Settings) -> None:
        self._database = database
        self._identity = identity
        self._lost_after_seconds = settings.worker_lost_seconds
        self._last_beat = time.monotonic()
        interval = settings.heartbeat_seconds
        self._task = PeriodicTask("heartbeat", self._try_beat, interval, delay_seconds=interval)

    def start(self) -> None:
        """Register the worker with a first beat and go on beating."""
        self.beat()
        self._task.start()

    def beat(self) -> None:
        """Write one beat. Its time is taken before the write, because that may be slow."""
        before = time.monotonic()
        with self._database.transaction() as session:
            workers.beat(session, self._identity, lost_after_seconds=self._lost_after_seconds)
        self._last_beat = before

    def is_lost(self) -> bool:
        """Whether the last beat is too old: other workers may soon take over the jobs."""
        silence_seconds = time.monotonic() - self._last_beat
        return silence_seconds > self._lost_after_seconds * GIVE_UP_SHARE

    def stop(self) -> None:
        """Sign off, so that other workers take over this worker's jobs without delay."""
        self._task.stop()
        with self._database.transaction() as session:
            workers.remove(session, [self._identity.executor])

    def _try_beat(self) -> None:
        try:
            self.beat()
        except Exception as error:  # the next beat may succeed after any error
            if self._database.is_locked(error):
                # While another process holds SQLite's write lock, another worker cannot take over.
                self._last_beat = time.monotonic()
            logger.warning("the heartbeat could not be written: %s", first_line(error))
