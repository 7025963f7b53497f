"""Write observation rows in bulk: insert, replace and delete them, on both databases."""

import itertools
import json
import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.series.storage import binary_copy
from app.series.storage.binary_copy import Insertion, Microseconds
from app.series.storage.row_reader import StoredRows
from models.arrays import Values

PIECE_ROWS = 20_000
UNPACKED_ROWS = 5_000


def insert_observations(session: Session, series_id: int, rows: StoredRows) -> None:
    """Insert observations whose times are not stored yet."""
    columns = ("series_id", "time", "revision", "values")
    new = Insertion("observations", columns, series_id, rows.times, [rows.revisions], rows.values)
    _insert(session, new)


def replace_observations(
    session: Session, series_id: int, old: StoredRows, new: StoredRows
) -> None:
    """Replace values at the same times, and store the old ones as corrections."""
    _move_to_corrections(session, series_id, old, new.revisions)
    insert_observations(session, series_id, new)


def delete_observations(session: Session, series_id: int, rows: StoredRows, revision: int) -> None:
    """Delete observations at a revision, and store them as corrections."""
    _move_to_corrections(session, series_id, rows, np.full(len(rows), revision))


def delete_range(session: Session, series_id: int, revision: int, start: int, end: int) -> None:
    """Delete a range of observations inside the database: it may hold very many rows."""
    parameters = {"id": series_id, "start": start, "end": end, "revision": revision}
    which = "WHERE series_id = :id AND time BETWEEN :start AND :end"
    copy = (
        "INSERT INTO corrections (series_id, time, revision, old_revision, old_values) "
        f'SELECT series_id, time, :revision, revision, "values" FROM observations {which}'
    )
    for statement in (copy, f"DELETE FROM observations {which}"):
        session.connection().execute(sa.text(statement), parameters)


def _move_to_corrections(
    session: Session, series_id: int, rows: StoredRows, revisions: npt.NDArray[np.int64]
) -> None:
    """Move observations to the corrections, each with the revision that replaces it."""
    if not len(rows):
        return
    columns = ("series_id", "time", "revision", "old_revision", "old_values")
    both = [revisions, rows.revisions]
    _insert(session, Insertion("corrections", columns, series_id, rows.times, both, rows.values))
    _delete(session, series_id, rows.times)


def _insert(session: Session, new: Insertion) -> None:
    if not len(new.times):
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        binary_copy.write(connection, new)
        return
    # The driver's cursor: SQLAlchemy would first collect the rows in one large list.
    cursor = _sqlite_cursor(connection)
    if all((column == column[0]).all() for column in new.revisions):
        _insert_unpacked(cursor, new)
    else:
        _insert_one_by_one(cursor, new)
    cursor.close()


def _insert_unpacked(cursor: sqlite3.Cursor, new: Insertion) -> None:
    """Insert rows of one revision: the database unpacks whole pieces.

    Twice as fast as passing row by row, and without the interpreter lock meanwhile.
    """
    width = new.values.shape[1] * 8
    revisions = [int(column[0]) for column in new.revisions]
    numbered = ", ".join(f"?{number}" for number in range(6, 6 + len(revisions)))
    statement = (
        f"INSERT INTO {new.table} ({_names(new)}) SELECT ?1, ?4 + value * ?5, {numbered}, "
        f"substr(?3, key * {width} + 1, {width}) FROM json_each(?2)"
    )
    for start in range(0, len(new.times), UNPACKED_ROWS):
        piece = slice(start, start + UNPACKED_ROWS)
        numbers, first, step = _as_numbers(new.times[piece])
        values = np.ascontiguousarray(new.values[piece], dtype="<f8").tobytes()
        cursor.execute(statement, (new.series_id, numbers, values, first, step, *revisions))


def _as_numbers(times: Microseconds) -> tuple[str, int, int]:
    """JSON numbers, a first time and a step: each time is the first and its number of steps.

    Times at equal steps share one text, which costs more to write than all else in Python.
    """
    steps = np.diff(times)
    step = int(steps[0]) if len(steps) else 1
    if (steps == step).all():
        return _places(len(times)), int(times[0]), step
    return json.dumps(times.tolist()), 0, 1


@lru_cache(maxsize=2)
def _places(count: int) -> str:
    return json.dumps(list(range(count)))


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
    """Each row's numbers as bytes, packed in pieces, without a loop over the rows."""
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
