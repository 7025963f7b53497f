"""Score stored forecasts against new observations, in the transaction that stores them."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Timestamp, finite_or_none, to_microseconds
from app.errors import VersionUnreadable
from app.instruments.work import SCORING_SECONDS
from app.live.states import BEGINNING, columns_of
from app.registry.forecaster_cache import forecasters
from app.scores import class_scores, value_scores
from app.scores.points import Change
from app.scores.tables import AwaitedPoint, ClassScore, ForecastScore
from app.scores.watchers import Watcher, watchers
from app.series.storage import row_reader
from app.series.tables import Series
from app.times import to_datetime, to_datetimes, to_numpy
from models.arrays import Times
from models.errors import ForecastingError
from models.serving.forecast import Forecast
from models.serving.forecaster import Forecaster

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScoreKind:
    """How one kind of forecast, values or classes, is scored.

    Args:
        table: The table of its points.
        open_points: Returns the points of a forecast that lie in the future.
        score: Stores the scores of the points at changed steps.
        due: Selects the steps of a span that have points.
        insert: Inserts points.
    """

    table: type[AwaitedPoint]
    open_points: Callable[[Forecast, datetime | None], list[dict[str, Any]]]
    score: Callable[[Session, Series, Mapping[int, Forecaster], Sequence[Change]], None]
    due: sa.Select[int, datetime]
    insert: sa.Insert


def _due_steps(table: type[AwaitedPoint]) -> sa.Select[int, datetime]:
    return (
        sa.select(table.version_id, table.time)
        .where(
            table.version_id.in_(sa.bindparam("versions", expanding=True)),
            table.series_id == sa.bindparam("series"),
            table.time > sa.bindparam("after", type_=Timestamp),
            table.time <= sa.bindparam("last", type_=Timestamp),
        )
        .distinct()
        .order_by(table.time)
    )


# The statements are built once, because every append runs them.
VALUES = ScoreKind(
    ForecastScore,
    value_scores.open_points,
    value_scores.score,
    _due_steps(ForecastScore),
    sa.insert(ForecastScore),
)
CLASSES = ScoreKind(
    ClassScore,
    class_scores.open_points,
    class_scores.score,
    _due_steps(ClassScore),
    sa.insert(ClassScore),
)
KINDS = (VALUES, CLASSES)


@dataclass(frozen=True, slots=True)
class OpenPoints:
    """The points of one forecast that lie in the future."""

    kind: ScoreKind
    points: list[dict[str, Any]]


def open_points(made: Forecast, last_time: datetime | None) -> OpenPoints:
    """The points of a forecast that lie in the future.

    Args:
        made: The forecast.
        last_time: The series' last observation when it was made.
    """
    kind = VALUES if made.probabilities is None else CLASSES
    return OpenPoints(kind, kind.open_points(made, last_time))


@SCORING_SECONDS.time()
def score(
    session: Session,
    series: Series,
    concerned: Iterable[Watcher],
    *,
    after: datetime,
    until: datetime,
) -> None:
    """Score stored forecasts at the steps of a span, in the caller's transaction.

    An existing score changes only if its observation changed. A version that cannot be scored is
    left out, so that a write to a series never fails because of a model.

    Args:
        session: The database.
        series: The observed series; the caller holds its lock.
        concerned: The versions that have forecast it.
        after: Only steps later than this are scored.
        until: The last new observation; the step that contains it is included.
    """
    readers = {
        each.version_id: reader for each in concerned if (reader := _reader(session, series, each))
    }
    for kind in KINDS:
        readers_of_kind = {
            version_id: reader
            for version_id, reader in readers.items()
            if (CLASSES if reader.classes else VALUES) is kind
        }
        last = _last_step(series, readers_of_kind.values(), until)
        due = (
            {} if last is None else _due(session, series, readers_of_kind, kind.due, (after, last))
        )
        changes = [
            change
            for version_id, times in due.items()
            for change in _changes(session, series, version_id, readers_of_kind[version_id], times)
        ]
        kind.score(session, series, readers_of_kind, changes)


def score_since(session: Session, series: Series, moment: datetime | None) -> None:
    """Score all observations after a moment; the caller holds the series' lock."""
    after = moment or BEGINNING
    if series.last_time is not None and series.last_time > after:
        concerned = watchers(session, series, after)
        score(session, series, concerned, after=after, until=series.last_time)


def _reader(session: Session, series: Series, watcher: Watcher) -> Forecaster | None:
    """The version's forecaster on the grid of the series; None if it has not forecast it."""
    kept = watcher.kept
    if kept is None:
        return None
    try:
        forecaster = forecasters.get_trained(session, watcher.version_id, watcher.job_id)
        if kept.fit is not None:
            return forecaster.fitted_as(kept.fit)
        return forecaster.for_series(series.name)
    except (ForecastingError, VersionUnreadable):
        logger.exception("version %d of %r cannot be scored", watcher.number, watcher.model)
        return None


def _last_step(series: Series, readers: Collection[Forecaster], until: datetime) -> datetime | None:
    """The last step that observations up to a moment complete now, or did before a deletion."""
    if not readers:
        return None
    # The step that contains an observation ends at most one step later.
    longest = max(reader.rule.step.approximate_seconds for reader in readers)
    complete = series.last_time if series.last_time and series.last_time > until else until
    return min(complete, until + timedelta(seconds=1.5 * longest))


def _due(
    session: Session,
    series: Series,
    versions: Iterable[int],
    statement: sa.Select[int, datetime],
    span: tuple[datetime, datetime],
) -> dict[int, Times]:
    """The complete steps in a span that were forecast, by version."""
    after, last = span
    parameters = {"versions": list(versions), "series": series.id, "after": after, "last": last}
    found: dict[int, list[np.datetime64]] = {}
    for version_id, time in session.connection().execute(statement, parameters):
        found.setdefault(version_id, []).append(to_numpy(time))
    return {version_id: np.array(times) for version_id, times in found.items()}


def _changes(
    session: Session, series: Series, version_id: int, reader: Forecaster, times: Times
) -> Iterable[Change]:
    """The actual values of the targets at these steps, read on the version's grid."""
    margin = timedelta(seconds=2 * reader.rule.step.approximate_seconds)
    rows = row_reader.read_rows(
        session,
        series.id,
        len(series.channels),
        start=to_microseconds(to_datetime(times[0]) - margin),
        end=to_microseconds(to_datetime(times[-1])),
    )
    values = rows.values[:, columns_of(reader, series)]
    actual = reader.observed_targets(rows.times.view("datetime64[us]"), values, times)
    # After a deletion of the last observations, steps after the remaining ones are open again.
    is_open = slice(None) if series.last_time is None else times > to_numpy(series.last_time)
    actual[is_open] = np.nan
    for time, row in zip(to_datetimes(times), actual.tolist(), strict=True):
        for target, value in zip(reader.targets, row, strict=True):
            yield Change(version_id, time, target, finite_or_none(value))
