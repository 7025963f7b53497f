"""Outliers among scored points: far outside of all intervals, such as after a wrong unit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import from_microseconds
from app.scores.schemas import OutlierRow
from app.scores.spans import Span
from app.scores.tables import ForecastScore
from app.scores.totals import NO_CLASS, folded

Condition = sa.ColumnElement[bool]

# The actual value is this many widths of the 95 % interval away from the forecast: with normal
# errors, 20 standard deviations.
_FAR_WIDTHS = 5.5
# And this many times farther from the naive forecast than a quarter of the points are: where the
# series itself has changed, it is not. Fewer points than `_MANY` do not show that.
_FAR_USUAL = 20.0
_QUARTER = 4
_MANY = 5
# The key of the beginning among the sums of deleted outliers: microseconds since 1970, and width.
BEGINNING = "beginning"
# Rows that are listed: more are not single mistakes.
MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first outlier of a target, and the mean width of the 95 % interval before it."""

    first: datetime
    width: float


@dataclass(frozen=True, slots=True)
class OutlierPoints:
    """Which points of one target are outliers, and where they begin."""

    points: Condition
    beginning: Beginning


@dataclass(frozen=True, slots=True)
class Outliers:
    """The outliers of one target.

    Args:
        rows: The rows with outliers, in the order of time.
        points: Which points they are; None if all of them are deleted.
        folded: The number of outliers among deleted points.
        unchecked: The number of deleted points that may be outliers: earlier releases did not keep
            which of them are.
    """

    rows: Sequence[OutlierRow]
    points: Condition | None
    folded: int
    unchecked: int


NO_OUTLIERS = Outliers((), None, 0, 0)


def find_outliers(session: Session, span: Span) -> dict[str, Outliers]:
    """The outliers of a span by target; targets without any may be left out."""
    folds = _folded(session, span) if span.start is None else {}
    points = outlier_points(session, span)
    found = {}
    for target in {**folds, **points}:
        fold, of_target = folds.get(target, _NOTHING_FOLDED), points.get(target)
        rows = session.execute(_rows(span, of_target.points)).all() if of_target else []
        found[target] = Outliers(
            rows=[_read(row) for row in rows],
            points=of_target.points if of_target else None,
            folded=fold.outliers,
            unchecked=fold.unchecked,
        )
    return found


def outlier_points(session: Session, span: Span) -> dict[str, OutlierPoints]:
    """Which points of a span are outliers, by target."""
    folds = _folded(session, span) if span.start is None else {}
    beginnings = {target: fold.beginning for target, fold in folds.items() if fold.beginning}
    suspected = session.scalars(_suspected(span)).all()
    found = {}
    for target in {*suspected, *beginnings}:
        points = _points(session, span, target, beginnings.get(target))
        if points is not None:
            found[target] = points
    return found


def without(span: Span, outliers: Iterable[Outliers]) -> Span:
    """The span without these points."""
    conditions = [each.points for each in outliers if each.points is not None]
    return replace(span, excluded=tuple(map(sa.not_, conditions)), with_outliers=False)


@dataclass(frozen=True, slots=True)
class _Folded:
    """The deleted points of one target: outliers, points that were not checked, the beginning."""

    outliers: int
    unchecked: int
    beginning: Beginning | None


_NOTHING_FOLDED = _Folded(0, 0, None)


def _folded(session: Session, span: Span) -> dict[str, _Folded]:
    found: dict[str, _Folded] = {}
    for row in folded(session, span.version_id, span.series.id).values():
        if row.code != NO_CLASS:
            continue
        kept, before = row.outliers or {}, found.get(row.target, _NOTHING_FOLDED)
        found[row.target] = _Folded(
            before.outliers + int(kept.get("count", 0)),
            before.unchecked + int(row.sums["count"] - kept.get("checked", 0)),
            _earlier(before.beginning, kept.get(BEGINNING)),
        )
    return found


def _earlier(one: Beginning | None, stored: Sequence[float] | None) -> Beginning | None:
    if stored is None:
        return one
    other = Beginning(from_microseconds(int(stored[0])), stored[1])
    return other if one is None or other.first < one.first else one


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


def _points(
    session: Session, span: Span, target: str, earlier: Beginning | None
) -> OutlierPoints | None:
    """Which points of a target are outliers; None if none is.

    Forecasts that have read an outlier are wrong too, for as long as the network remembers it, and
    the naive forecast from it would flatter the skill: later points are compared with the intervals
    before the first outlier, and with usual errors of the naive forecast.

    Args:
        session: The database.
        span: The points.
        target: The target.
        earlier: Where outliers begin among the deleted points.
    """
    of_target = (*span.conditions(ForecastScore), ForecastScore.target == target)
    far = _FAR_USUAL * _usual_naive_error(session, of_target)
    is_far = sa.and_(_SUSPECTED, far < _NAIVE_ERROR)
    beginning = earlier or _beginning(session, of_target, is_far)
    if beginning is None:
        return None
    farthest = max(_FAR_WIDTHS * beginning.width, far)
    if far:
        is_far |= sa.and_(
            ForecastScore.time > beginning.first,
            sa.or_(farthest < _ERROR, far < _NAIVE_ERROR),
        )
    return OutlierPoints(sa.and_(ForecastScore.target == target, is_far), beginning)


def _beginning(
    session: Session, of_target: Iterable[Condition], is_far: Condition
) -> Beginning | None:
    first = session.scalar(sa.select(sa.func.min(ForecastScore.time)).where(*of_target, is_far))
    if first is None:
        return None
    before = (*of_target, ForecastScore.time < first, _WIDTH > 0)
    width = session.scalar(sa.select(sa.func.avg(_WIDTH)).where(*before)) or 0.0
    return Beginning(first, float(width))


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
