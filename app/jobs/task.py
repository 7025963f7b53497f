"""A job as its handler sees it: what to work on, and where to say how far it is."""

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

# A few writes a second at most, and yet an epoch is seen within a second.
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
        """For work in several transactions that needs no fence: it may be done twice."""
        return self._database

    def read(self, query: Callable[[Session], Answer]) -> Answer:
        """Read from the database, waiting for it where it does not answer."""

        def once() -> Answer:
            with self._database.reading() as session:
                return query(session)

        return retry_until_available(once, threading.Event())

    def write(self, work: Callable[[Session], Answer]) -> Answer:
        """Write in one transaction that counts only while the attempt is the job's.

        Raises:
            Superseded: If it is not; nothing is written.
        """

        def once() -> Answer:
            with self._database.transaction() as session:
                attempts.hold(session, self.attempt)
                return work(session)

        return retry_until_available(once, threading.Event())

    def load_checkpoint(self) -> bytes | None:
        """Where an earlier attempt of the job stopped."""
        return self.read(lambda session: attempts.load_checkpoint(session, self.attempt))

    def save_checkpoint(self, data: bytes) -> None:
        """Hand over a state that a later attempt can go on from."""
        self._checkpoints.put(data)

    def report(self, **progress: Any) -> None:
        """Say how far the work is; fields that are not given are not known."""
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

        The job's row is held at its end only: until then the job can be cancelled, and shows how
        far it is. On SQLite no other process can write meanwhile, not even the progress.

        Raises:
            Superseded: If the attempt is no longer the job's; nothing is stored.
            DatabaseFull: If the disk is full: another try would not help.
        """
        if self._database.is_sqlite:
            self.close()

        def once() -> None:
            with self._database.transaction() as session:
                result = store(session)
                self.close()
                attempts.succeed(session, self.attempt, lambda _: result)

        def once_if_there_is_room() -> None:
            try:
                once()
            except DATABASE_ERRORS as error:
                if is_full(error):
                    raise DatabaseFull(NO_ROOM) from error
                raise

        retry_until_available(once_if_there_is_room, threading.Event())

    def fail(self, error: str) -> None:
        """End the job with a sentence for its owner."""
        self._write_last(lambda session: attempts.fail(session, self.attempt, error))

    def close(self) -> None:
        """Write what still waits; nothing more is taken."""
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
