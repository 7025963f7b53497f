"""Performance of class forecasts: accuracy, log loss and Brier score, and the class prior's."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from app.scores.schemas import ClassTargetPerformance
from app.scores.spans import Span
from app.scores.tables import ClassScore
from app.scores.target_figures import PointSums, mean, target_figures
from app.scores.totals import CLASS_MEANS


def class_targets(
    session: Session, span: Span, test: dict[str, Any], *, without_outliers: bool = False
) -> list[ClassTargetPerformance]:
    """The figures of every target; the first arguments are those of `target_figures`.

    Scores of classes have no outliers, because they are bounded.
    """
    del without_outliers
    return [
        ClassTargetPerformance(**each)
        for each in target_figures(session, span, ClassScore, test, _figures)
    ]


def _figures(points: Sequence[PointSums], test: dict[str, Any]) -> dict[str, Any]:
    means = {name: mean(points, name) for name in CLASS_MEANS}
    prior = means["class_prior_log_loss"]
    return {
        "count": sum(each.count for each in points),
        **means,
        "balanced_accuracy": _balanced_accuracy(points),
        "skill": 1 - means["log_loss"] / prior if prior else None,
        **{f"test_{name}": test.get(name) for name in ("accuracy", "log_loss", "skill")},
    }


def _balanced_accuracy(points: Sequence[PointSums]) -> float:
    """The unweighted mean of the recalls of the observed classes."""
    by_class = groupby(sorted(points, key=lambda each: each.code), key=lambda each: each.code)
    recalls = [mean(list(group), "accuracy") for _, group in by_class]
    return sum(recalls) / len(recalls)
