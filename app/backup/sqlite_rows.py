"""Rows of SQLite files, as a backup holds them."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from app.backup.format import quoted

Row = Sequence[Any]
Progress = Callable[[str], None]

ROWS_AT_ONCE = 10_000


def column_names(connection: sqlite3.Connection, table: str) -> list[str]:
    """The columns of a table, in its order."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(table)})")]


def select_rows(connection: sqlite3.Connection, table: str, columns: list[str]) -> Iterator[Row]:
    """All rows of a table, one after the other."""
    names = ", ".join(map(quoted, columns))
    return iter(connection.execute(f"SELECT {names} FROM {quoted(table)}"))


def insert_rows(
    connection: sqlite3.Connection,
    table: str,
    columns: list[str],
    rows: Iterable[Row],
    progress: Progress,
) -> None:
    """Insert rows of a backup into a table of a SQLite file."""
    names, marks = ", ".join(map(quoted, columns)), ", ".join("?" * len(columns))
    insert = f"INSERT INTO {quoted(table)} ({names}) VALUES ({marks})"
    connection.executemany(insert, counted(rows, table, progress))


def counted(rows: Iterable[Row], table: str, progress: Progress) -> Iterator[Row]:
    """The rows, with a word on each ten thousand of them."""
    for number, row in enumerate(rows, 1):
        if number % ROWS_AT_ONCE == 0:
            progress(f"{table}: {number} rows")
        yield row
