"""Answer requests for forecasts: return the stored forecast, or make and store it."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.scores.service as scores
from app.access.acting import acting_project
from app.db import Database
from app.errors import (
    KnownFutureMissing,
    ModelNotFound,
    NoForecastYet,
    OriginNotForecastable,
    SeriesNotForecastable,
    SeriesNotFound,
    ServiceError,
)
from app.forecasts import issuing
from app.forecasts.issuing import ForecastBody, ForecastSource, Issued, Stored
from app.forecasts.queries import LATEST
from app.forecasts.schemas import ForecastCreate
from app.instruments.work import REQUESTED_FORECAST_SECONDS
from app.registry.forecaster_cache import forecasters
from app.registry.queries import VersionRow, get_default_version, get_version
from app.registry.tables import ModelVersion
from app.series.service import get_series
from app.series.tables import Series
from app.times import to_numpy
from models.errors import DataError, Problem
from models.serving.batching import Computation, run_one


def forecast(database: Database, model: str, request: ForecastCreate) -> ForecastBody:
    """The stored forecast for a request; the first equal request makes and stores it.

    Raises:
        ModelNotFound, VersionNotFound, SeriesNotFound: If one of them does not exist.
        NoTrainedVersion, VersionNotTrained: If the version is not trained (yet).
        SeriesNotForecastable: If the series is too short.
        SeriesIncompatible, OriginNotForecastable: If series or origin do not fit the model.
        KnownFutureMissing: If values of known-future channels are missing.
    """
    if request == ForecastCreate():
        newest = _last_stored(database, model)
        if newest is not None and not newest.known_future:
            return ForecastBody(newest.key, newest.body)
    return _make(database, model, request)


@REQUESTED_FORECAST_SECONDS.time()
def _make(database: Database, model: str, request: ForecastCreate) -> ForecastBody:
    with database.reading() as session:
        issued = run_one(
            issue_requested(session, requested_version(session, model, request), request)
        )
        stored = issuing.find(session, issued)
    if stored is None or not issued.state.kept:
        with database.transaction() as session:
            stored = store(session, lock(session, [issued]), issued)
    return stored.answer(request)


def latest(database: Database, model: str, series: str | None) -> ForecastBody:
    """The default version's forecast from the last complete step.

    For a version with known-future channels this is the last stored forecast, because a new one
    would need known-future values.

    Raises:
        NoForecastYet: If known-future values are needed and no forecast was made yet.
        ServiceError: As `forecast` does.
    """
    try:
        return forecast(database, model, ForecastCreate(series=series))
    except KnownFutureMissing as error:
        stored = _last_stored(database, model)
        if stored is None:
            raise NoForecastYet(
                "No forecast was made from the last complete step yet: request one with POST. "
                f"{error.detail}"
            ) from error
        return ForecastBody(stored.key, stored.body)


def _last_stored(database: Database, model: str) -> sa.Row[str, str, str] | None:
    """The default version's last stored forecast from the last complete step, if there is one."""
    return database.first(LATEST, {"project": acting_project(), "model": model})


def requested_version(session: Session, model: str, request: ForecastCreate) -> VersionRow:
    """The version that a request names, else the one that serves by default.

    Raises:
        ModelNotFound, VersionNotFound, NoTrainedVersion: If it does not exist.
    """
    if request.version is None:
        return get_default_version(session, model)
    return get_version(session, model, str(request.version))


def issue_requested(
    session: Session, row: VersionRow, request: ForecastCreate
) -> Computation[Issued]:
    """Make the forecast of a request with a version.

    Raises:
        ServiceError: As `forecast` does.
    """
    version, owner, default, job = row
    forecaster = forecasters.get(session, version, job)
    try:
        return (
            yield from issuing.issue(
                session,
                ForecastSource(version.id, version.number, owner.name),
                forecaster,
                _requested_series(session, request, default),
                origin=None if request.origin is None else to_numpy(request.origin),
                known_future=request.known_future,
            )
        )
    except DataError as error:
        raise _not_forecastable(request, error) from error


@dataclass(frozen=True, slots=True)
class Locked:
    """Rows that other transactions cannot change or delete until this one ends."""

    series: dict[int, Series]
    versions: set[int]


def lock(session: Session, issued: Sequence[Issued]) -> Locked:
    """Lock the series of forecasts against appends, and their versions against deletion.

    Series are locked in the order of their ids, so that concurrent requests cannot deadlock;
    versions are locked after them, as appends do.
    """
    series = (
        sa.select(Series)
        .where(Series.id.in_({each.series.id for each in issued}))
        .order_by(Series.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = {each.id: each for each in session.scalars(series)}
    versions = (
        sa.select(ModelVersion.id)
        .where(ModelVersion.id.in_({each.source.version_id for each in issued}))
        .order_by(ModelVersion.id)
        .with_for_update(key_share=True, read=True)
    )
    return Locked(found, set(session.scalars(versions)))


def store(session: Session, locked: Locked, issued: Issued) -> Stored:
    """Store a forecast, and score it against observations appended since it was made.

    Appends take the same lock: an observation is scored either here or by the append.

    Raises:
        SeriesNotFound, ModelNotFound: If the series or the version was deleted meanwhile.
    """
    series = locked.series.get(issued.series.id)
    if series is None:
        raise SeriesNotFound(f"The series {issued.series.name!r} was deleted in the meantime.")
    if issued.source.version_id not in locked.versions:
        raise ModelNotFound(f"The model {issued.source.model!r} was deleted in the meantime.")
    stored = issuing.store(session, issued)
    if series.revision != issued.state.revision:
        scores.score_since(session, series, issued.last_time)
    return stored


def _requested_series(session: Session, request: ForecastCreate, default: Series) -> Series:
    if request.series is None or request.series == default.name:
        return default
    return get_series(session, request.series)


def _not_forecastable(request: ForecastCreate, error: DataError) -> ServiceError:
    """The error for the client: about `/origin` if the request has one, else about the series."""
    if request.origin is None:
        return SeriesNotForecastable(str(error))
    return OriginNotForecastable(str(error), errors=[Problem("/origin", str(error))])
