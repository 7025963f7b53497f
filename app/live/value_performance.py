"""How forecasts of values turned out: errors, coverage and width, from sums of the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.live.schemas import LeadFigures, TargetPerformance
from app.live.spans import Span, added, ratio
from app.live.tables import ForecastScore


@dataclass(frozen=True, slots=True)
class _Sums:
    """What came of the points of one target and lead."""

    target: str
    lead: int
    count: int
    error: float
    naive: tuple[int, float]
    inside: dict[int, tuple[int, float]]
    width: dict[int, float]


def value_targets(session: Session, span: Span, test: dict[str, Any]) -> list[TargetPerformance]:
    """The figures of every target.

    Args:
        session: The database.
        span: Which points.
        test: The figures of the training's test part, by target.
    """
    return [
        _target(span.unit(target), target, list(group), test.get(target) or {})
        for target, group in groupby(_sums(session, span), key=lambda each: each.target)
    ]


def _sums(session: Session, span: Span) -> list[_Sums]:
    """Counts and sums by target and lead, in one pass over the window."""
    score = ForecastScore
    insides = {80: score.inside_80, 95: score.inside_95}
    widths = {80: score.upper_80 - score.lower_80, 95: score.upper_95 - score.lower_95}
    columns = [
        sa.func.count().label("count"),
        sa.func.sum(sa.func.abs(score.error)).label("error"),
        sa.func.count(score.naive_error).label("naive_count"),
        sa.func.sum(sa.func.abs(score.naive_error)).label("naive_error"),
    ]
    for level, inside in insides.items():
        columns += [
            sa.func.count(inside).label(f"bounded_{level}"),
            sa.func.sum(sa.case((inside.is_(True), 1), else_=0)).label(f"inside_{level}"),
            sa.func.sum(widths[level]).label(f"width_{level}"),
        ]
    statement = (
        sa.select(score.target, score.lead, *columns)
        .where(*span.conditions(score))
        .group_by(score.target, score.lead)
        .order_by(score.target, score.lead)
    )
    return [_sums_of(row) for row in session.execute(statement).mappings()]


def _sums_of(row: Any) -> _Sums:
    return _Sums(
        target=row["target"],
        lead=row["lead"],
        count=row["count"],
        error=row["error"],
        naive=(row["naive_count"], row["naive_error"] or 0.0),
        inside={level: (row[f"bounded_{level}"], row[f"inside_{level}"]) for level in (80, 95)},
        width={level: row[f"width_{level}"] or 0.0 for level in (80, 95)},
    )


def _target(
    unit: str | None, target: str, sums: list[_Sums], test: dict[str, Any]
) -> TargetPerformance:
    tested = {lead["lead"]: lead for lead in test.get("leads", [])}
    leads = [
        LeadFigures(lead=each.lead, **_figures([each], tested.get(each.lead, {}))) for each in sums
    ]
    return TargetPerformance(target=target, unit=unit, leads=leads, **_figures(sums, test))


def _figures(sums: Sequence[_Sums], test: dict[str, Any]) -> dict[str, Any]:
    """The means over some leads, each point counting the same."""
    count = sum(each.count for each in sums)
    mae = sum(each.error for each in sums) / count
    naive_mae = ratio(*added(each.naive for each in sums))
    found = {
        "count": count,
        "mae": mae,
        "naive_mae": naive_mae,
        "skill": 1 - mae / naive_mae if naive_mae else None,
        "test_mae": test.get("mae"),
        "test_skill": test.get("skill"),
    }
    for level in (80, 95):
        bounded, inside = added(each.inside[level] for each in sums)
        found[f"coverage_{level}"] = ratio(bounded, 100.0 * inside)
        found[f"width_{level}"] = ratio(bounded, sum(each.width[level] for each in sums))
    return found
