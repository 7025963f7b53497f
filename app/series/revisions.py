"""The past of a series: its revisions, and what each correction replaced."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db import EPOCH, MICROSECOND, finite_or_none
from app.errors import Invalid
from app.series.revision_schemas import CorrectionRead
from app.series.tables import Correction, Observation, Series, SeriesRevision
from app.series.writing import equal_rows
from models.errors import Problem


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a correction stands in their list; the time in microseconds since 1970."""

    time: int
    revision: int
    channel: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor.

        Raises:
            Invalid: If it is not of this list.
        """
        try:
            return cls(*(int(part) for part in text.split("/")))
        except (ValueError, TypeError):
            message = f"`cursor` must be `next` of an earlier page. Received: {text[:60]!r}"
            raise Invalid(message, errors=[Problem("/query/cursor", message)]) from None

    def __str__(self) -> str:
        return f"{self.time}/{self.revision}/{self.channel}"


def last_taken_back(session: Session, series: Series) -> int:
    """The last revision that took something back, which an earlier file may bring again; or 0."""
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
    after: Place | None,
    limit: int,
) -> list[tuple[Place, CorrectionRead]]:
    """Values that were replaced or deleted, by time, revision and channel.

    Args:
        session: The database.
        series: Whose.
        columns: The channels that are wanted.
        start: The first time, included.
        end: The last time, included.
        after: Only corrections behind this place.
        limit: The most corrections to return.
    """
    place = after or Place(start, -1, -1)
    statement = _statement(series, max(start, place.time), end)
    # Streamed: rows in which only other channels changed are passed over.
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


def _items(series: Series, columns: list[int], row: Any) -> Iterator[tuple[Place, CorrectionRead]]:
    """The wanted channels of one row that are not as they were."""
    new = row.present if row.later is None else row.later
    deleted = new is None
    if new is None:
        new = np.full(len(row.old_values), np.nan)
    same = equal_rows(row.old_values[:, np.newaxis], new[:, np.newaxis])
    for column in sorted(columns):
        if deleted or not same[column]:
            yield (
                Place(row.time, row.revision, column),
                CorrectionRead(
                    time=EPOCH + row.time * MICROSECOND,
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
    """Each correction with what it brought: what stands there now, or was replaced later on."""
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
