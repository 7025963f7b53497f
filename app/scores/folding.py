"""Fold scores into sums before retention deletes them, with the sums of outliers beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import to_microseconds
from app.scores.outliers import BEGINNING, OutlierPoints
from app.scores.tables import SCORE_TABLES, FoldedScore, ForecastScore
from app.scores.totals import Key, Totals, counted, folded, sum_of


def fold(
    session: Session,
    version_id: int,
    series_id: int,
    forecasts: Sequence[int],
    outliers: Mapping[str, OutlierPoints],
) -> int:
    """Add the points of these forecasts to the sums and delete them; return their number.

    The caller holds the series' lock, under which scores change.

    Args:
        session: The caller's transaction.
        version_id: The version.
        series_id: The series.
        forecasts: The ids of the forecasts.
        outliers: Which points of values are outliers, by target.
    """
    deleted = 0
    are_outliers = sa.or_(sa.false(), *(each.points for each in outliers.values()))
    for table in SCORE_TABLES:
        chosen = table.forecast_id.in_(forecasts)
        scored = (chosen, sa.and_(table.counted, table.actual.is_not(None)))
        new = counted(session, table, scored)
        has_outliers = table is ForecastScore and bool(new) and bool(outliers)
        unusual = counted(session, table, (*scored, are_outliers)) if has_outliers else {}
        rows = _rows(session, version_id, series_id, new)
        for key, sums in new.items():
            rows[key].sums = sum_of(rows[key].sums, sums)
            rows[key].outliers = _with_outliers(
                rows[key].outliers or {}, sums["count"], unusual.get(key), outliers.get(key[0])
            )
        session.flush()
        deleted += session.connection().execute(sa.delete(table).where(chosen)).rowcount
    return deleted


def _with_outliers(
    before: dict[str, Any],
    checked: float,
    unusual: dict[str, float] | None,
    points: OutlierPoints | None,
) -> dict[str, Any]:
    """The sums of outliers with those of newly folded points, and where outliers begin."""
    beginning = before.get(BEGINNING)
    if unusual and points and beginning is None:
        beginning = [to_microseconds(points.beginning.first), points.beginning.width]
    sums = {name: total for name, total in before.items() if name != BEGINNING}
    merged = sum_of(sums, {"checked": checked, **(unusual or {})})
    return {**merged, BEGINNING: beginning} if beginning else merged


def _rows(session: Session, version_id: int, series_id: int, new: Totals) -> dict[Key, FoldedScore]:
    """The rows to add to, by key; new ones are empty."""
    rows = folded(session, version_id, series_id) if new else {}
    for key in new:
        if key not in rows:
            fields = dict(zip(("target", "lead", "code"), key, strict=True))
            rows[key] = FoldedScore(version_id=version_id, series_id=series_id, sums={}, **fields)
            session.add(rows[key])
    return rows
