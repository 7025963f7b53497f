"""Live performance: figures of scored forecasts by version, series and time window."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import AliasNotFound
from app.registry.queries import get_model, get_version
from app.registry.tables import Alias, ModelVersion, VersionSeries
from app.scores.class_performance import class_targets
from app.scores.schemas import (
    Performance,
    PerformanceQuery,
    VersionPerformance,
    Window,
    WindowPerformance,
)
from app.scores.spans import Span
from app.scores.tables import SCORE_TABLES
from app.scores.value_performance import value_targets
from app.series.service import get_series
from app.series.tables import Series

WINDOWS: dict[Window, timedelta | None] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "all": None,
}


def performance(session: Session, model: str, wanted: PerformanceQuery) -> Performance:
    """The figures of a model's versions, by series.

    Only forecasts made from the last complete step count; of several with the same origin only the
    last one.

    Raises:
        ModelNotFound, VersionNotFound, NoTrainedVersion: If the version does not exist.
        AliasNotFound, SeriesNotFound: If the alias or the series does not exist.
    """
    owner = get_model(session, model)
    versions = _versions(session, owner.id, model, wanted)
    aliases = _aliases(session, owner.id)
    if wanted.alias is not None:
        if not any(wanted.alias in names for names in aliases.values()):
            raise AliasNotFound(f"The model {model!r} has no alias {wanted.alias!r}.")
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
    """The names of the aliases that point to each version."""
    statement = sa.select(Alias).where(Alias.model_id == model_id).order_by(Alias.name)
    found: dict[int, list[str]] = {}
    for alias in session.scalars(statement):
        found.setdefault(alias.version_id, []).append(alias.name)
    return found


def _pairs(
    session: Session, versions: Sequence[int], series_id: int | None
) -> list[tuple[int, Series]]:
    """Versions, newest first, with each series on which they have scores."""
    # One index lookup for each pair of a version and a series.
    has_scores = sa.or_(
        *(
            sa.exists().where(
                table.version_id == ModelVersion.id,
                table.series_id == Series.id,
                table.actual.is_not(None),
            )
            for table in SCORE_TABLES
        )
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
    found: dict[int, datetime] = {}
    for table in SCORE_TABLES:
        newest = (
            sa.select(table.time)
            .where(
                table.version_id == ModelVersion.id,
                table.series_id == Series.id,
                table.actual.is_not(None),
            )
            .order_by(table.time.desc())
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
        for series_id, end in session.execute(statement):
            if end is not None:
                found[series_id] = max(end, found.get(series_id, end))
    return found


def _windows(
    session: Session, version: ModelVersion, series: Series, end: datetime, wanted: PerformanceQuery
) -> Iterable[WindowPerformance]:
    test = figures_of_test(session, version, series)
    targets_of = (
        value_targets if version.spec.get("task", "regression") == "regression" else class_targets
    )
    chosen: Iterable[Window] = WINDOWS if wanted.window is None else (wanted.window,)
    for window in chosen:
        length = WINDOWS[window]
        start = None if length is None else end - length
        span = Span(version.id, series, start)
        targets = targets_of(session, span, test, without_outliers=wanted.outliers == "exclude")
        yield WindowPerformance(window=window, start=start, targets=targets)


def figures_of_test(session: Session, version: ModelVersion, series: Series) -> dict[str, Any]:
    """The test errors by target: those of this series if it was part of the training panel."""
    of_series = session.scalar(
        sa.select(VersionSeries.metrics).where(
            VersionSeries.version_id == version.id, VersionSeries.series_id == series.id
        )
    )
    found: dict[str, Any] = (of_series or version.metrics or {}).get("test") or {}
    return found
