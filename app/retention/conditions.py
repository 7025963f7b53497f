"""Aged forecasts and states: which rows of a version and series may go, as conditions."""

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
from app.scores.tables import AwaitedPoint, ClassScore, ForecastScore
from app.series.tables import Series

SCORES: tuple[type[AwaitedPoint], ...] = (ForecastScore, ClassScore)

# What figures of live performance and of drift look at, back from a version's newest scored step:
# the longest window, and the steps over which errors are watched unless a schedule says more.
LONGEST_WINDOW = timedelta(days=30)
WATCHED_STEPS = 100


@dataclass(frozen=True, slots=True)
class Pair:
    """A version, and a series that it has forecast."""

    version_id: int
    series_id: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Up to where forecasts of a pair may go; None has no limit.

    Args:
        made_before: Forecasts made before this may lose their scores.
        gone_before: Those made before this may go themselves.
        points_until: Forecasts with a point later than this stay.
        origin_before: So do those from this origin on.
    """

    made_before: datetime | None
    gone_before: datetime | None
    points_until: datetime | None
    origin_before: datetime | None


EVERYTHING = Limits(None, None, None, None)
NEVER = BEGINNING


def limits_of(
    session: Session, pair: Pair, *, gone_before: datetime | None, made_before: datetime
) -> Limits:
    """The limits of a pair whose version stays.

    A forecast stays while a point of it waits for its truth, or counts in the figures of the last
    weeks; and so does the one that is the latest.
    """
    keys = {"version_id": pair.version_id, "series_id": pair.series_id}
    state_time = session.scalar(sa.select(KeptState.time).filter_by(**keys))
    return Limits(
        made_before=made_before,
        gone_before=gone_before or NEVER,
        points_until=_points_until(session, pair),
        origin_before=state_time,
    )


def pairs_of(session: Session, versions: list[int]) -> list[Pair]:
    """The pairs of some versions that have forecasts, each found by one look into an index."""
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


def may_go(pair: Pair, limits: Limits) -> list[sa.ColumnElement[bool]]:
    """What forecasts are like that lose their scores, or go."""
    conditions = [
        StoredForecast.version_id == pair.version_id,
        StoredForecast.series_id == pair.series_id,
    ]
    if limits.made_before is not None:
        conditions.append(StoredForecast.created_at < limits.made_before)
    if limits.gone_before is not None:
        # Those that stay are of no interest once they have no scores any more.
        conditions.append(sa.or_(StoredForecast.created_at < limits.gone_before, _has_points()))
    if limits.points_until is not None:
        conditions.append(~_has_points(limits.points_until))
    if limits.origin_before is not None:
        conditions.append(StoredForecast.origin < limits.origin_before)
    return conditions


def goes_itself(limits: Limits) -> sa.ColumnElement[bool]:
    """Of forecasts that may go, those that do not only lose their scores."""
    if limits.gone_before is None:
        return sa.true()
    return StoredForecast.created_at < limits.gone_before


def old_states(version_id: int, before: datetime) -> list[sa.ColumnElement[bool]]:
    """What kept states of a version are like that may go: unused, and nothing waits for them.

    Args:
        version_id: A version that need not be ready to serve.
        before: Nothing was forecast from them since.
    """
    was_used = sa.exists().where(
        StoredForecast.version_id == KeptState.version_id,
        StoredForecast.series_id == KeptState.series_id,
        StoredForecast.created_at >= before,
    )
    return [
        KeptState.version_id == version_id,
        ~was_used,
        *(~_is_awaited(table) for table in SCORES),
    ]


def _points_until(session: Session, pair: Pair) -> datetime:
    """The last moment whose points count in no figures of recent time."""
    watched = max(WATCHED_STEPS, _steps_of_schedules(session, pair.version_id))
    steps: list[datetime] = []
    for table in SCORES:
        mine = (table.version_id == pair.version_id, table.series_id == pair.series_id)
        scored = sa.select(table.time).distinct().where(*mine, table.actual.is_not(None))
        steps += session.scalars(scored.order_by(table.time.desc()).limit(watched)).all()
    if len(steps) < watched:
        return NEVER
    # A version forecasts values or classes, so that these are of one table, newest first. Less
    # than the oldest of the watched: that one stays, too.
    return min(steps[0] - LONGEST_WINDOW, steps[-1] - MICROSECOND)


def _steps_of_schedules(session: Session, version_id: int) -> int:
    statement = (
        sa.select(sa.func.max(Schedule.window_steps))
        .join(ModelVersion, ModelVersion.model_id == Schedule.model_id)
        .where(ModelVersion.id == version_id)
    )
    return session.scalar(statement) or 0


def _has_points(after: datetime | None = None) -> sa.ColumnElement[bool]:
    """Whether a forecast has points with a row of their own, later than a moment."""
    return sa.or_(
        *(
            sa.exists().where(
                table.forecast_id == StoredForecast.id,
                sa.true() if after is None else table.time > after,
            )
            for table in SCORES
        )
    )


def _is_awaited(table: type[AwaitedPoint]) -> sa.ColumnElement[bool]:
    """Whether a point of a state's version waits for a step that the series has not reached."""
    last = sa.select(Series.last_time).where(Series.id == KeptState.series_id)
    return sa.exists().where(
        table.version_id == KeptState.version_id,
        table.series_id == KeptState.series_id,
        table.time > last.correlate(KeptState).scalar_subquery(),
    )
