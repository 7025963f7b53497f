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
from app.live.states import BEGINNING, columns_of
from app.registry.artefacts import forecasters
from app.scores import class_scores, value_scores
from app.scores.points import Change
from app.scores.tables import AwaitedPoint, ClassScore, ForecastScore
from app.scores.watchers import Watcher, watchers
from app.series import storage
from app.series.tables import Series
from app.times import to_datetime, to_datetimes, to_numpy
from models.arrays import Times
from models.errors import ForecastingError
from models.serving.forecast import Forecast
from models.serving.forecaster import Forecaster

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScoreKind:
    """A kind of forecast: of values or of classes.

    Args:
        table: Where its points are stored.
        open_points: The points of a forecast that lie in the future.
        score: Fills the points of some steps.
        due: Finds the steps of a span for which there are points.
        insert: Stores points.
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


# The statements are made once, because every append runs them.
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


def score(
    session: Session,
    series: Series,
    concerned: Iterable[Watcher],
    *,
    after: datetime,
    until: datetime,
) -> None:
    """Score the stored forecasts of the steps of a span, in the caller's transaction.

    An earlier score changes only if its observation did. A version that cannot be
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
    for kind in KINDS:
        some = {
            version_id: reader
            for version_id, reader in readers.items()
            if (CLASSES if reader.classes else VALUES) is kind
        }
        last = _last_step(series, some.values(), until)
        due = {} if last is None else _due(session, series, some, kind.due, (after, last))
        changes = [
            change
            for version_id, times in due.items()
            for change in _compared(session, series, version_id, some[version_id], times)
        ]
        kind.score(session, series, some, changes)


def score_since(session: Session, series: Series, moment: datetime | None) -> None:
    """Score all that was observed after a moment; the caller holds the series' lock."""
    after = moment or BEGINNING
    if series.last_time is not None and series.last_time > after:
        concerned = watchers(session, series, after)
        score(session, series, concerned, after=after, until=series.last_time)


def _reader(session: Session, series: Series, watcher: Watcher) -> Forecaster | None:
    """The version's forecaster on the grid of the series, if it has forecast it."""
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
    """The last step that observations up to a moment may complete, or did before a deletion."""
    if not readers:
        return None
    # The step that an observation lies in ends within one step of it.
    longest = max(own.rule.step.approximate_seconds for own in readers)
    complete = series.last_time if series.last_time and series.last_time > until else until
    return min(complete, until + timedelta(seconds=1.5 * longest))


def _due(
    session: Session,
    series: Series,
    versions: Iterable[int],
    statement: sa.Select[int, datetime],
    span: tuple[datetime, datetime],
) -> dict[int, Times]:
    """The complete steps in a span that forecasts were made of, by version."""
    after, last = span
    parameters = {"versions": list(versions), "series": series.id, "after": after, "last": last}
    found: dict[int, list[np.datetime64]] = {}
    for version_id, time in session.connection().execute(statement, parameters):
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
