"""Select rows of a series and read them in pieces, all of one revision."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Database, to_microseconds
from app.errors import SeriesNotFound, UnknownChannel, UnknownRevision
from app.series.channels import ChannelList
from app.series.column_cache import ColumnCache, Earlier, SeriesKey
from app.series.observation_schemas import ObservationsQuery
from app.series.storage import row_reader
from app.series.storage.binary_copy import Microseconds
from app.series.storage.row_reader import RowQuery
from app.series.tables import Series, SeriesRevision
from models.arrays import Times, Values
from models.errors import Problem

VALUE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of a series at a revision.

    Args:
        key: The series and the revision.
        channels: The settings of the chosen channels.
        columns: Their positions in a row.
        start: First time in microseconds since 1970.
        end: Last time.
        most_rows: The series' present number of rows.
        last_time: The series' last time at the revision; None if it had no rows.
        is_present: Whether the revision is the present one.
    """

    key: SeriesKey
    channels: ChannelList
    columns: tuple[int, ...]
    start: int
    end: int
    most_rows: int
    last_time: int | None
    is_present: bool

    @property
    def is_whole(self) -> bool:
        """Whether the range includes both ends of the series."""
        return (self.start, self.end) == (row_reader.FIRST_TIME, row_reader.LAST_TIME)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the chosen channels."""
        return tuple(channel["name"] for channel in self.channels)


@dataclass(frozen=True, slots=True)
class Observations:
    """Rows in the order of time with the chosen channels; NaN is missing."""

    times: Times
    values: Values

    def __len__(self) -> int:
        return len(self.times)

    def where(self, chosen: Any) -> "Observations":
        """The chosen rows, by mask, index or range."""
        return Observations(self.times[chosen], self.values[chosen])

    @classmethod
    def none(cls, columns: int) -> "Observations":
        """Zero rows."""
        return cls(np.empty(0, "datetime64[us]"), np.empty((0, columns)))

    @classmethod
    def joined(cls, pieces: list["Observations"]) -> "Observations":
        """Join pieces; at least one is required."""
        if len(pieces) == 1:
            return pieces[0]
        return cls(
            np.concatenate([piece.times for piece in pieces]),
            np.concatenate([piece.values for piece in pieces]),
        )


def resolve(
    session: Session, series: Series, query: ObservationsQuery, after: int | None
) -> Selection:
    """The rows that a query selects.

    Args:
        session: The database.
        series: The series.
        query: Range, channels and revision.
        after: Only rows later than this, in microseconds since 1970.

    Raises:
        UnknownChannel, UnknownRevision: If a channel or a revision does not exist.
    """
    columns = columns_of(series, tuple(query.channels))
    _check_revision(series, query.as_of_revision)
    revision = series.revision if query.as_of_revision is None else query.as_of_revision
    start = row_reader.FIRST_TIME if query.start is None else to_microseconds(query.start)
    last_time = None if series.last_time is None else to_microseconds(series.last_time)
    if revision != series.revision:
        last_time = row_reader.last_time(session, series.id, revision)
    return Selection(
        key=SeriesKey(series.id, to_microseconds(series.created_at), revision),
        channels=[series.channels[column] for column in columns],
        columns=tuple(columns),
        start=start if after is None else max(start, after + 1),
        end=row_reader.LAST_TIME if query.end is None else to_microseconds(query.end),
        most_rows=series.rows,
        last_time=last_time,
        is_present=revision == series.revision,
    )


def columns_of(series: Series, texts: tuple[str, ...]) -> list[int]:
    """The columns of channels that are named one by one or separated by commas.

    Raises:
        UnknownChannel: If a channel does not exist.
    """
    known = [channel["name"] for channel in series.channels]
    names = [part for text in texts for part in ([text] if text in known else text.split(","))]
    for name in names:
        if name not in known:
            message = (
                f"`channels` must be channels of the series: {', '.join(known)}. Received: {name!r}"
            )
            raise UnknownChannel(message, errors=[Problem("/query/channels", message)])
    unique = list(dict.fromkeys(names))
    return [known.index(name) for name in unique] if names else list(range(len(known)))


def read(
    database: Database,
    cache: ColumnCache,
    selection: Selection,
    *,
    store: bool,
    most: int | None = None,
) -> Iterator[Observations]:
    """The selected rows in pieces, from the cache if they are there.

    Args:
        database: The database.
        cache: Columns that were decoded before.
        selection: The rows to read.
        store: Whether to cache a whole series that fits: charts are read repeatedly, exports once.
        most: Read little more than this number of rows.
    """
    found = cache.find(selection.key, selection.columns)
    needed_bytes = selection.most_rows * (1 + len(selection.columns)) * VALUE_BYTES
    fits = needed_bytes <= cache.most_bytes
    if found is None and store and fits and selection.is_present and selection.is_whole:
        found = cache.load(
            selection.key,
            selection.columns,
            lambda columns, earlier: _load(database, replace(selection, columns=columns), earlier),
        )
    if found is None:
        rows = row_reader.READ_ROWS if most is None else min(most, row_reader.READ_ROWS)
        for times, values in _stored_pieces(database, selection, rows):
            yield Observations(times.view("datetime64[us]"), values)
        return
    times, values = found
    first = int(np.searchsorted(times, selection.start))
    last = int(np.searchsorted(times, selection.end, side="right"))
    yield Observations(times[first:last].view("datetime64[us]"), values[first:last])


def _load(
    database: Database, selection: Selection, earlier: Earlier | None
) -> tuple[Microseconds, Values]:
    """A whole series; where an earlier revision is cached, only rows written since are read."""
    pieces = []
    if earlier is not None:
        start = _touched_from(database, selection.key, earlier.revision)
        untouched = slice(int(np.searchsorted(earlier.times, start)))
        pieces = [(earlier.times[untouched], earlier.values[untouched])]
        selection = replace(selection, start=start)
    pieces += _stored_pieces(database, selection, row_reader.READ_ROWS)
    times, values = (np.concatenate([piece[part] for piece in pieces]) for part in (0, 1))
    return times, values


def _touched_from(database: Database, key: SeriesKey, revision: int) -> int:
    """The earliest time that was written, changed or deleted after a revision."""
    statement = sa.select(sa.func.min(SeriesRevision.min_time)).where(
        SeriesRevision.series_id == key.series_id,
        SeriesRevision.revision.between(revision + 1, key.revision),
    )
    with database.reading() as session:
        touched = session.scalar(statement)
    return row_reader.FIRST_TIME if touched is None else to_microseconds(touched)


def _stored_pieces(
    database: Database, selection: Selection, rows: int
) -> Iterator[tuple[Microseconds, Values]]:
    """Read each piece in its own transaction, so that a slow client keeps none open.

    All pieces are of one revision, whatever is written meanwhile.

    Raises:
        SeriesNotFound: If the series was deleted meanwhile.
    """
    first_column = min(selection.columns, default=0)
    width = max(selection.columns, default=-1) + 1 - first_column
    chosen = [column - first_column for column in selection.columns]
    start = selection.start
    while True:
        with database.reading() as session:
            until = _until_revision(session, selection.key)
            query = RowQuery(selection.key.series_id, first_column, width, until)
            piece = row_reader.read_piece(session, query, start, selection.end, rows)
        yield piece.times, piece.values[:, chosen]
        if len(piece) < rows:
            return
        start = int(piece.times[-1]) + 1


def _until_revision(session: Session, key: SeriesKey) -> int | None:
    """The revision to read; None while it is the present one."""
    series = session.get(Series, key.series_id)
    if series is None or to_microseconds(series.created_at) != key.created_at:
        raise SeriesNotFound("The series was deleted while it was read.")
    return None if series.revision == key.revision else key.revision


def _check_revision(series: Series, revision: int | None) -> None:
    if revision is not None and revision > series.revision:
        message = f"`as_of_revision` must be at most {series.revision}. Received: {revision}"
        raise UnknownRevision(message, errors=[Problem("/query/as_of_revision", message)])
