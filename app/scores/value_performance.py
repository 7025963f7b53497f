"""Performance of value forecasts: errors, interval coverage and interval width."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.scores.outliers import NO_OUTLIERS, Outliers, find_outliers, without
from app.scores.schemas import TargetPerformance
from app.scores.spans import Span, added, ratio
from app.scores.tables import ForecastScore
from app.scores.target_figures import PointSums, mean, target_figures


def value_targets(
    session: Session, span: Span, test: dict[str, Any], *, without_outliers: bool = False
) -> list[TargetPerformance]:
    """The figures of every target, with the rows that are outliers named and, if asked, left out.

    The first arguments are those of `target_figures`.
    """
    found = find_outliers(session, span)
    chosen = without(span, found.values()) if without_outliers else span
    return [
        _performance(span, found.get(each["target"], NO_OUTLIERS), each)
        for each in target_figures(session, chosen, ForecastScore, test, _figures)
    ]


def _performance(span: Span, outliers: Outliers, figures: dict[str, Any]) -> TargetPerformance:
    return TargetPerformance(
        unit=span.unit(figures["target"]),
        outliers=list(outliers.rows),
        deleted_outliers=outliers.folded,
        deleted_unchecked=outliers.unchecked,
        **figures,
    )


def _figures(points: Sequence[PointSums], test: dict[str, Any]) -> dict[str, Any]:
    mae = mean(points, "error")
    naive_mae = _mean_of(points, "naive_count", "naive_error")
    figures = {
        "count": sum(each.count for each in points),
        "mae": mae,
        "naive_mae": naive_mae,
        "skill": 1 - mae / naive_mae if naive_mae else None,
        "test_mae": test.get("mae"),
        "test_skill": test.get("skill"),
    }
    for level in (80, 95):
        bounded, inside = _total(points, f"bounded_{level}", f"inside_{level}")
        figures[f"coverage_{level}"] = ratio(bounded, 100.0 * inside)
        figures[f"width_{level}"] = _mean_of(points, f"bounded_{level}", f"width_{level}")
    return figures


def _mean_of(points: Sequence[PointSums], count: str, total: str) -> float | None:
    """A mean over those points that have the figure; None if none has it."""
    return ratio(*_total(points, count, total))


def _total(points: Sequence[PointSums], count: str, total: str) -> tuple[int, float]:
    return added((int(each.sums[count]), each.sums[total]) for each in points)
