"""Read observation rows in bulk, at the present or at an earlier revision, on both databases."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.series.storage import binary_copy
from app.series.storage.binary_copy import Microseconds
from app.series.tables import Correction, Observation
from models.arrays import Values

FIRST_TIME = -(2**63)
LAST_TIME = 2**63 - 1
READ_ROWS = 100_000

PRESENT = 'SELECT time, revision, "values" AS vector FROM observations'
REPLACED = "SELECT time, old_revision AS revision, old_values AS vector FROM corrections"


@dataclass(frozen=True, slots=True)
class StoredRows:
    """Observations in the order of time: microseconds since 1970, revisions and values."""

    times: Microseconds
    revisions: npt.NDArray[np.int64]
    values: Values

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def none(cls, channels: int) -> "StoredRows":
        """Zero rows."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, channels)))

    def where(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64] | slice) -> "StoredRows":
        """The chosen rows, by mask, index or range."""
        return StoredRows(self.times[chosen], self.revisions[chosen], self.values[chosen])


def read_rows(
    session: Session,
    series_id: int,
    channels: int,
    *,
    start: int = FIRST_TIME,
    end: int = LAST_TIME,
    until_revision: int | None = None,
    limit: int | None = None,
) -> StoredRows:
    """The first rows with `start <= time <= end`, at the present or at an earlier revision."""
    query = RowQuery(series_id, 0, channels, until_revision)
    return joined(read_pieces(session, query, start=start, end=end, limit=limit), channels)


@dataclass(frozen=True, slots=True)
class RowQuery:
    """Neighbouring columns of a series; `until_revision` is None for the present revision."""

    series_id: int
    first_column: int
    columns: int
    until_revision: int | None


def read_pieces(
    session: Session,
    query: RowQuery,
    *,
    start: int = FIRST_TIME,
    end: int = LAST_TIME,
    limit: int | None = None,
) -> Iterator[StoredRows]:
    """The rows of a range in pieces: neither side holds two copies of a long series."""
    left = LAST_TIME if limit is None else limit
    while left > 0:
        most = min(left, READ_ROWS)
        piece = read_piece(session, query, start, end, most)
        yield piece
        if len(piece) < most:
            return
        start, left = int(piece.times[-1]) + 1, left - most


def joined(pieces: Iterator[StoredRows], columns: int) -> StoredRows:
    """Join pieces."""
    found = list(pieces) or [StoredRows.none(columns)]
    if len(found) == 1:
        return found[0]
    return StoredRows(
        np.concatenate([piece.times for piece in found]),
        np.concatenate([piece.revisions for piece in found]),
        np.concatenate([piece.values for piece in found]),
    )


def read_piece(session: Session, query: RowQuery, start: int, end: int, limit: int) -> StoredRows:
    """The first `limit` rows of a range."""
    condition = f"series_id = {query.series_id:d} AND time BETWEEN {start:d} AND {end:d}"
    revision, span = query.until_revision, (query.first_column, query.columns)
    if revision is None:
        return _select(session, f"{PRESENT} WHERE {condition} ORDER BY time LIMIT {limit:d}", *span)
    statements = (
        f"{PRESENT} WHERE {condition} AND revision <= {revision:d}",
        f"{REPLACED} WHERE {condition} AND {_was_true_at(revision)}",
    )
    found = [
        _select(session, f"{statement} ORDER BY time LIMIT {limit:d}", *span)
        for statement in statements
    ]
    return _merged(*found).where(slice(limit))


def read_replaced(session: Session, query: RowQuery, start: int, end: int) -> StoredRows:
    """Replaced and deleted rows of a range, by time and by the revision that changed them."""
    condition = f"series_id = {query.series_id:d} AND time BETWEEN {start:d} AND {end:d}"
    statement = (
        "SELECT time, revision, old_values AS vector FROM corrections "
        f"WHERE {condition} ORDER BY time, revision"
    )
    return _select(session, statement, query.first_column, query.columns)


def read_written_after(
    session: Session, series_id: int, channels: int, revision: int
) -> StoredRows:
    """The present rows that were written after a revision."""
    condition = f"series_id = {series_id:d} AND revision > {revision:d}"
    return _read_all(session, f"{PRESENT} WHERE {condition}", channels)


def read_replaced_after(
    session: Session, series_id: int, channels: int, revision: int
) -> StoredRows:
    """The rows of a revision that were replaced or deleted later."""
    condition = f"series_id = {series_id:d} AND {_was_true_at(revision)}"
    return _read_all(session, f"{REPLACED} WHERE {condition}", channels)


def _read_all(session: Session, query: str, channels: int) -> StoredRows:
    start, found = FIRST_TIME, []
    while True:
        piece = f"{query} AND time >= {start:d} ORDER BY time LIMIT {READ_ROWS:d}"
        found.append(_select(session, piece, 0, channels))
        if len(found[-1]) < READ_ROWS:
            return joined(iter(found), channels)
        start = int(found[-1].times[-1]) + 1


def last_time(session: Session, series_id: int, revision: int) -> int | None:
    """The time of the series' last row at a revision; None if it had no rows."""
    of_present = (Observation.series_id == series_id, Observation.revision <= revision)
    of_replaced = (
        Correction.series_id == series_id,
        Correction.old_revision <= revision,
        Correction.revision > revision,
    )
    statements = (
        sa.select(Observation.time).where(*of_present).order_by(Observation.time.desc()),
        sa.select(Correction.time).where(*of_replaced).order_by(Correction.time.desc()),
    )
    found = [session.scalars(statement.limit(1)).first() for statement in statements]
    return max((time for time in found if time is not None), default=None)


def time_from_end(session: Session, series_id: int, count: int) -> int:
    """The time of the first of the last `count` observations; the series has at least `count`."""
    times = sa.select(Observation.time).where(Observation.series_id == series_id)
    statement = times.order_by(Observation.time.desc()).offset(count - 1).limit(1)
    return session.scalars(statement).one()


def last_rows(session: Session, series_id: int, columns: int, limit: int) -> StoredRows:
    """The last observations, at most `limit`, in the order of time."""
    newest = f"{PRESENT} WHERE series_id = {series_id:d} ORDER BY time DESC LIMIT {limit:d}"
    found = _select(session, newest, 0, columns)
    return found.where(np.argsort(found.times))


def first_times(session: Session, series_id: int, limit: int) -> Microseconds:
    """The times of the first observations."""
    times = sa.select(Observation.time).where(Observation.series_id == series_id)
    found = session.scalars(times.order_by(Observation.time).limit(limit)).all()
    return np.array(found, dtype=np.int64)


def last_times(session: Session, series_id: int, limit: int, *, start: int) -> Microseconds:
    """The times of the last observations from a time on, at most `limit`, in their order."""
    times = sa.select(Observation.time).where(
        Observation.series_id == series_id, Observation.time >= start
    )
    found = session.scalars(times.order_by(Observation.time.desc()).limit(limit)).all()
    return np.array(found[::-1], dtype=np.int64)


def extent(
    session: Session, series_id: int, start: int = FIRST_TIME, end: int = LAST_TIME
) -> tuple[int, int | None, int | None]:
    """The number of observations in a range, and the times of the first and the last."""
    statement = sa.select(
        sa.func.count(), sa.func.min(Observation.time), sa.func.max(Observation.time)
    ).where(Observation.series_id == series_id, Observation.time.between(start, end))
    count, first, last = session.execute(statement).one()
    return count, first, last


def _was_true_at(revision: int) -> str:
    """The condition for replaced rows of a revision: at most one correction of each time."""
    return f"old_revision <= {revision:d} AND revision > {revision:d}"


def _merged(left: StoredRows, right: StoredRows) -> StoredRows:
    times = np.concatenate([left.times, right.times])
    order = np.argsort(times, kind="stable")
    return StoredRows(
        times[order],
        np.concatenate([left.revisions, right.revisions])[order],
        np.concatenate([left.values, right.values])[order],
    )


def _select(session: Session, query: str, first_column: int, columns: int) -> StoredRows:
    """Run a query for (time, revision, vector); only some columns of the vector are fetched.

    The query must not contain text from a client.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        last = first_column + columns
        part = f"SELECT time, revision, vector[{first_column + 1:d}:{last:d}] FROM ({query}) AS r"
        return StoredRows(*binary_copy.read(connection, part, columns))
    # SQLite joins the rows itself: fetching them one by one takes four times as long, and holds
    # the interpreter lock meanwhile. Texts and blobs have the same bytes in SQLite.
    part = f"substr(vector, {first_column * 8 + 1:d}, {columns * 8:d})"
    found = connection.exec_driver_sql(
        "SELECT json_group_array(time), json_group_array(revision), "
        f"CAST(group_concat({part}, '') AS BLOB) FROM ({query})"
    ).one()
    times, revisions = (np.array(json.loads(text), np.int64) for text in found[:2])
    if not len(times):
        return StoredRows.none(columns)
    return StoredRows(times, revisions, np.frombuffer(found[2], "<f8").reshape(-1, columns))
