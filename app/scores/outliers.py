"""Outliers among scored points: far outside of all intervals, such as after a wrong unit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.scores.schemas import OutlierRow
from app.scores.spans import Span
from app.scores.tables import ForecastScore

Condition = sa.ColumnElement[bool]

# The actual value is this many widths of the 95 % interval away from the forecast: with normal
# errors, 20 standard deviations.
_FAR_WIDTHS = 5.5
# And this many times farther from the naive forecast than a quarter of the points are: where the
# series itself has changed, it is not. Fewer points than `_MANY` do not show that.
_FAR_USUAL = 20.0
_QUARTER = 4
_MANY = 5
# Rows that are listed: more are not single mistakes.
MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Outliers:
    """The rows with outliers of one target, in the order of time, and which points they are."""

    rows: Sequence[OutlierRow]
    points: Condition


def find_outliers(session: Session, span: Span) -> dict[str, Outliers]:
    """The outliers of a span by target; targets without any are left out."""
    found = {}
    for target in session.scalars(_suspected(span)).all():
        points = _condition(session, span, target)
        if points is not None:
            rows = [_read(row) for row in session.execute(_rows(span, points))]
            found[target] = Outliers(rows, points)
    return found


def without(span: Span, outliers: Iterable[Outliers]) -> Span:
    """The span without these points."""
    return replace(span, excluded=tuple(sa.not_(each.points) for each in outliers))


_ERROR = sa.func.abs(ForecastScore.error)
_NAIVE_ERROR = sa.func.coalesce(sa.func.abs(ForecastScore.naive_error), 0.0)
_DISTANCE = sa.case((_NAIVE_ERROR > _ERROR, _NAIVE_ERROR), else_=_ERROR)
# -1 for forecasts without intervals: all their points are suspected.
_WIDTH = sa.func.coalesce(ForecastScore.upper_95 - ForecastScore.lower_95, -1.0)
_SUSPECTED = _ERROR > _FAR_WIDTHS * _WIDTH


def _suspected(span: Span) -> sa.Select[str]:
    """The targets with points far outside of their interval, or without intervals."""
    conditions = (*span.conditions(ForecastScore), _SUSPECTED)
    return sa.select(ForecastScore.target).where(*conditions).distinct()


def _condition(session: Session, span: Span, target: str) -> Condition | None:
    """Which points of a target are outliers; None if none is.

    Forecasts that have read an outlier are wrong too, for as long as the network remembers it, and
    the naive forecast from it would flatter the skill: later points are compared with the intervals
    before the first outlier, and with usual errors of the naive forecast.
    """
    of_target = (*span.conditions(ForecastScore), ForecastScore.target == target)
    far = _FAR_USUAL * _usual_naive_error(session, of_target)
    is_far = sa.and_(_SUSPECTED, far < _NAIVE_ERROR)
    first = session.scalar(sa.select(sa.func.min(ForecastScore.time)).where(*of_target, is_far))
    if first is None:
        return None
    before = (*of_target, ForecastScore.time < first, _WIDTH > 0)
    width = session.scalar(sa.select(sa.func.avg(_WIDTH)).where(*before)) or 0.0
    farthest = max(_FAR_WIDTHS * float(width), far)
    if far:
        is_far |= sa.and_(ForecastScore.time > first, sa.or_(farthest < _ERROR, far < _NAIVE_ERROR))
    return sa.and_(ForecastScore.target == target, is_far)


def _usual_naive_error(session: Session, of_target: Iterable[Condition]) -> float:
    """The error that a quarter of the naive forecasts do not exceed; 0 if they are few.

    Forecasts that are exactly right, as at night or in a drought, do not count.
    """
    conditions = (*of_target, _NAIVE_ERROR > 0)
    count = session.scalar(sa.select(sa.func.count()).where(*conditions)) or 0
    if count < _MANY:
        return 0.0
    ordered = sa.select(_NAIVE_ERROR).where(*conditions).order_by(_NAIVE_ERROR)
    return float(session.scalar(ordered.offset(count // _QUARTER).limit(1)) or 0.0)


def _rows(span: Span, points: Condition) -> sa.Select[*tuple[Any, ...]]:
    """The rows with the farthest points, in the order of time."""
    score = ForecastScore
    largest = sa.func.max(_DISTANCE).label("distance")
    farthest = (
        sa.select(
            score.time,
            sa.func.max(score.actual).label("actual"),
            sa.func.count().label("points"),
            largest,
        )
        .where(*span.conditions(score), points)
        .group_by(score.time)
        .order_by(largest.desc())
        .limit(MOST_ROWS)
        .subquery()
    )
    return sa.select(farthest).order_by(farthest.c.time)


def _read(row: Any) -> OutlierRow:
    return OutlierRow(
        time=row.time, actual=row.actual, points=row.points, largest_distance=row.distance
    )
