"""The interface between a job's handler and the database: input, progress, checkpoints, result."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.database_retry import DATABASE_ERRORS, retry_until_available
from app.db import Database, finite_or_none, is_full
from app.errors import DatabaseFull
from app.jobs import attempts
from app.jobs.attempts import Attempt
from app.jobs.coalescing_writer import CoalescingWriter
from app.jobs.tables import NO_PROGRESS
from app.problems import NO_ROOM

# At most three writes a second, and an epoch is visible within a second.
PROGRESS_INTERVAL_SECONDS = 0.3
CHECKPOINT_INTERVAL_SECONDS = 2.0

Publish = Callable[[Session], dict[str, Any]]
Answer = TypeVar("Answer")


class Task:
    """A running attempt: reads, writes, progress, checkpoints and the end of its job."""

    def __init__(self, database: Database, attempt: Attempt) -> None:
        self.attempt = attempt
        self._database = database
        self._progress = CoalescingWriter(
            self._write_progress, interval_seconds=PROGRESS_INTERVAL_SECONDS
        )
        self._checkpoints = CoalescingWriter(
            self._write_checkpoint, interval_seconds=CHECKPOINT_INTERVAL_SECONDS
        )

    @property
    def database(self) -> Database:
        """The database, for work in several unfenced transactions that can be repeated."""
        return self._database

    def read(self, query: Callable[[Session], Answer]) -> Answer:
        """Read from the database, retrying until it is available."""

        def once() -> Answer:
            with self._database.reading() as session:
                return query(session)

        return retry_until_available(once, threading.Event())

    def write(self, work: Callable[[Session], Answer]) -> Answer:
        """Write in one transaction, if the attempt is still the job's.

        Raises:
            Superseded: If it is not; nothing is written.
        """

        def once() -> Answer:
            with self._database.transaction() as session:
                attempts.lock_job(session, self.attempt)
                return work(session)

        return retry_until_available(once, threading.Event())

    def load_checkpoint(self) -> bytes | None:
        """The last checkpoint of the job, from an earlier attempt."""
        return self.read(lambda session: attempts.load_checkpoint(session, self.attempt))

    def save_checkpoint(self, data: bytes) -> None:
        """Save a state from which a later attempt can resume, in the background."""
        self._checkpoints.put(data)

    def report(self, **progress: Any) -> None:
        """Report the progress; fields that are not given are unknown."""
        known = {
            name: finite_or_none(value) if isinstance(value, float) else value
            for name, value in progress.items()
        }
        self._progress.put({**NO_PROGRESS, **known})

    def finish(self, publish: Publish) -> None:
        """Publish the result and end the job, in one transaction.

        Raises:
            Superseded: If the attempt is no longer the job's; nothing is published.
        """
        self._write_last(lambda session: attempts.succeed(session, self.attempt, publish))

    def finish_long(self, store: Publish) -> None:
        """Store the result and end the job, in one transaction that may take minutes.

        The job's row is locked only at the end: until then the job can be cancelled, and its
        progress is visible. On SQLite other writes, the progress included, wait meanwhile.

        Raises:
            Superseded: If the attempt is no longer the job's; nothing is stored.
            DatabaseFull: If the disk is full: a retry would fail again.
        """
        if self._database.is_sqlite:
            self.close()

        def once() -> None:
            with self._database.transaction() as session:
                result = store(session)
                self.close()
                attempts.succeed(session, self.attempt, lambda _: result)

        def once_unless_full() -> None:
            try:
                once()
            except DATABASE_ERRORS as error:
                if is_full(error):
                    raise DatabaseFull(NO_ROOM) from error
                raise

        retry_until_available(once_unless_full, threading.Event())

    def fail(self, error: str) -> None:
        """End the job with a message for its owner."""
        self._write_last(lambda session: attempts.fail(session, self.attempt, error))

    def close(self) -> None:
        """Write the values that still wait, and stop the background writers."""
        self._progress.close()
        self._checkpoints.close()

    def _write_last(self, write: Callable[[Session], None]) -> None:
        def once() -> None:
            with self._database.transaction() as session:
                write(session)

        self.close()
        retry_until_available(once, threading.Event())

    def _write_progress(self, progress: dict[str, Any]) -> None:
        with self._database.transaction() as session:
            attempts.report(session, self.attempt, progress)

    def _write_checkpoint(self, data: bytes) -> None:
        with self._database.transaction() as session:
            attempts.save_checkpoint(session, self.attempt, data)


def publish_result(result: dict[str, Any]) -> Publish:
    """Publish a result that is complete already: nothing else has to be stored with it."""

    def publish(_: Session) -> dict[str, Any]:
        return result

    return publish
