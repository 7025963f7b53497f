"""Held rows: implausible live rows that wait until they are confirmed or discarded."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import finite_or_none, utc_now
from app.errors import HeldRowNotFound
from app.forecasts.after_write import after_write
from app.ingest.plausibility.checking import RowIssue
from app.series.changes import Batch
from app.series.tables import HeldRow, Series
from app.series.write import Written, write_batch
from models.errors import Problem

_TIMES_PER_STATEMENT = 500


def hold(session: Session, series: Series, batch: Batch, issues: Sequence[RowIssue]) -> Batch:
    """Put the rows with issues into quarantine; the others are returned.

    A row replaces a held row of the same time, whether it is held itself or not: a client that
    sends a row again, or corrects it, leaves nothing behind.
    """
    of_row: dict[int, list[RowIssue]] = {}
    for issue in issues:
        of_row.setdefault(issue.row, []).append(issue)
    _forget_times(session, series, batch.times.tolist())
    now = utc_now()
    rows = [
        {
            "series_id": series.id,
            "time": int(batch.times[row]),
            "row": _values(batch, row),
            "code": found[0].code,
            "message": " ".join(issue.message for issue in found),
            "created_at": now,
        }
        for row, found in of_row.items()
    ]
    if rows:
        session.execute(sa.insert(HeldRow), rows)
    kept = np.ones(len(batch.times), bool)
    kept[list(of_row)] = False
    return Batch(batch.times[kept], batch.values[kept], batch.channels)


def confirm(
    session: Session, series: Series, ids: Sequence[int]
) -> tuple[list[Written], list[dict[str, Any]]]:
    """Store held rows through the ordinary write; the caller holds the series' lock.

    Returns:
        One write for each set of channels that the rows name, and the forecasts that the last
        write of each version caused.

    Raises:
        HeldRowNotFound: If one of them is not held.
    """
    rows = _take(session, series, ids)
    by_channels: dict[tuple[str, ...], list[HeldRow]] = {}
    for row in rows:
        by_channels.setdefault(tuple(sorted(row.row)), []).append(row)
    written, forecasts = [], {}
    for channels, chosen in by_channels.items():
        written.append(write_batch(session, series, _batch(channels, chosen), source="put"))
        for entry in after_write(session, series, written[-1]):
            forecasts[entry["model"], entry["version"]] = entry
    return written, list(forecasts.values())


def discard(session: Session, series: Series, ids: Sequence[int]) -> int:
    """Delete held rows; return their number.

    Raises:
        HeldRowNotFound: If one of them is not held.
    """
    return len(_take(session, series, ids))


def _take(session: Session, series: Series, ids: Sequence[int]) -> list[HeldRow]:
    """Read and delete held rows, in the order of time."""
    of_series = HeldRow.series_id == series.id
    statement = sa.select(HeldRow).where(of_series, HeldRow.id.in_(ids)).order_by(HeldRow.time)
    rows = list(session.scalars(statement))
    found = {row.id for row in rows}
    problems = [
        Problem(f"/ids/{place}", f"`ids` must name held rows of the series. Received: {number}")
        for place, number in enumerate(ids)
        if number not in found
    ]
    if problems:
        raise HeldRowNotFound(problems[0].message, errors=problems)
    session.execute(sa.delete(HeldRow).where(of_series, HeldRow.id.in_(ids)))
    return rows


def _forget_times(session: Session, series: Series, times: list[int]) -> None:
    for start in range(0, len(times), _TIMES_PER_STATEMENT):
        piece = times[start : start + _TIMES_PER_STATEMENT]
        of_times = (HeldRow.series_id == series.id, HeldRow.time.in_(piece))
        session.execute(sa.delete(HeldRow).where(*of_times))


def _values(batch: Batch, row: int) -> dict[str, float | None]:
    values = map(finite_or_none, batch.values[row].tolist())
    return dict(zip(batch.channels, values, strict=True))


def _batch(channels: tuple[str, ...], rows: Sequence[HeldRow]) -> Batch:
    values = [[row.row[channel] for channel in channels] for row in rows]
    times = np.array([row.time for row in rows], np.int64)
    return Batch(times, np.array(values, np.float64), channels)
