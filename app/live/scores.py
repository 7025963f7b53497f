"""Scores: every forecast is compared with what came, in the transaction that brought it."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import finite_or_none, to_microseconds
from app.forecasts.tables import StoredForecast
from app.live.service import BEGINNING, columns_of
from app.live.tables import ForecastScore
from app.live.watching import Watcher, watchers
from app.registry.artefacts import forecasters
from app.series import storage
from app.series.tables import Series
from app.times import to_datetime, to_datetimes, to_numpy
from models.errors import ForecastingError
from models.forecast import Forecast
from models.intervals import LEVELS
from models.runtime import Forecaster
from models.series import Times, Values
from models.series_fit import SeriesFit

logger = logging.getLogger(__name__)

SCORED_LEVELS = (80, 95)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is known of a forecast that was just stored.

    Args:
        forecast_id: Its row.
        version_id: Its version.
        series_id: Its series.
        origin: The last step that it has seen.
        is_live: Whether it was made from the last complete step. Only such forecasts count in a
            version's performance.
    """

    forecast_id: int
    version_id: int
    series_id: int
    origin: datetime
    is_live: bool


def expected(made: Forecast, last_time: datetime | None) -> list[dict[str, Any]]:
    """The points of a forecast of values whose observations are still to come.

    Args:
        made: The forecast. Of classes nothing is scored yet.
        last_time: The series' last observation when it was made.
    """
    if made.probabilities is not None:
        return []
    columns = {"value": made.values, "naive": np.broadcast_to(made.naive, made.values.shape)}
    for side, bounds in (("lower", made.lower), ("upper", made.upper)):
        for level in SCORED_LEVELS:
            columns[f"{side}_{level}"] = _bound(made, bounds, level)
    lists = {
        name: [[finite_or_none(number) for number in row] for row in each.tolist()]
        for name, each in columns.items()
    }
    leads = made.leads.tolist()
    return [
        {
            "target": target,
            "lead": leads[row],
            "time": time,
            **{name: each[row][column] for name, each in lists.items()},
        }
        for row, time in enumerate(to_datetimes(made.times))
        if last_time is None or time > last_time
        for column, target in enumerate(made.targets)
    ]


def expect(
    session: Session, ticket: Ticket, points: Sequence[dict[str, Any]], *, is_first: bool
) -> None:
    """Write down what `expected` found.

    Args:
        session: The database.
        ticket: The forecast's row.
        points: What it said about the future.
        is_first: Whether no other forecast can have the same origin. Of several that were made
            there, as after a correction, the last one counts.
    """
    if not points:
        return
    if ticket.is_live and not is_first:
        _take_the_place_of_others(session, ticket)
    keys = {
        "forecast_id": ticket.forecast_id,
        "version_id": ticket.version_id,
        "series_id": ticket.series_id,
        "counted": ticket.is_live,
    }
    session.connection().execute(_EXPECT, [{**keys, **each} for each in points])


def score(
    session: Session,
    series: Series,
    concerned: Iterable[Watcher],
    *,
    after: datetime,
    until: datetime,
) -> None:
    """Score what stored forecasts said about the steps of a span, in the caller's transaction.

    A score that stands already changes only if the observation did. A version that cannot be
    scored is left out: no write to a series fails because of a model.

    Args:
        session: The database.
        series: What was observed; the caller holds its lock.
        concerned: The versions that have forecast it.
        after: Steps later than this.
        until: Observations up to this one are new; the step that it lies in counts.
    """
    readers = {
        each.version_id: own for each in concerned if (own := _reader(session, series, each))
    }
    due = _due(session, series, readers, after, until)
    changes = [
        change
        for version_id, times in due.items()
        for change in _compared(session, series, version_id, readers[version_id], times)
    ]
    for rule in SCORERS:
        rule(session, series, changes)


def score_since(session: Session, series: Series, moment: datetime | None) -> None:
    """Score all that was observed after a moment; the caller holds the series' lock."""
    after = moment or BEGINNING
    if series.last_time is not None and series.last_time > after:
        concerned = watchers(session, series, after)
        score(session, series, concerned, after=after, until=series.last_time)


@dataclass(frozen=True, slots=True)
class Change:
    """What came of one target at one step; None if the observation is missing."""

    version_id: int
    time: datetime
    target: str
    actual: float | None


def score_values(session: Session, series: Series, changes: Sequence[Change]) -> None:
    """Score forecasts of values: errors, and whether the truth lay inside the intervals."""
    rows = {
        present: [
            {
                "of_version": each.version_id,
                "of_series": series.id,
                "at": each.time,
                "of_target": each.target,
                "came": each.actual,
                "seen_at": series.revision,
            }
            for each in changes
            if (each.actual is not None) == present
        ]
        for present in (True, False)
    }
    for present, statement in ((True, _SET), (False, _TAKE_BACK)):
        if rows[present]:
            session.connection().execute(statement, rows[present])


# One function for each kind of forecast: each finds its own points.
SCORERS: tuple[Callable[[Session, Series, Sequence[Change]], None], ...] = (score_values,)


def _bound(made: Forecast, bounds: Values | None, level: float) -> Values:
    return np.full(made.values.shape, np.nan) if bounds is None else bounds[LEVELS.index(level)]


def _take_the_place_of_others(session: Session, ticket: Ticket) -> None:
    others = sa.select(StoredForecast.id).where(
        StoredForecast.version_id == ticket.version_id,
        StoredForecast.series_id == ticket.series_id,
        StoredForecast.origin == ticket.origin,
        StoredForecast.id != ticket.forecast_id,
    )
    waiting = sa.and_(ForecastScore.forecast_id.in_(others), ForecastScore.actual.is_(None))
    session.connection().execute(sa.update(ForecastScore).where(waiting).values(counted=False))


def _reader(session: Session, series: Series, watcher: Watcher) -> Forecaster | None:
    """The version's forecaster on the grid of the series, if it has forecast it."""
    kept = watcher.kept
    if kept is None:
        return None
    try:
        forecaster = forecasters.get_trained(session, watcher.version_id, watcher.job_id)
        if kept.fit is not None:
            return forecaster.fitted(SeriesFit.from_json(kept.fit))
        return forecaster.for_series(series.name)
    except ForecastingError:
        logger.exception("version %d of %r cannot be scored", watcher.number, watcher.model)
        return None


def _due(
    session: Session,
    series: Series,
    readers: Mapping[int, Forecaster],
    after: datetime,
    until: datetime,
) -> dict[int, Times]:
    """The complete steps in a span that forecasts were made of, by version."""
    if not readers:
        return {}
    # The step that an observation lies in ends within one step of it. Of steps behind the last
    # observation only those that were deleted have something to take back.
    longest = max(own.rule.step.approximate_seconds for own in readers.values())
    complete = series.last_time if series.last_time and series.last_time > until else until
    last = min(complete, until + timedelta(seconds=1.5 * longest))
    parameters = {"versions": list(readers), "series": series.id, "after": after, "last": last}
    found: dict[int, list[np.datetime64]] = {}
    for version_id, time in session.connection().execute(_DUE, parameters):
        found.setdefault(version_id, []).append(to_numpy(time))
    return {version_id: np.array(times) for version_id, times in found.items()}


def _compared(
    session: Session, series: Series, version_id: int, reader: Forecaster, times: Times
) -> Iterable[Change]:
    """What came of the targets at some steps, read on the version's grid."""
    margin = timedelta(seconds=2 * reader.rule.step.approximate_seconds)
    rows = storage.read_rows(
        session,
        series.id,
        len(series.channels),
        start=to_microseconds(to_datetime(times[0]) - margin),
        end=to_microseconds(to_datetime(times[-1])),
    )
    values = rows.values[:, columns_of(reader, series)]
    actual = reader.observed_targets(rows.times.view("datetime64[us]"), values, times)
    # Where the last observations were deleted, steps behind those that are left are open again.
    is_open = slice(None) if series.last_time is None else times > to_numpy(series.last_time)
    actual[is_open] = np.nan
    for time, row in zip(to_datetimes(times), actual.tolist(), strict=True):
        for target, came in zip(reader.targets, row, strict=True):
            yield Change(version_id, time, target, finite_or_none(came))


def _of_the_point() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        ForecastScore.version_id == sa.bindparam("of_version"),
        ForecastScore.series_id == sa.bindparam("of_series"),
        ForecastScore.time == sa.bindparam("at", type_=ForecastScore.time.type),
        ForecastScore.target == sa.bindparam("of_target"),
    )


def _set() -> sa.Update:
    came: sa.BindParameter[float] = sa.bindparam("came", type_=sa.Double)
    inside = {
        f"inside_{level}": sa.and_(
            getattr(ForecastScore, f"lower_{level}") <= came,
            getattr(ForecastScore, f"upper_{level}") >= came,
        )
        for level in SCORED_LEVELS
    }
    is_news = ForecastScore.actual.is_distinct_from(came)
    return (
        sa.update(ForecastScore)
        .where(*_of_the_point(), is_news)
        .values(
            actual=came,
            error=ForecastScore.value - came,
            naive_error=ForecastScore.naive - came,
            revision=sa.bindparam("seen_at"),
            **inside,
        )
    )


def _take_back() -> sa.Update:
    empty = ("actual", "error", "naive_error", *(f"inside_{level}" for level in SCORED_LEVELS))
    return (
        sa.update(ForecastScore)
        .where(*_of_the_point(), ForecastScore.actual.is_not(None))
        .values(**dict.fromkeys(empty), revision=sa.bindparam("seen_at"))
    )


def _due_steps() -> sa.Select[int, datetime]:
    moment = ForecastScore.time.type
    return (
        sa.select(ForecastScore.version_id, ForecastScore.time)
        .where(
            ForecastScore.version_id.in_(sa.bindparam("versions", expanding=True)),
            ForecastScore.series_id == sa.bindparam("series"),
            ForecastScore.time > sa.bindparam("after", type_=moment),
            ForecastScore.time <= sa.bindparam("last", type_=moment),
        )
        .distinct()
        .order_by(ForecastScore.time)
    )


# Made once, because every append runs them.
_EXPECT = sa.insert(ForecastScore)
_DUE = _due_steps()
_SET = _set()
_TAKE_BACK = _take_back()
