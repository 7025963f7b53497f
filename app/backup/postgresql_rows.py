"""Rows of PostgreSQL as the values of a backup, and back, with COPY."""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from app.backup.errors import BackupError
from app.backup.format import quoted
from app.backup.sqlite_rows import Row

if TYPE_CHECKING:
    from psycopg import Connection

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of PostgreSQL and the columns to copy."""

    name: str
    columns: list[str]
    json: frozenset[str]
    vectors: frozenset[str]


def read_table(connection: sa.Connection, name: str) -> Table:
    """The columns of a table, in its order, by how their values are converted."""
    found = sa.inspect(connection).get_columns(name)
    return Table(
        name,
        [each["name"] for each in found],
        frozenset(each["name"] for each in found if isinstance(each["type"], sa.JSON)),
        frozenset(each["name"] for each in found if isinstance(each["type"], sa.ARRAY)),
    )


def driver_of(connection: sa.Connection) -> "Connection[Any]":
    """The driver's connection, in the same transaction."""
    driver: Connection[Any] | None = connection.connection.driver_connection
    assert driver is not None, "the connection is open"  # noqa: S101
    return driver


def read_rows(connection: sa.Connection, table: Table) -> Iterator[Row]:
    """All rows of a table, as a backup stores them."""
    wanted = ", ".join(
        f"{quoted(name)}::text" if name in table.json else quoted(name) for name in table.columns
    )
    select = f"SELECT {wanted} FROM {quoted(table.name)}"
    convert = [_pack if name in table.vectors else None for name in table.columns]
    with driver_of(connection).cursor() as cursor:
        description = cursor.execute(f"{select} LIMIT 0").description or ()
        with cursor.copy(f"COPY ({select}) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types([each.type_code for each in description])
            yield from _converted(copy.rows(), convert)


def write_rows(connection: sa.Connection, table: Table, rows: Iterable[Row]) -> int:
    """Store rows of a backup, in the order of the table's columns; their number.

    Raises:
        BackupError: If a value is none that PostgreSQL stores, such as a NUL in a text.
    """
    import psycopg

    columns = ", ".join(map(quoted, table.columns))
    convert = [_unpack if name in table.vectors else None for name in table.columns]
    copying = f"COPY {quoted(table.name)} ({columns}) FROM STDIN"
    written = 0
    try:
        with driver_of(connection).cursor() as cursor, cursor.copy(copying) as copy:
            for row in _converted(rows, convert):
                copy.write_row(row)
                written += 1
    except psycopg.DataError as error:
        raise BackupError(
            f"PostgreSQL refuses a row of {table.name}: {error}. Correct the row in the database "
            "of the backup, and make a new one; nothing was stored."
        ) from error
    return written


def continue_counters(connection: sa.Connection, table: Table) -> None:
    """Let a table's ids go on after the largest one: copied rows do not advance the sequence."""
    for column in table.columns:
        sequence = connection.scalar(
            sa.select(sa.func.pg_get_serial_sequence(quoted(table.name), column))
        )
        if sequence is None:
            continue
        largest = f"SELECT max({quoted(column)}) FROM {quoted(table.name)}"
        newest = connection.scalar(sa.text(largest))
        if newest is not None:
            connection.execute(sa.select(sa.func.setval(sequence, newest)))


def _converted(rows: Iterable[Row], convert: Sequence[Convert | None]) -> Iterator[Row]:
    """The rows with some of their values converted; None stays None."""
    changes = [(place, change) for place, change in enumerate(convert) if change is not None]
    if not changes:
        yield from rows
        return
    for row in rows:
        values = list(row)
        for place, change in changes:
            if values[place] is not None:
                values[place] = change(values[place])
        yield values


def _pack(vector: list[float]) -> bytes:
    return struct.pack(f"<{len(vector)}d", *vector)


def _unpack(packed: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(packed) // 8}d", packed))
