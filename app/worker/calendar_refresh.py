"""The almanac: has the sessions of exchanges read again before they run out."""

import logging
import threading

from app.calendars import service
from app.database_retry import first_line
from app.db import Database

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 3600.0


class Almanac:
    """Looks after the stored sessions in a thread of its own; every worker has one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="almanac", daemon=True)

    def start(self) -> None:
        """Look at once, for a new version of the library, and then every hour."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; a child that is reading ends by itself."""
        self._stop.set()

    def _run(self) -> None:
        while True:
            try:
                service.renew(self._database)
            except Exception as error:  # whatever it was, the next round may succeed
                logger.warning("could not renew the calendars: %s", first_line(error))
            if self._stop.wait(INTERVAL_SECONDS):
                return
