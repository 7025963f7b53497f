"""Conditions on forecasts and states of a version and series: which rows may be deleted."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import MICROSECOND
from app.forecasts.tables import StoredForecast
from app.live.states import BEGINNING
from app.live.tables import KeptState
from app.registry.tables import ModelVersion
from app.schedules.tables import Schedule
from app.scores.tables import SCORE_TABLES, AwaitedPoint
from app.series.tables import Series

# Live performance and drift are computed over this much time or this many steps, back from a
# version's newest scored step: the longest window, and the watched steps unless a schedule has
# more.
LONGEST_WINDOW = timedelta(days=30)
WATCHED_STEPS = 100


@dataclass(frozen=True, slots=True)
class Pair:
    """A version, and a series that it has forecast."""

    version_id: int
    series_id: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Which forecasts of a pair may be deleted; None is not a limit.

    Args:
        scores_before: Forecasts made before this may lose their scores.
        forecasts_before: Those made before this may be deleted themselves.
        points_until: Forecasts with a point later than this stay.
        origin_before: Forecasts with this origin or a later one stay.
    """

    scores_before: datetime | None
    forecasts_before: datetime | None
    points_until: datetime | None
    origin_before: datetime | None


EVERYTHING = Limits(None, None, None, None)
NEVER = BEGINNING


def limits_of(
    session: Session, pair: Pair, *, forecasts_before: datetime | None, scores_before: datetime
) -> Limits:
    """The limits of a pair whose version stays.

    A forecast stays while one of its points waits for its observation or counts in the figures of
    the last weeks. The latest forecast stays too.
    """
    keys = {"version_id": pair.version_id, "series_id": pair.series_id}
    state_time = session.scalar(sa.select(KeptState.time).filter_by(**keys))
    return Limits(
        scores_before=scores_before,
        forecasts_before=forecasts_before or NEVER,
        points_until=_points_until(session, pair),
        origin_before=state_time,
    )


def pairs_of(session: Session, versions: list[int]) -> list[Pair]:
    """The pairs of these versions that have forecasts; one index lookup for each pair."""
    has_forecasts = sa.exists().where(
        StoredForecast.version_id == sa.bindparam("version"),
        StoredForecast.series_id == Series.id,
    )
    statement = sa.select(Series.id).where(has_forecasts).order_by(Series.id)
    return [
        Pair(version_id, series_id)
        for version_id in versions
        for series_id in session.scalars(statement, {"version": version_id})
    ]


def is_expired(pair: Pair, limits: Limits) -> list[sa.ColumnElement[bool]]:
    """The conditions on forecasts that lose their scores or are deleted."""
    conditions = [
        StoredForecast.version_id == pair.version_id,
        StoredForecast.series_id == pair.series_id,
    ]
    if limits.scores_before is not None:
        conditions.append(StoredForecast.created_at < limits.scores_before)
    if limits.forecasts_before is not None:
        # A forecast that stays is not selected again once its scores are deleted.
        is_old = StoredForecast.created_at < limits.forecasts_before
        conditions.append(sa.or_(is_old, _has_points()))
    if limits.points_until is not None:
        conditions.append(~_has_points(limits.points_until))
    if limits.origin_before is not None:
        conditions.append(StoredForecast.origin < limits.origin_before)
    return conditions


def is_deleted_itself(limits: Limits) -> sa.ColumnElement[bool]:
    """The condition on expired forecasts that are deleted and do not only lose their scores."""
    if limits.forecasts_before is None:
        return sa.true()
    return StoredForecast.created_at < limits.forecasts_before


def is_old_state(version_id: int, before: datetime) -> list[sa.ColumnElement[bool]]:
    """The conditions on states of a version that may be deleted: unused, without awaited points.

    Args:
        version_id: A version whose states do not have to be ready to serve.
        before: No forecast was made from them since this moment.
    """
    was_used = sa.exists().where(
        StoredForecast.version_id == KeptState.version_id,
        StoredForecast.series_id == KeptState.series_id,
        StoredForecast.created_at >= before,
    )
    return [
        KeptState.version_id == version_id,
        ~was_used,
        *(~_is_awaited(table) for table in SCORE_TABLES),
    ]


def _points_until(session: Session, pair: Pair) -> datetime:
    """The last moment whose points do not count in recent figures."""
    watched = max(WATCHED_STEPS, _steps_of_schedules(session, pair.version_id))
    steps: list[datetime] = []
    for table in SCORE_TABLES:
        mine = (table.version_id == pair.version_id, table.series_id == pair.series_id)
        scored = sa.select(table.time).distinct().where(*mine, table.actual.is_not(None))
        steps += session.scalars(scored.order_by(table.time.desc()).limit(watched)).all()
    if len(steps) < watched:
        return NEVER
    # A version forecasts either values or classes, so all steps are of one table, newest first.
    # One microsecond is subtracted because the oldest watched step stays too.
    return min(steps[0] - LONGEST_WINDOW, steps[-1] - MICROSECOND)


def _steps_of_schedules(session: Session, version_id: int) -> int:
    statement = (
        sa.select(sa.func.max(Schedule.window_steps))
        .join(ModelVersion, ModelVersion.model_id == Schedule.model_id)
        .where(ModelVersion.id == version_id)
    )
    return session.scalar(statement) or 0


def _has_points(after: datetime | None = None) -> sa.ColumnElement[bool]:
    """Whether a forecast has stored points, optionally only those after a moment."""
    return sa.or_(
        *(
            sa.exists().where(
                table.forecast_id == StoredForecast.id,
                sa.true() if after is None else table.time > after,
            )
            for table in SCORE_TABLES
        )
    )


def _is_awaited(table: type[AwaitedPoint]) -> sa.ColumnElement[bool]:
    """Whether a point of the state's version and series is later than the last observation."""
    last = sa.select(Series.last_time).where(Series.id == KeptState.series_id)
    return sa.exists().where(
        table.version_id == KeptState.version_id,
        table.series_id == KeptState.series_id,
        table.time > last.correlate(KeptState).scalar_subquery(),
    )
