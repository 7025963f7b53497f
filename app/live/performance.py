"""Live performance: errors, coverage and width of the forecasts whose truth has come."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.live.schemas import (
    LeadFigures,
    Performance,
    PerformanceQuery,
    TargetPerformance,
    VersionPerformance,
    Window,
    WindowPerformance,
)
from app.live.tables import ForecastScore
from app.registry.queries import get_model, get_version
from app.registry.tables import Alias, ModelVersion, VersionSeries
from app.series.service import get_series
from app.series.tables import Series

WINDOWS: dict[Window, timedelta | None] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "all": None,
}


@dataclass(frozen=True, slots=True)
class LeadSums:
    """What came of the points of one target and lead."""

    target: str
    lead: int
    count: int
    error: float
    naive: tuple[int, float]
    inside: dict[int, tuple[int, float]]
    width: dict[int, float]


def performance(session: Session, model: str, wanted: PerformanceQuery) -> Performance:
    """The figures of a model's versions, by series.

    Only forecasts made from the last complete step count, and of several from one origin the
    last one.

    Raises:
        NotFound: If the model, the version, the alias or the series does not exist.
    """
    owner = get_model(session, model)
    versions = _versions(session, owner.id, model, wanted)
    aliases = _aliases(session, owner.id)
    if wanted.alias is not None:
        if not any(wanted.alias in names for names in aliases.values()):
            raise NotFound(f"The model {model!r} has no alias {wanted.alias!r}.")
        versions = [each for each in versions if wanted.alias in aliases.get(each.id, [])]
    series_id = None if wanted.series is None else get_series(session, wanted.series).id
    pairs = _pairs(session, [each.id for each in versions], series_id)
    ends = _ends(session, owner.id, {series.id for _, series in pairs})
    by_id = {each.id: each for each in versions}
    items = [
        VersionPerformance(
            version=by_id[version_id].number,
            aliases=aliases.get(version_id, []),
            series=series.name,
            end=ends[series.id],
            windows=list(_windows(session, by_id[version_id], series, ends[series.id], wanted)),
        )
        for version_id, series in pairs
    ]
    return Performance(model=model, items=items)


def _versions(
    session: Session, model_id: int, model: str, wanted: PerformanceQuery
) -> Sequence[ModelVersion]:
    if wanted.version is not None:
        return [get_version(session, model, wanted.version)[0]]
    statement = sa.select(ModelVersion).where(ModelVersion.model_id == model_id)
    return session.scalars(statement.order_by(ModelVersion.number.desc())).all()


def _aliases(session: Session, model_id: int) -> dict[int, list[str]]:
    """The names that point to each version."""
    statement = sa.select(Alias).where(Alias.model_id == model_id).order_by(Alias.name)
    found: dict[int, list[str]] = {}
    for alias in session.scalars(statement):
        found.setdefault(alias.version_id, []).append(alias.name)
    return found


def _pairs(
    session: Session, versions: Sequence[int], series_id: int | None
) -> list[tuple[int, Series]]:
    """Versions, newest first, with the series of which something of theirs was scored."""
    # One look into the index for each pair of a version and a series that it may have forecast.
    has_scores = sa.exists().where(
        ForecastScore.version_id == ModelVersion.id,
        ForecastScore.series_id == Series.id,
        ForecastScore.actual.is_not(None),
    )
    statement = (
        sa.select(ModelVersion.id, Series)
        .join(Series, sa.true())
        .where(ModelVersion.id.in_(versions), has_scores)
        .order_by(ModelVersion.number.desc(), Series.name)
    )
    if series_id is not None:
        statement = statement.where(Series.id == series_id)
    return [(row[0], row[1]) for row in session.execute(statement)]


def _ends(session: Session, model_id: int, series: Iterable[int]) -> dict[int, datetime]:
    """The newest scored step of a model on each series, the same for all its versions."""
    newest = (
        sa.select(ForecastScore.time)
        .where(
            ForecastScore.version_id == ModelVersion.id,
            ForecastScore.series_id == Series.id,
            ForecastScore.actual.is_not(None),
        )
        .order_by(ForecastScore.time.desc())
        .limit(1)
        .correlate(ModelVersion, Series)
        .scalar_subquery()
    )
    statement = (
        sa.select(Series.id, sa.func.max(newest))
        .select_from(ModelVersion)
        .join(Series, Series.id.in_(series))
        .where(ModelVersion.model_id == model_id)
        .group_by(Series.id)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def _windows(
    session: Session, version: ModelVersion, series: Series, end: datetime, wanted: PerformanceQuery
) -> Iterable[WindowPerformance]:
    test = figures_of_test(session, version, series)
    chosen: Iterable[Window] = WINDOWS if wanted.window is None else (wanted.window,)
    for window in chosen:
        length = WINDOWS[window]
        start = None if length is None else end - length
        sums = lead_sums(session, version.id, series.id, start)
        targets = [
            _target(series, target, list(group), test.get(target) or {})
            for target, group in groupby(sums, key=lambda each: each.target)
        ]
        yield WindowPerformance(window=window, start=start, targets=targets)


def lead_sums(
    session: Session, version_id: int, series_id: int, start: datetime | None
) -> list[LeadSums]:
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
    conditions = [
        score.version_id == version_id,
        score.series_id == series_id,
        score.counted,
        score.actual.is_not(None),
    ]
    if start is not None:
        conditions.append(score.time > start)
    statement = (
        sa.select(score.target, score.lead, *columns)
        .where(*conditions)
        .group_by(score.target, score.lead)
        .order_by(score.target, score.lead)
    )
    return [_sums_of(row) for row in session.execute(statement).mappings()]


def _sums_of(row: Any) -> LeadSums:
    return LeadSums(
        target=row["target"],
        lead=row["lead"],
        count=row["count"],
        error=row["error"],
        naive=(row["naive_count"], row["naive_error"] or 0.0),
        inside={level: (row[f"bounded_{level}"], row[f"inside_{level}"]) for level in (80, 95)},
        width={level: row[f"width_{level}"] or 0.0 for level in (80, 95)},
    )


def _target(
    series: Series, target: str, sums: list[LeadSums], test: dict[str, Any]
) -> TargetPerformance:
    units = {channel["name"]: channel["unit"] for channel in series.channels}
    tested = {lead["lead"]: lead for lead in test.get("leads", [])}
    leads = [
        LeadFigures(lead=each.lead, **_figures([each], tested.get(each.lead, {}))) for each in sums
    ]
    return TargetPerformance(
        target=target, unit=units.get(target), leads=leads, **_figures(sums, test)
    )


def _figures(sums: Sequence[LeadSums], test: dict[str, Any]) -> dict[str, Any]:
    """The means over some leads, each point counting the same."""
    count = sum(each.count for each in sums)
    mae = sum(each.error for each in sums) / count
    naive_mae = _ratio(*_added(each.naive for each in sums))
    found = {
        "count": count,
        "mae": mae,
        "naive_mae": naive_mae,
        "skill": 1 - mae / naive_mae if naive_mae else None,
        "test_mae": test.get("mae"),
        "test_skill": test.get("skill"),
    }
    for level in (80, 95):
        bounded, inside = _added(each.inside[level] for each in sums)
        found[f"coverage_{level}"] = _ratio(bounded, 100.0 * inside)
        found[f"width_{level}"] = _ratio(bounded, sum(each.width[level] for each in sums))
    return found


def _added(pairs: Iterable[tuple[int, float]]) -> tuple[int, float]:
    both = list(pairs)
    return sum(count for count, _ in both), sum(total for _, total in both)


def _ratio(count: int, total: float) -> float | None:
    return total / count if count else None


def figures_of_test(session: Session, version: ModelVersion, series: Series) -> dict[str, Any]:
    """The errors on the test part by target: of this series in a panel, if it was one of it."""
    own = session.scalar(
        sa.select(VersionSeries.metrics).where(
            VersionSeries.version_id == version.id, VersionSeries.series_id == series.id
        )
    )
    found: dict[str, Any] = (own or version.metrics or {}).get("test") or {}
    return found
