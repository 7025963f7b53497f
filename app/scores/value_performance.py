"""How forecasts of values turned out: errors, coverage and width, from sums of the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from app.scores.schemas import LeadFigures, TargetPerformance
from app.scores.spans import Span, added, ratio
from app.scores.tables import ForecastScore
from app.scores.totals import totals_of


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
    """Counts and sums by target and lead."""
    found = totals_of(session, span, ForecastScore)
    return [_sums_of(target, lead, sums) for (target, lead, _), sums in found.items()]


def _sums_of(target: str, lead: int, sums: dict[str, Any]) -> _Sums:
    return _Sums(
        target=target,
        lead=lead,
        count=sums["count"],
        error=sums["error"],
        naive=(sums["naive_count"], sums["naive_error"]),
        inside={level: (sums[f"bounded_{level}"], sums[f"inside_{level}"]) for level in (80, 95)},
        width={level: sums[f"width_{level}"] for level in (80, 95)},
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
