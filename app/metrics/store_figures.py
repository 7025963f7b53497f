"""Figures of what is stored: series and rows, states, and how good the champions are."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy.orm import Session, load_only

from app.db import utc_now
from app.drift.figures import live_errors
from app.drift.service import WATCHED_STEPS
from app.live.tables import KeptState, StateCheckpoint
from app.metrics import figures
from app.registry.queries import CHAMPION
from app.registry.tables import Alias, Model, ModelVersion
from app.scores.spans import Span
from app.scores.tables import ForecastScore
from app.series.tables import Series

MOST_MODELS = 200
AGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
LEVELS = {"80": ForecastScore.inside_80, "95": ForecastScore.inside_95}

Champion = sa.Row[str, str, ModelVersion, Series]


def store_figures(session: Session) -> Iterator[GaugeMetricFamily]:
    """Series, rows and states, and the figures of the champions."""
    now = utc_now()
    yield _series(session, now)
    yield figures.ROWS.one(float(session.scalar(sa.select(sa.func.sum(Series.rows))) or 0))
    yield figures.STATE_BYTES.of(
        ((part,), float(session.scalar(sa.select(sa.func.sum(sa.func.length(content)))) or 0))
        for part, content in (
            ("states", KeptState.content),
            ("checkpoints", StateCheckpoint.content),
        )
    )
    named = sa.select(sa.func.count()).select_from(Alias).where(Alias.name == CHAMPION)
    yield figures.CHAMPIONS.one(session.scalar(named) or 0)
    yield from _of_champions(session, now)


def _series(session: Session, now: datetime) -> GaugeMetricFamily:
    age = sa.case(
        (Series.last_time.is_(None), "empty"),
        *((Series.last_time >= now - longest, name) for name, longest in AGES.items()),
        else_="older",
    ).label("age")
    counted = {
        row[0]: row[1] for row in session.execute(sa.select(age, sa.func.count()).group_by("age"))
    }
    return figures.SERIES.of(((name,), counted.get(name, 0)) for name in (*AGES, "older", "empty"))


def _of_champions(session: Session, now: datetime) -> Iterator[GaugeMetricFamily]:
    champions = _champions(session)
    yield figures.CHAMPION_AGE.of(
        ((project, model), _seconds(now, version.created_at))
        for project, model, version, _ in champions
    )
    yield figures.CHAMPION_LAG.of(
        ((project, model), _seconds(now, series.last_time))
        for project, model, _, series in champions
        if series.last_time is not None
    )
    yield figures.ERROR_RATIO.of(
        ((project, model), worst)
        for project, model, version, series in champions
        if (worst := _worst_ratio(session, version, series)) is not None
    )
    yield figures.COVERAGE.of(
        ((project, model, level), share)
        for project, model, version, series in champions
        for level, share in _coverage(session, version, series)
    )


def _champions(session: Session) -> Sequence[Champion]:
    statement = (
        sa.select(Model.project, Model.name, ModelVersion, Series)
        .join(Alias, Alias.model_id == Model.id)
        .join(ModelVersion, ModelVersion.id == Alias.version_id)
        .join(Series, Series.id == ModelVersion.series_id)
        .where(Alias.name == CHAMPION)
        .options(load_only(ModelVersion.spec, ModelVersion.metrics, ModelVersion.created_at))
        .order_by(Model.project, Model.name)
        .limit(MOST_MODELS)
    )
    return session.execute(statement).all()


def _seconds(now: datetime, moment: datetime) -> float:
    return max(0.0, (now - moment).total_seconds())


def _worst_ratio(session: Session, version: ModelVersion, series: Series) -> float | None:
    errors = live_errors(session, version, series, steps=WATCHED_STEPS)
    return max((each.ratio for each in errors if each.ratio is not None), default=None)


def _coverage(
    session: Session, version: ModelVersion, series: Series
) -> Iterator[tuple[str, float]]:
    """The share of values inside the interval of each level; nothing for classes."""
    conditions = list(Span(version.id, series, None).conditions(ForecastScore))
    newest = (
        sa.select(ForecastScore.time)
        .where(*conditions)
        .distinct()
        .order_by(ForecastScore.time.desc())
        .limit(WATCHED_STEPS)
        .subquery()
    )
    first = sa.select(sa.func.min(newest.c.time)).scalar_subquery()
    shares = [
        sa.func.avg(sa.case((inside.is_(True), 1.0), (inside.is_(False), 0.0)))
        for inside in LEVELS.values()
    ]
    row = session.execute(sa.select(*shares).where(*conditions, ForecastScore.time >= first)).one()
    for level, share in zip(LEVELS, row, strict=True):
        if share is not None:
            yield level, float(share)
