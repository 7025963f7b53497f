"""Totals of scored points by target, lead and class, including those of deleted points."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.scores.spans import Span
from app.scores.tables import AwaitedPoint, ClassScore, FoldedScore, ForecastScore

# The figures of class scores that are means over points.
CLASS_MEANS = {
    "accuracy": ClassScore.correct,
    "log_loss": ClassScore.log_loss,
    "brier": ClassScore.brier,
    "majority_accuracy": ClassScore.majority_correct,
    "class_prior_accuracy": ClassScore.class_prior_probability,
    "class_prior_log_loss": ClassScore.class_prior_log_loss,
    "class_prior_brier": ClassScore.class_prior_brier,
}
# Stands for the actual class in forecasts of values.
NO_CLASS = -1

# Target, lead and actual class.
Key = tuple[str, int, int]
Totals = dict[Key, dict[str, float]]


def totals_of(session: Session, span: Span, table: type[AwaitedPoint]) -> Totals:
    """The totals of a span, from one query and in the order of the keys.

    Totals over all time include the sums of the scores that retention deleted.
    """
    found = counted(session, table, span.conditions(table))
    if span.start is None:
        rows = folded(session, span.version_id, span.series.id)
        sums = {
            key: row.sums if span.with_outliers else _without_outliers(row)
            for key, row in rows.items()
        }
        found = added(found, {key: each for key, each in sums.items() if each["count"]})
    return dict(sorted(found.items()))


def counted(
    session: Session, table: type[AwaitedPoint], conditions: Iterable[sa.ColumnElement[bool]]
) -> Totals:
    """The totals of the points of a table that meet the conditions."""
    keys, totals = _COLUMNS[table]
    statement = sa.select(*keys, *totals).where(*conditions).group_by(*keys[:2], *_code(table))
    if table is ClassScore:
        statement = statement.where(ClassScore.code.is_not(None))
    return {
        (row["target"], row["lead"], row["code"]): {
            each.name: row[each.name] or 0 for each in totals
        }
        for row in session.execute(statement).mappings()
    }


def folded(session: Session, version_id: int, series_id: int) -> dict[Key, FoldedScore]:
    """The sums of the deleted scores of a version on a series."""
    statement = sa.select(FoldedScore).filter_by(version_id=version_id, series_id=series_id)
    return {(row.target, row.lead, row.code): row for row in session.scalars(statement)}


def added(one: Totals, other: Totals) -> Totals:
    """The sum of two totals."""
    return {key: sum_of(one.get(key, {}), other.get(key, {})) for key in one.keys() | other.keys()}


def _without_outliers(row: FoldedScore) -> dict[str, float]:
    outliers = row.outliers or {}
    return {name: total - outliers.get(name, 0) for name, total in row.sums.items()}


def sum_of(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """The sum of two totals of the same points' figures, by name."""
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _value_totals() -> list[sa.Label[Any]]:
    score = ForecastScore
    totals: list[sa.Label[Any]] = [
        sa.func.count().label("count"),
        sa.func.sum(sa.func.abs(score.error)).label("error"),
        sa.func.count(score.naive_error).label("naive_count"),
        sa.func.sum(sa.func.abs(score.naive_error)).label("naive_error"),
    ]
    for level in (80, 95):
        lower, upper, inside = (
            getattr(score, f"{name}_{level}") for name in ("lower", "upper", "inside")
        )
        totals += [
            sa.func.count(inside).label(f"bounded_{level}"),
            sa.func.sum(sa.case((inside.is_(True), 1), else_=0)).label(f"inside_{level}"),
            sa.func.sum(upper - lower).label(f"width_{level}"),
        ]
    return totals


def _class_totals() -> list[sa.Label[Any]]:
    return [
        sa.func.count().label("count"),
        *(
            sa.func.sum(sa.cast(column, sa.Integer) if _is_flag(column) else column).label(name)
            for name, column in CLASS_MEANS.items()
        ),
    ]


def _is_flag(column: Any) -> bool:
    return isinstance(column.type, sa.Boolean)


def _code(table: type[AwaitedPoint]) -> list[Any]:
    return [ClassScore.code] if table is ClassScore else []


# The columns that each table is grouped by, and the sums.
_COLUMNS: dict[type[AwaitedPoint], tuple[list[Any], list[sa.Label[Any]]]] = {
    ForecastScore: (
        [ForecastScore.target, ForecastScore.lead, sa.literal(NO_CLASS).label("code")],
        _value_totals(),
    ),
    ClassScore: ([ClassScore.target, ClassScore.lead, ClassScore.code], _class_totals()),
}
