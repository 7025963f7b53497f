"""Retry work on the database while it is locked or cannot be reached."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy.exc

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
DATABASE_ERRORS = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.TimeoutError)

Answer = TypeVar("Answer")


class RetryStopped(Exception):
    """`stop` was set before the database answered."""


def retry_until_available(work: Callable[[], Answer], stop: threading.Event) -> Answer:
    """Repeat work on the database until it succeeds.

    The work must be one transaction that can safely be repeated.

    Raises:
        RetryStopped: If `stop` was set before the database answered.
    """
    while True:
        try:
            return work()
        except DATABASE_ERRORS as error:
            logger.warning("the database does not answer, trying again: %s", first_line(error))
        if stop.wait(PAUSE_SECONDS):
            raise RetryStopped


def first_line(error: Exception) -> str:
    """The message of a database error, without the statement and the links."""
    return str(error).partition("\n")[0]
