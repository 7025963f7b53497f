"""The database: engine, transactions, table base and column types."""

import math
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, TypeVarTuple

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator, TypeEngine

Columns = TypeVarTuple("Columns")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# One for each thread that answers requests (AnyIO's default): none waits for another's connection.
CONNECTIONS = 40
# PostgreSQL's code (its manual, appendix A).
DISK_FULL = "53100"

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


class Base(DeclarativeBase):
    """Base class of all tables; constraint names are fixed so that migrations can use them."""

    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)


class Timestamp(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since 1970 on both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_microseconds(value)


class FloatVector(TypeDecorator[npt.NDArray[np.float64]]):
    """A row's values: `double precision[]`, or packed little-endian float64 on SQLite."""

    impl = sa.LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(sa.Double()))
        return dialect.type_descriptor(sa.LargeBinary())

    def process_bind_param(
        self, value: npt.NDArray[np.float64] | None, dialect: Dialect
    ) -> list[float] | bytes | None:
        if value is None:
            return None
        vector = np.asarray(value, dtype="<f8")
        return vector.tolist() if dialect.name == "postgresql" else vector.tobytes()

    def process_result_value(self, value: Any, dialect: Dialect) -> npt.NDArray[np.float64] | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return np.asarray(value, dtype=np.float64)
        return np.frombuffer(value, dtype="<f8")


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, without the rounding of floats."""
    return (moment - EPOCH) // MICROSECOND


def from_microseconds(microseconds: int | np.int64) -> datetime:
    """The aware UTC datetime of microseconds since 1970."""
    return EPOCH + int(microseconds) * MICROSECOND


def enum_type(members: type[StrEnum], length: int) -> sa.Enum:
    """A column type that stores the values of an enum as text, the same on both databases."""
    return sa.Enum(members, native_enum=False, length=length, values_callable=list)


def utc_now() -> datetime:
    """The current time as an aware UTC datetime."""
    return datetime.now(UTC)


def finite_or_none(value: float | None) -> float | None:
    """A number, or None for NaN and infinity, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None


def engine_url(database_url: str) -> URL:
    """The URL, for PostgreSQL with the driver of the `postgres` extra."""
    url = sa.make_url(database_url)
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    return url


class WaitingLine:
    """A lock that is handed to the thread that has waited longest."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for the lock; whether it was handed over in time."""
        turn = threading.Lock()
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=timeout_seconds):
            return True
        with self._guard:
            if turn not in self._waiting:  # It was handed over in this moment.
                return True
            self._waiting.remove(turn)
            return False

    def leave(self) -> None:
        """Hand the lock to the next one."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


class Database:
    """One engine with write transactions, read sessions and single statements."""

    def __init__(self, database_url: str, *, timeout_seconds: float = 10.0) -> None:
        self.url = engine_url(database_url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.engine = _sqlite_engine(self.url, timeout_seconds)
        else:
            self.engine = _postgresql_engine(self.url, timeout_seconds)
        self._snapshots = _snapshot_engine(self.engine)
        self._statements = _statement_engine(self.engine)
        self._timeout_seconds = timeout_seconds
        self._writers = WaitingLine()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end, or rolls back on an error.

        On SQLite the write lock is taken at the start: a transaction that reads first and writes
        later would otherwise fail if another writer committed in between.
        """
        with (
            self._turn_to_write(),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})
            yield session

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        """Wait for the other writers of this process.

        SQLite lets one write at a time, and the others look again after sleeps of up to 100 ms, in
        no order: one of eight could wait for seconds.
        """
        if not self.is_sqlite:
            yield
            return
        if not self._writers.wait(self._timeout_seconds):
            raise sa.exc.TimeoutError("other writers of this process hold the database")
        try:
            yield
        finally:
            self._writers.leave()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that reads from one snapshot of the database and never waits for writers."""
        with Session(self._snapshots, expire_on_commit=False) as session:
            yield session

    def first(
        self, statement: sa.Select[*Columns], parameters: Mapping[str, object]
    ) -> sa.Row[*Columns] | None:
        """The first row of one statement, without a transaction: the cheapest way to read."""
        with self._statements.connect() as connection:
            return connection.execute(statement, parameters).first()

    def is_locked(self, error: Exception) -> bool:
        """Whether the error means that another writer holds SQLite's lock."""
        return self.is_sqlite and "database is locked" in str(error)

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _sqlite_engine(url: URL, timeout_seconds: float) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": timeout_seconds})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, record: ConnectionPoolEntry) -> None:
        # The driver's transaction control is switched off: it would begin transactions late, and
        # would not take the write lock for a transaction that starts with a read.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        if mode is not None:
            connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def _postgresql_engine(url: URL, timeout_seconds: float) -> sa.Engine:
    milliseconds = int(timeout_seconds * 1000)
    return sa.create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=timeout_seconds,
        pool_size=CONNECTIONS,
        max_overflow=0,
        # The connections that were used last, so that the others can idle.
        pool_use_lifo=True,
        connect_args={
            "connect_timeout": max(2, int(timeout_seconds)),
            "options": f"-c lock_timeout={milliseconds} -c timezone=UTC",
        },
    )


def _snapshot_engine(engine: sa.Engine) -> sa.Engine:
    """The same connections, with one snapshot for all statements of a transaction.

    SQLite always does this. By default a second statement on PostgreSQL sees rows that were
    committed after the first, so that a revision and its observations could differ.
    """
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


def _statement_engine(engine: sa.Engine) -> sa.Engine:
    """The same connections, with one transaction for each statement."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(sqlite_begin=None)
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def is_full(error: Exception) -> bool:
    """Whether an error means that the database's disk is full."""
    sqlstate = getattr(getattr(error, "orig", None), "sqlstate", None)
    return sqlstate == DISK_FULL or "database or disk is full" in str(error)


def insert_or_ignore(session: Session, table: type[Base], **values: object) -> bool:
    """Insert a row unless a unique constraint refuses it; whether it was inserted."""
    insert = _insert_if_new(session.get_bind().dialect.name, table)
    statement = insert.values(**values).returning(sa.literal(1))
    return session.connection().execute(statement).first() is not None


def insert_new(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert rows in one statement; those that a unique constraint refuses are left out."""
    if rows:
        session.connection().execute(_insert_if_new(session.get_bind().dialect.name, table), rows)


def insert_for_id(
    session: Session, table: type[Base], key: InstrumentedAttribute[int], /, **values: object
) -> int | None:
    """Insert a row and return its key; None if a unique constraint refuses it."""
    statement = _insert_for_id(session.get_bind().dialect.name, table, key)
    return session.connection().execute(statement, values).scalar()


@cache
def _insert_for_id(
    dialect: str, table: type[Base], key: InstrumentedAttribute[int]
) -> sa.Executable:
    """Built once for each table: on SQLite, building a statement costs more than running it."""
    return _insert_if_new(dialect, table).returning(key)


def _insert_if_new(dialect: str, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()
