"""Ask the database for figures in a thread of their own: cached, one at a time, with a deadline."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass

import sqlalchemy as sa
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy.orm import Session

from app.database_retry import first_line
from app.db import Database

logger = logging.getLogger(__name__)

# How long a scrape waits: Prometheus gives up after 10 seconds by default.
DEADLINE_SECONDS = 3.0
STATEMENT_MILLISECONDS = 10_000

Read = Callable[[Session], Iterable[GaugeMetricFamily]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the database answered, and when it was asked."""

    families: list[GaugeMetricFamily]
    at: float


class DatabaseFigures:
    """Figures that are asked again once they are older than `fresh_seconds`.

    No thread of the requests is used: a database that hangs holds up one thread of this class, and
    no second one is started meanwhile. All methods but `_ask` run in the event loop.
    """

    def __init__(
        self, database: Database, read: Read, *, fresh_seconds: float, usable_seconds: float
    ) -> None:
        self._database = database
        self._read = read
        self._fresh_seconds = fresh_seconds
        self._usable_seconds = usable_seconds
        self._known: Asked | None = None
        self._running: Future[Asked | None] | None = None
        self._has_failed = False

    async def families(self) -> list[GaugeMetricFamily] | None:
        """The figures; None if the database does not answer and earlier ones are too old."""
        self._take_result()
        if not self._is_younger_than(self._fresh_seconds):
            await asyncio.wait([asyncio.wrap_future(self._asked())], timeout=DEADLINE_SECONDS)
            self._take_result()
        usable = self._known if self._is_younger_than(self._usable_seconds) else None
        return None if usable is None else usable.families

    def _is_younger_than(self, seconds: float) -> bool:
        return self._known is not None and time.monotonic() - self._known.at < seconds

    def _asked(self) -> "Future[Asked | None]":
        if self._running is None:
            self._running = Future()
            # A daemon: a database that hangs must not hold up the end of the process.
            threading.Thread(target=self._ask, args=(self._running,), daemon=True).start()
        return self._running

    def _take_result(self) -> None:
        if self._running is not None and self._running.done():
            self._known = self._running.result() or self._known
            self._running = None

    def _ask(self, asked: "Future[Asked | None]") -> None:
        begin = time.monotonic()
        try:
            with self._database.reading() as session:
                if not self._database.is_sqlite:
                    session.execute(
                        sa.text(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}")
                    )
                found = Asked(list(self._read(session)), begin)
        except Exception as error:  # the page is answered without these figures
            if not self._has_failed:
                logger.warning("figures could not be read from the database: %s", first_line(error))
            self._has_failed = True
            asked.set_result(None)
            return
        self._has_failed = False
        asked.set_result(found)
