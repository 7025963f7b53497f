"""Rows of observations read in bulk, as they are or as they were, on both databases."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.series import binary_copy
from app.series.binary_copy import Microseconds
from app.series.tables import Correction, Observation
from models.arrays import Values

FIRST_TIME = -(2**63)
LAST_TIME = 2**63 - 1
READ_ROWS = 100_000

PRESENT = 'SELECT time, revision, "values" AS vector FROM observations'
REPLACED = "SELECT time, old_revision AS revision, old_values AS vector FROM corrections"


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
    wanted = Wanted(series_id, 0, channels, until_revision)
    return joined(read_pieces(session, wanted, start=start, end=end, limit=limit), channels)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of a series: some neighbouring columns, as they are or were at a revision."""

    series_id: int
    first_column: int
    columns: int
    until_revision: int | None


def read_pieces(
    session: Session,
    wanted: Wanted,
    *,
    start: int = FIRST_TIME,
    end: int = LAST_TIME,
    limit: int | None = None,
) -> Iterator[Rows]:
    """The same piece by piece: neither side ever holds a long series twice."""
    left = LAST_TIME if limit is None else limit
    while left > 0:
        most = min(left, READ_ROWS)
        piece = read_piece(session, wanted, start, end, most)
        yield piece
        if len(piece) < most:
            return
        start, left = int(piece.times[-1]) + 1, left - most


def joined(pieces: Iterator[Rows], columns: int) -> Rows:
    """All pieces as one."""
    found = list(pieces) or [Rows.none(columns)]
    if len(found) == 1:
        return found[0]
    return Rows(
        np.concatenate([piece.times for piece in found]),
        np.concatenate([piece.revisions for piece in found]),
        np.concatenate([piece.values for piece in found]),
    )


def read_piece(session: Session, wanted: Wanted, start: int, end: int, limit: int) -> Rows:
    """The first rows of a range, as they are or as they were."""
    condition = f"series_id = {wanted.series_id:d} AND time BETWEEN {start:d} AND {end:d}"
    revision, span = wanted.until_revision, (wanted.first_column, wanted.columns)
    if revision is None:
        return _select(session, f"{PRESENT} WHERE {condition} ORDER BY time LIMIT {limit:d}", *span)
    queries = (
        f"{PRESENT} WHERE {condition} AND revision <= {revision:d}",
        f"{REPLACED} WHERE {condition} AND {_was_true_at(revision)}",
    )
    found = [_select(session, f"{one} ORDER BY time LIMIT {limit:d}", *span) for one in queries]
    return _merged(*found).where(slice(limit))


def read_replaced(session: Session, wanted: Wanted, start: int, end: int) -> Rows:
    """What was replaced or deleted in a range, by time and by the revision that did it."""
    condition = f"series_id = {wanted.series_id:d} AND time BETWEEN {start:d} AND {end:d}"
    query = (
        "SELECT time, revision, old_values AS vector FROM corrections "
        f"WHERE {condition} ORDER BY time, revision"
    )
    return _select(session, query, wanted.first_column, wanted.columns)


def read_written_after(session: Session, series_id: int, channels: int, revision: int) -> Rows:
    """The present rows that were written after a revision."""
    condition = f"series_id = {series_id:d} AND revision > {revision:d}"
    return _read_all(session, f"{PRESENT} WHERE {condition}", channels)


def read_replaced_after(session: Session, series_id: int, channels: int, revision: int) -> Rows:
    """What was true at a revision and was replaced or deleted later."""
    condition = f"series_id = {series_id:d} AND {_was_true_at(revision)}"
    return _read_all(session, f"{REPLACED} WHERE {condition}", channels)


def _read_all(session: Session, query: str, channels: int) -> Rows:
    start, found = FIRST_TIME, []
    while True:
        piece = f"{query} AND time >= {start:d} ORDER BY time LIMIT {READ_ROWS:d}"
        found.append(_select(session, piece, 0, channels))
        if len(found[-1]) < READ_ROWS:
            return joined(iter(found), channels)
        start = int(found[-1].times[-1]) + 1


def last_time(session: Session, series_id: int, revision: int) -> int | None:
    """The time of the last row that a series had at a revision."""
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
    """The time of the first of the last `count` observations, of which there are that many."""
    times = sa.select(Observation.time).where(Observation.series_id == series_id)
    statement = times.order_by(Observation.time.desc()).offset(count - 1).limit(1)
    return session.scalars(statement).one()


def first_times(session: Session, series_id: int, limit: int) -> Microseconds:
    """The times of the first observations."""
    times = sa.select(Observation.time).where(Observation.series_id == series_id)
    found = session.scalars(times.order_by(Observation.time).limit(limit)).all()
    return np.array(found, dtype=np.int64)


def extent(
    session: Session, series_id: int, start: int = FIRST_TIME, end: int = LAST_TIME
) -> tuple[int, int | None, int | None]:
    """How many observations a range holds, and the times of the first and the last."""
    statement = sa.select(
        sa.func.count(), sa.func.min(Observation.time), sa.func.max(Observation.time)
    ).where(Observation.series_id == series_id, Observation.time.between(start, end))
    count, first, last = session.execute(statement).one()
    return count, first, last


def _was_true_at(revision: int) -> str:
    """Of a time's corrections at most one holds what was true at a revision."""
    return f"old_revision <= {revision:d} AND revision > {revision:d}"


def _merged(one: Rows, other: Rows) -> Rows:
    times = np.concatenate([one.times, other.times])
    order = np.argsort(times, kind="stable")
    return Rows(
        times[order],
        np.concatenate([one.revisions, other.revisions])[order],
        np.concatenate([one.values, other.values])[order],
    )


def _select(session: Session, query: str, first_column: int, columns: int) -> Rows:
    """Run a query for (time, revision, vector), of which only some columns are fetched.

    The query holds no text of a client's.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        last = first_column + columns
        part = f"SELECT time, revision, vector[{first_column + 1:d}:{last:d}] FROM ({query}) AS r"
        return Rows(*binary_copy.read(connection, part, columns))
    # SQLite puts the rows together itself: fetched one by one they take four times as long, and
    # the interpreter is kept from other requests. Texts and blobs have the same bytes there.
    part = f"substr(vector, {first_column * 8 + 1:d}, {columns * 8:d})"
    found = connection.exec_driver_sql(
        "SELECT json_group_array(time), json_group_array(revision), "
        f"CAST(group_concat({part}, '') AS BLOB) FROM ({query})"
    ).one()
    times, revisions = (np.array(json.loads(text), np.int64) for text in found[:2])
    if not len(times):
        return Rows.none(columns)
    return Rows(times, revisions, np.frombuffer(found[2], "<f8").reshape(-1, columns))
