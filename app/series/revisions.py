"""List the corrections of a series: values that later revisions replaced or deleted."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db import finite_or_none, from_microseconds
from app.errors import Invalid
from app.series.changes import equal_rows
from app.series.revision_schemas import CorrectionRead
from app.series.tables import Correction, Observation, Series, SeriesRevision
from models.errors import Problem


@dataclass(frozen=True, slots=True, order=True)
class CorrectionCursor:
    """The position of a correction in the list; the time in microseconds since 1970."""

    time: int
    revision: int
    channel: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor.

        Raises:
            Invalid: If it is not a cursor of this list.
        """
        try:
            return cls(*(int(part) for part in text.split("/")))
        except (ValueError, TypeError):
            message = f"`cursor` must be `next` of an earlier page. Received: {text[:60]!r}"
            raise Invalid(message, errors=[Problem("/query/cursor", message)]) from None

    def __str__(self) -> str:
        return f"{self.time}/{self.revision}/{self.channel}"


def last_undo_revision(session: Session, series: Series) -> int:
    """The last revision that deleted or restored rows, or 0.

    A file that was uploaded before it can bring the rows back.
    """
    statement = sa.select(sa.func.max(SeriesRevision.revision)).where(
        SeriesRevision.series_id == series.id, SeriesRevision.source.in_(("delete", "restore"))
    )
    return session.scalar(statement) or 0


def list_corrections(
    session: Session,
    series: Series,
    columns: list[int],
    *,
    start: int,
    end: int,
    after: CorrectionCursor | None,
    limit: int,
) -> list[tuple[CorrectionCursor, CorrectionRead]]:
    """Values that were replaced or deleted, by time, revision and channel.

    Args:
        session: The database.
        series: The series.
        columns: The column numbers of the wanted channels.
        start: The first time, included.
        end: The last time, included.
        after: Only corrections after this position.
        limit: The largest number of corrections.
    """
    position = after or CorrectionCursor(start, -1, -1)
    statement = _statement(series, max(start, position.time), end)
    # Streamed: rows in which only other channels changed are skipped.
    rows = session.execute(statement, execution_options={"yield_per": limit + 1})
    found = (
        item
        for row in rows
        for item in _items(series, columns, row)
        if after is None or item[0] > after
    )
    listed = list(islice(found, limit))
    rows.close()
    return listed


def _items(
    series: Series, columns: list[int], row: Any
) -> Iterator[tuple[CorrectionCursor, CorrectionRead]]:
    """The corrections of one row's wanted channels, without those whose value stayed equal."""
    new = row.present if row.later is None else row.later
    deleted = new is None
    if new is None:
        new = np.full(len(row.old_values), np.nan)
    same = equal_rows(row.old_values[:, np.newaxis], new[:, np.newaxis])
    for column in sorted(columns):
        if deleted or not same[column]:
            yield (
                CorrectionCursor(row.time, row.revision, column),
                CorrectionRead(
                    time=from_microseconds(row.time),
                    channel=series.channels[column]["name"],
                    old=finite_or_none(float(row.old_values[column])),
                    new=finite_or_none(float(new[column])),
                    deleted=deleted,
                    revision=row.revision,
                    source=row.source,
                    upload=row.upload_id,
                    corrected_at=row.created_at,
                ),
            )


def _statement(series: Series, start: int, end: int) -> sa.Select[*tuple[Any, ...]]:
    """Each correction with the new values: the present ones, or those that were replaced later."""
    later = aliased(Correction)
    same_time = (Observation.series_id == Correction.series_id, Observation.time == Correction.time)
    replaced = (later.series_id == Correction.series_id, later.time == Correction.time)
    return (
        sa.select(
            Correction.time,
            Correction.revision,
            Correction.old_values,
            Observation.values.label("present"),
            later.old_values.label("later"),
            SeriesRevision.source,
            SeriesRevision.upload_id,
            SeriesRevision.created_at,
        )
        .join(
            SeriesRevision,
            sa.and_(
                SeriesRevision.series_id == Correction.series_id,
                SeriesRevision.revision == Correction.revision,
            ),
        )
        .outerjoin(Observation, sa.and_(*same_time, Observation.revision == Correction.revision))
        .outerjoin(later, sa.and_(*replaced, later.old_revision == Correction.revision))
        .where(Correction.series_id == series.id, Correction.time.between(start, end))
        .order_by(Correction.time, Correction.revision)
    )
