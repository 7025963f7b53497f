"""Rows of observations written in bulk: inserted, replaced, deleted, on both databases."""

import itertools
import json
import sqlite3
from collections.abc import Iterator
from typing import cast

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.series import binary_copy
from app.series.binary_copy import Insertion, Microseconds
from app.series.storage import Rows
from models.arrays import Values

PIECE_ROWS = 20_000
UNPACKED_ROWS = 5_000


def insert_observations(session: Session, series_id: int, rows: Rows) -> None:
    """Insert observations whose times are not stored yet."""
    columns = ("series_id", "time", "revision", "values")
    new = Insertion("observations", columns, series_id, rows.times, [rows.revisions], rows.values)
    _insert(session, new)


def replace_observations(session: Session, series_id: int, old: Rows, new: Rows) -> None:
    """Put new values in the place of old ones at the same times, and keep the old ones."""
    columns = ("series_id", "time", "revision", "old_revision", "old_values")
    revisions = [new.revisions, old.revisions]
    corrections = Insertion("corrections", columns, series_id, old.times, revisions, old.values)
    _insert(session, corrections)
    _delete(session, series_id, old.times)
    insert_observations(session, series_id, new)


def delete_observations(session: Session, series_id: int, rows: Rows, revision: int) -> None:
    """Take observations away at a revision, and keep them as they were."""
    columns = ("series_id", "time", "revision", "old_revision", "old_values")
    revisions = [np.full(len(rows), revision), rows.revisions]
    _insert(
        session, Insertion("corrections", columns, series_id, rows.times, revisions, rows.values)
    )
    _delete(session, series_id, rows.times)


def delete_range(session: Session, series_id: int, revision: int, start: int, end: int) -> None:
    """Take all observations of a range away, inside the database: they may be very many."""
    given = {"id": series_id, "start": start, "end": end, "revision": revision}
    which = "WHERE series_id = :id AND time BETWEEN :start AND :end"
    kept = (
        "INSERT INTO corrections (series_id, time, revision, old_revision, old_values) "
        f'SELECT series_id, time, :revision, revision, "values" FROM observations {which}'
    )
    for statement in (kept, f"DELETE FROM observations {which}"):
        session.connection().execute(sa.text(statement), given)


def _insert(session: Session, new: Insertion) -> None:
    if not len(new.times):
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        binary_copy.write(connection, new)
        return
    # The driver's own cursor: through SQLAlchemy the rows would first become one big list.
    cursor = _sqlite_cursor(connection)
    if all((column == column[0]).all() for column in new.revisions):
        _insert_unpacked(cursor, new)
    else:
        _insert_one_by_one(cursor, new)
    cursor.close()


def _insert_unpacked(cursor: sqlite3.Cursor, new: Insertion) -> None:
    """Insert rows of one revision: the database takes pieces apart itself.

    Twice as fast as handing over row by row, and the interpreter is free meanwhile.
    """
    width = new.values.shape[1] * 8
    revisions = [int(column[0]) for column in new.revisions]
    numbered = ", ".join(f"?{number}" for number in range(4, 4 + len(revisions)))
    statement = (
        f"INSERT INTO {new.table} ({_names(new)}) SELECT ?1, value, {numbered}, "
        f"substr(?3, key * {width} + 1, {width}) FROM json_each(?2)"
    )
    for start in range(0, len(new.times), UNPACKED_ROWS):
        piece = slice(start, start + UNPACKED_ROWS)
        times = json.dumps(new.times[piece].tolist())
        values = np.ascontiguousarray(new.values[piece], dtype="<f8").tobytes()
        cursor.execute(statement, (new.series_id, times, values, *revisions))


def _insert_one_by_one(cursor: sqlite3.Cursor, new: Insertion) -> None:
    marks = ", ".join("?" * len(new.columns))
    integers = (column.tolist() for column in (new.times, *new.revisions))
    rows = zip(
        itertools.repeat(new.series_id, len(new.times)), *integers, _packed(new.values), strict=True
    )
    cursor.executemany(f"INSERT INTO {new.table} ({_names(new)}) VALUES ({marks})", rows)


def _names(new: Insertion) -> str:
    return ", ".join(f'"{name}"' for name in new.columns)


def _packed(values: Values) -> Iterator[bytes]:
    """Each row's numbers as bytes; made piece by piece, without a loop over the rows."""
    vector = f"V{values.shape[1] * 8}"
    for start in range(0, len(values), PIECE_ROWS):
        piece = np.ascontiguousarray(values[start : start + PIECE_ROWS], dtype="<f8")
        yield from piece.view(vector).ravel().tolist()


def _delete(session: Session, series_id: int, times: Microseconds) -> None:
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        statement = sa.text("DELETE FROM observations WHERE series_id = :id AND time = ANY(:times)")
        connection.execute(statement, {"id": series_id, "times": times.tolist()})
        return
    cursor = _sqlite_cursor(connection)
    keys = ((series_id, time) for time in times.tolist())
    cursor.executemany("DELETE FROM observations WHERE series_id = ? AND time = ?", keys)
    cursor.close()


def _sqlite_cursor(connection: sa.Connection) -> sqlite3.Cursor:
    return cast(sqlite3.Cursor, connection.connection.cursor())
