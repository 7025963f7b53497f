"""Write only the newest of several values, in the background and at a limited rate."""

import logging
import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from app.database_retry import RetryStopped, retry_until_available
from app.jobs.attempts import Superseded

logger = logging.getLogger(__name__)

SUPERSEDED_EXIT_CODE = 3

Value = TypeVar("Value")


class CoalescingWriter(Generic[Value]):
    """Writes values at most once per interval; a newer value replaces one that waits.

    The thread that calls `put` never waits for the database.
    """

    def __init__(self, write: Callable[[Value], None], *, interval_seconds: float) -> None:
        self._write = write
        self._interval_seconds = interval_seconds
        self._waiting: list[Value] = []
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="newest-writer", daemon=True)
        self._thread.start()

    def put(self, value: Value) -> None:
        """Write this value soon, unless a newer value replaces it first."""
        with self._changed:
            self._waiting = [value]
            self._changed.notify()

    def close(self) -> None:
        """Write the value that still waits, if any, and stop the thread."""
        self._closed.set()
        with self._changed:
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (values := self._take()) is not None:
            for value in values:
                self._write_with_retries(value)
            self._closed.wait(self._interval_seconds)

    def _take(self) -> list[Value] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed.is_set())
            taken, self._waiting = self._waiting, []
        return taken or None

    def _write_with_retries(self, value: Value) -> None:
        try:
            retry_until_available(lambda: self._write(value), self._closed)
        except RetryStopped:
            logger.warning("the last value of a job could not be written")
        except Superseded:
            # Another process works on the job now, or the job has ended: the result of this process
            # cannot be used, and there is nothing to clean up.
            logger.warning("another attempt has started, or the job has ended: this attempt ends")
            os._exit(SUPERSEDED_EXIT_CODE)
