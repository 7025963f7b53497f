"""The rounds: what every worker does again and again beside its jobs."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.database_retry import first_line
from app.db import Database
from app.drift.watching import watch_drift
from app.retention.nightly import clean_nightly
from app.schedules.firing import fire_due
from app.settings import Settings

logger = logging.getLogger(__name__)

STOP_TIMEOUT_SECONDS = 1.0
# A night's cleaning may begin so much late.
CLEANING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do again and again.

    Every worker does it, on any number of machines: what must be done once is claimed in the
    transaction that does it.

    Args:
        name: For the log.
        do: Does it once. It may fail, and is then tried at the next time.
        every_seconds: How long to wait after it has been done, by the settings.
    """

    name: str
    do: Callable[[Database, Settings], None]
    every_seconds: Callable[[Settings], float]


DUTIES = (
    Duty("schedules", fire_due, lambda settings: settings.schedules_seconds),
    Duty("drift", watch_drift, lambda settings: settings.schedules_seconds),
    Duty("cleaning", clean_nightly, lambda _: CLEANING_SECONDS),
)


class Rounds:
    """Does the duties in a thread of its own; every worker has one."""

    def __init__(
        self, database: Database, settings: Settings, duties: tuple[Duty, ...] = DUTIES
    ) -> None:
        self._database = database
        self._settings = settings
        self._due = dict.fromkeys(duties, 0.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def start(self) -> None:
        """Do every duty at once, and then again and again."""
        self._thread.start()

    def stop(self) -> None:
        """Do nothing more; what waits for the database is left to itself."""
        self._stop.set()
        self._thread.join(STOP_TIMEOUT_SECONDS)

    def make(self) -> None:
        """Do what is due."""
        for duty, due in list(self._due.items()):
            if self._stop.is_set() or time.monotonic() < due:
                continue
            try:
                duty.do(self._database, self._settings)
            except Exception as error:  # whatever it was, the next time may succeed
                logger.warning("%s could not be looked after: %s", duty.name, first_line(error))
            self._due[duty] = time.monotonic() + duty.every_seconds(self._settings)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.make()
            self._stop.wait(max(0.0, min(self._due.values()) - time.monotonic()))
