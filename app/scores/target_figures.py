"""Figures by target and lead: what the performance of values and of classes has in common."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from app.scores.spans import Span
from app.scores.tables import AwaitedPoint
from app.scores.totals import totals_of


@dataclass(frozen=True, slots=True)
class PointSums:
    """Sums over the scored points of one target, lead and actual class, by the figures' names."""

    target: str
    lead: int
    code: int
    sums: dict[str, float]

    @property
    def count(self) -> int:
        """The number of points."""
        return int(self.sums["count"])


# The figures over the points of some leads, from their sums and the figures of the test part.
Figures = Callable[[Sequence[PointSums], dict[str, Any]], dict[str, Any]]


def target_figures(
    session: Session,
    span: Span,
    table: type[AwaitedPoint],
    test: dict[str, Any],
    figures_of: Figures,
) -> Iterator[dict[str, Any]]:
    """The figures of every target over all leads, and of each lead in `leads`.

    Args:
        session: The database.
        span: The points to include.
        table: The table of the points.
        test: The figures of the training's test part, by target.
        figures_of: Computes the figures of some leads.
    """
    points = [PointSums(*key, sums) for key, sums in totals_of(session, span, table).items()]
    for target, group in groupby(points, key=lambda each: each.target):
        of_target, tested = list(group), test.get(target) or {}
        leads = _lead_figures(of_target, tested, figures_of)
        yield {"target": target, "leads": leads, **figures_of(of_target, tested)}


def mean(points: Sequence[PointSums], name: str) -> float:
    """The mean of a figure over all points, each with the same weight."""
    return sum(each.sums[name] for each in points) / sum(each.count for each in points)


def _lead_figures(
    points: Sequence[PointSums], tested: dict[str, Any], figures_of: Figures
) -> list[dict[str, Any]]:
    tested_leads = {lead["lead"]: lead for lead in tested.get("leads", [])}
    return [
        {"lead": lead, **figures_of(list(group), tested_leads.get(lead, {}))}
        for lead, group in groupby(points, key=lambda each: each.lead)
    ]
