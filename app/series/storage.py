"""Rows of observations in bulk: arrays in, arrays out, on both databases."""

import itertools
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.series import binary_copy
from app.series.binary_copy import Insertion, Microseconds
from app.series.tables import Observation
from models.series import Values

FIRST_TIME = -(2**63)
LAST_TIME = 2**63 - 1
PIECE_ROWS = 20_000
UNPACKED_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Observations in the order of time: microseconds since 1970, revisions and values."""

    times: Microseconds
    revisions: npt.NDArray[np.int64]
    values: Values

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def none(cls, channels: int) -> "Rows":
        """No row."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, channels)))

    def where(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64] | slice) -> "Rows":
        """The chosen rows, by mask, by number or by range."""
        return Rows(self.times[chosen], self.revisions[chosen], self.values[chosen])


def read_rows(
    session: Session,
    series_id: int,
    channels: int,
    *,
    start: int = FIRST_TIME,
    end: int = LAST_TIME,
    until_revision: int | None = None,
    limit: int | None = None,
) -> Rows:
    """The first rows with `start <= time <= end` as they are, or as they were at a revision."""
    condition = f"series_id = {series_id:d} AND time BETWEEN {start:d} AND {end:d}"
    most = "" if limit is None else f" LIMIT {limit:d}"
    if until_revision is None:
        return _select(session, _present(condition) + most, channels)
    present = _present(f"{condition} AND revision <= {until_revision:d}")
    replaced = _replaced(condition, until_revision)
    found = [_select(session, query + most, channels) for query in (present, replaced)]
    return _merged(*found).where(slice(limit))


def read_written_after(session: Session, series_id: int, channels: int, revision: int) -> Rows:
    """The present rows that were written after a revision."""
    condition = f"series_id = {series_id:d} AND revision > {revision:d}"
    return _select(session, _present(condition), channels)


def read_replaced_after(session: Session, series_id: int, channels: int, revision: int) -> Rows:
    """What was true at a revision and was replaced or deleted later."""
    return _select(session, _replaced(f"series_id = {series_id:d}", revision), channels)


def time_from_end(session: Session, series_id: int, count: int) -> int:
    """The time of the first of the last `count` observations, of which there are that many."""
    times = sa.select(Observation.time).where(Observation.series_id == series_id)
    statement = times.order_by(Observation.time.desc()).offset(count - 1).limit(1)
    return session.scalars(statement).one()


def first_times(session: Session, series_id: int, limit: int) -> Microseconds:
    """The times of the first observations."""
    times = sa.select(Observation.time).where(Observation.series_id == series_id)
    found = session.scalars(times.order_by(Observation.time).limit(limit)).all()
    return np.array(found, dtype=np.int64)


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


def extent(
    session: Session, series_id: int, start: int = FIRST_TIME, end: int = LAST_TIME
) -> tuple[int, int | None, int | None]:
    """How many observations a range holds, and the times of the first and the last."""
    statement = sa.select(
        sa.func.count(), sa.func.min(Observation.time), sa.func.max(Observation.time)
    ).where(Observation.series_id == series_id, Observation.time.between(start, end))
    count, first, last = session.execute(statement).one()
    return count, first, last


def _present(condition: str) -> str:
    return f'SELECT time, revision, "values" FROM observations WHERE {condition} ORDER BY time'


def _replaced(condition: str, revision: int) -> str:
    """What was true at a revision, and was replaced later: at most one row for each time."""
    return (
        "SELECT time, old_revision, old_values FROM corrections "
        f"WHERE {condition} AND old_revision <= {revision:d} AND revision > {revision:d} "
        "ORDER BY time"
    )


def _merged(one: Rows, other: Rows) -> Rows:
    times = np.concatenate([one.times, other.times])
    order = np.argsort(times, kind="stable")
    return Rows(
        times[order],
        np.concatenate([one.revisions, other.revisions])[order],
        np.concatenate([one.values, other.values])[order],
    )


def _select(session: Session, query: str, channels: int) -> Rows:
    """Run a query for (time, revision, values); it holds no text of a client's."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        return Rows(*binary_copy.read(connection, query, channels))
    found = connection.exec_driver_sql(query).fetchall()
    if not found:
        return Rows.none(channels)
    times, revisions, packed = zip(*found, strict=True)
    values = np.frombuffer(b"".join(packed), dtype="<f8").reshape(-1, channels)
    return Rows(np.array(times, np.int64), np.array(revisions, np.int64), values)


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
