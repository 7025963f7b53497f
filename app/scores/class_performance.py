"""Performance of class forecasts: accuracy, log loss and Brier score, and the class prior's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from app.scores.schemas import ClassLeadFigures, ClassTargetPerformance
from app.scores.spans import Span
from app.scores.tables import ClassScore
from app.scores.totals import CLASS_MEANS, totals_of


@dataclass(frozen=True, slots=True)
class _Sums:
    """What came of the points of one target and lead whose truth was one class."""

    target: str
    lead: int
    code: int
    count: int
    totals: dict[str, float]


def class_targets(
    session: Session, span: Span, test: dict[str, Any]
) -> list[ClassTargetPerformance]:
    """The figures of every target.

    Args:
        session: The database.
        span: Which points.
        test: The figures of the training's test part, by target.
    """
    return [
        _target(target, list(group), test.get(target) or {})
        for target, group in groupby(_sums(session, span), key=lambda each: each.target)
    ]


def _sums(session: Session, span: Span) -> list[_Sums]:
    """Counts and sums by target, lead and class that came."""
    return [
        _Sums(*key, int(sums["count"]), sums)
        for key, sums in totals_of(session, span, ClassScore).items()
    ]


def _target(target: str, sums: list[_Sums], test: dict[str, Any]) -> ClassTargetPerformance:
    tested = {lead["lead"]: lead for lead in test.get("leads", [])}
    leads = [
        ClassLeadFigures(lead=lead, **_figures(list(group), tested.get(lead, {})))
        for lead, group in groupby(sums, key=lambda each: each.lead)
    ]
    return ClassTargetPerformance(target=target, leads=leads, **_figures(sums, test))


def _figures(sums: Sequence[_Sums], test: dict[str, Any]) -> dict[str, Any]:
    """The means over some leads, each point counting the same."""
    count = sum(each.count for each in sums)
    means = {name: sum(each.totals[name] for each in sums) / count for name in CLASS_MEANS}
    prior = means["class_prior_log_loss"]
    return {
        "count": count,
        **means,
        "balanced_accuracy": _balanced(sums),
        "skill": 1 - means["log_loss"] / prior if prior else None,
        **{f"test_{name}": test.get(name) for name in ("accuracy", "log_loss", "skill")},
    }


def _balanced(sums: Sequence[_Sums]) -> float:
    """The mean of the recalls of the classes that came."""
    recalls = []
    for _, group in groupby(sorted(sums, key=lambda each: each.code), key=lambda each: each.code):
        of_class = list(group)
        hits = sum(each.totals["accuracy"] for each in of_class)
        recalls.append(hits / sum(each.count for each in of_class))
    return sum(recalls) / len(recalls)
