"""Worker heartbeats, by the clock of the database rather than that of a machine."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import insert_or_ignore
from app.jobs.tables import Worker

MICROSECONDS_PER_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Identity:
    """A worker process, and how its machine can find out that it has exited.

    `machine` is the same for all processes that see each other's process ids, and
    `process_started` distinguishes a process from a later one with the same id.
    """

    executor: str
    machine: str
    pid: int
    process_started: str
    device: str


def beat(session: Session, identity: Identity, *, lost_after_seconds: float) -> None:
    """Record that the worker is alive, and until when it counts as alive."""
    now = _database_now(session)
    values = {
        "beat_at": now,
        "alive_until": now + int(lost_after_seconds * MICROSECONDS_PER_SECOND),
    }
    statement = sa.update(Worker).where(Worker.executor == identity.executor).values(**values)
    if session.connection().execute(statement).rowcount == 1:
        return
    insert_or_ignore(
        session,
        Worker,
        executor=identity.executor,
        machine=identity.machine,
        pid=identity.pid,
        process_started=identity.process_started,
        device=identity.device,
        started_at=now,
        **values,
    )


def remove(session: Session, executors: Iterable[str]) -> None:
    """Delete workers; the next recovery queues their jobs again."""
    session.execute(sa.delete(Worker).where(Worker.executor.in_(list(executors))))


def remove_dead(session: Session) -> None:
    """Delete the workers that are not alive; a slow one registers again."""
    session.execute(sa.delete(Worker).where(~_alive(session)))


def live_executors(session: Session) -> set[str]:
    """The executor ids of the live workers."""
    return set(session.scalars(sa.select(Worker.executor).where(_alive(session))))


def is_live(session: Session, executor: str | None) -> bool:
    """Whether a worker is alive."""
    statement = sa.select(Worker.executor).where(Worker.executor == executor, _alive(session))
    return session.scalar(statement) is not None


def live_device_kinds(session: Session) -> list[str]:
    """`cpu` or `gpu` for each live worker."""
    devices = session.scalars(sa.select(Worker.device).where(_alive(session)))
    return [device.partition(":")[0] for device in devices]


def workers_of_machine(session: Session, machine: str) -> list[Worker]:
    """The workers that were started on a machine and have not removed their row."""
    return list(session.scalars(sa.select(Worker).where(Worker.machine == machine)))


def _alive(session: Session) -> sa.ColumnElement[bool]:
    return sa.type_coerce(Worker.alive_until, sa.BigInteger) > _database_now(session)


def _database_now(session: Session) -> sa.ColumnElement[int]:
    """The database's clock in microseconds since 1970."""
    if session.get_bind().dialect.name == "postgresql":
        epoch = sa.func.extract("epoch", sa.func.clock_timestamp())
        return sa.cast(epoch * MICROSECONDS_PER_SECOND, sa.BigInteger)
    days = sa.func.julianday("now") - sa.literal(2440587.5)
    return sa.cast(days * sa.literal(86_400.0 * MICROSECONDS_PER_SECOND), sa.BigInteger)
