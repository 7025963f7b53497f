"""Periodic tasks: functions that every worker calls at intervals, each in its own thread."""

import logging
import threading
from collections.abc import Callable

from app.calendars import service as calendars
from app.database_retry import first_line
from app.db import Database
from app.drift.watching import watch_drift
from app.jobs.queue import QueueWorker
from app.retention.nightly import clean_nightly
from app.schedules.firing import fire_due
from app.settings import Settings
from app.worker.recovery import recover_jobs

logger = logging.getLogger(__name__)

STOP_TIMEOUT_SECONDS = 1.0
CALENDARS_SECONDS = 3600.0
# The nightly cleaning may start up to this late.
CLEANING_SECONDS = 60.0


class PeriodicTask:
    """Calls a function at once and then at an interval, in a thread of its own.

    A call that fails is logged, and the next one is made after the same interval. Every worker on
    every machine makes the calls, so work that must happen once is claimed in the transaction that
    does it.

    Args:
        name: The name of the thread, also for the log.
        run: The function to call.
        interval_seconds: How long to wait after a call has ended.
        delay_seconds: How long to wait before the first call.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[], None],
        interval_seconds: float,
        *,
        delay_seconds: float = 0.0,
    ) -> None:
        self.name = name
        self._call = run
        self._interval_seconds = interval_seconds
        self._delay_seconds = delay_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the calls; wait at most `STOP_TIMEOUT_SECONDS` for a running one."""
        self._stop.set()
        self._thread.join(STOP_TIMEOUT_SECONDS)

    def _run(self) -> None:
        wait_seconds = self._delay_seconds
        while not self._stop.wait(wait_seconds):
            try:
                self._call()
            except Exception as error:  # the engine and the databases raise errors of many classes
                logger.warning("the task %r failed: %s", self.name, first_line(error))
            wait_seconds = self._interval_seconds


def periodic_tasks(
    database: Database, settings: Settings, queue: QueueWorker
) -> list[PeriodicTask]:
    """The periodic tasks of a worker, without its heartbeat."""
    return [
        PeriodicTask("recovery", lambda: recover_jobs(database, queue), settings.recovery_seconds),
        PeriodicTask("calendars", lambda: calendars.renew(database), CALENDARS_SECONDS),
        PeriodicTask("schedules", lambda: fire_due(database, settings), settings.schedules_seconds),
        PeriodicTask("drift", lambda: watch_drift(database, settings), settings.schedules_seconds),
        PeriodicTask("cleaning", lambda: clean_nightly(database, settings), CLEANING_SECONDS),
    ]
