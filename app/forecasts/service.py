"""Forecasts as resources: made once from the kept state, stored, given back the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.scores.service as scores
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
from app.forecasts.issuing import Answer, Issued, Source, Stored
from app.forecasts.queries import LATEST
from app.forecasts.schemas import ForecastCreate
from app.registry.artefacts import forecasters
from app.registry.queries import VersionRow, get_default_version, get_version
from app.registry.tables import ModelVersion
from app.series.service import get_series
from app.series.tables import Series
from app.times import to_numpy
from models.errors import DataError, Problem
from models.serving.batching import Computation, run_one


def forecast(database: Database, model: str, request: ForecastCreate) -> Answer:
    """The stored forecast for a request; it is made and stored when it is the first.

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
            return Answer(newest.key, newest.body)
    with database.reading() as session:
        issued = run_one(issue_requested(session, asked_version(session, model, request), request))
        stored = issuing.find(session, issued)
    if stored is None or not issued.state.kept:
        with database.transaction() as session:
            stored = store(session, hold(session, [issued]), issued)
    return stored.answer(request)


def latest(database: Database, model: str, series: str | None) -> Answer:
    """The default version's forecast from the last complete step.

    A version with known-future channels gives the last one that was made there, because it
    cannot make one by itself.

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
                "No forecast was made from the last complete step yet: ask for one with POST. "
                f"{error.detail}"
            ) from error
        return Answer(stored.key, stored.body)


def _last_stored(database: Database, model: str) -> sa.Row[str, str, str] | None:
    """The default version's last stored forecast from the last complete step, if there is one."""
    return database.first(LATEST, {"model": model})


def asked_version(session: Session, model: str, request: ForecastCreate) -> VersionRow:
    """The version that a request names, else the one that serves by default.

    Raises:
        ModelNotFound, VersionNotFound, NoTrainedVersion: If there is none.
    """
    if request.version is None:
        return get_default_version(session, model)
    return get_version(session, model, str(request.version))


def issue_requested(
    session: Session, row: VersionRow, request: ForecastCreate
) -> Computation[Issued]:
    """Make the forecast that a request asks a version for.

    Raises:
        ServiceError: As `forecast` does.
    """
    version, owner, default, job = row
    forecaster = forecasters.get(session, version, job)
    try:
        return (
            yield from issuing.issue(
                session,
                Source(version.id, version.number, owner.name),
                forecaster,
                _asked_series(session, request, default),
                origin=None if request.origin is None else to_numpy(request.origin),
                known_future=request.known_future,
            )
        )
    except DataError as error:
        raise _not_forecastable(request, error) from error


@dataclass(frozen=True, slots=True)
class Held:
    """What cannot be changed or deleted by others until the transaction ends."""

    series: dict[int, Series]
    versions: set[int]


def hold(session: Session, issued: Sequence[Issued]) -> Held:
    """Lock the series of forecasts against appends, and their versions against deletion.

    Series are locked by id, so that two requests for the same ones in another order never wait
    for each other; versions after them, as appends do.
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
    return Held(found, set(session.scalars(versions)))


def store(session: Session, held: Held, issued: Issued) -> Stored:
    """Store a forecast, and score what was appended since it was made.

    Appends hold the same lock: each observation meets the forecasts that it answers either
    here or there.

    Raises:
        SeriesNotFound, ModelNotFound: If the series or the version was deleted meanwhile.
    """
    series = held.series.get(issued.series.id)
    if series is None:
        raise SeriesNotFound(f"The series {issued.series.name!r} was deleted in the meantime.")
    if issued.source.version_id not in held.versions:
        raise ModelNotFound(f"The model {issued.source.model!r} was deleted in the meantime.")
    stored = issuing.store(session, issued)
    if series.revision != issued.state.revision:
        scores.score_since(session, series, issued.last_time)
    return stored


def _asked_series(session: Session, request: ForecastCreate, default: Series) -> Series:
    if request.series is None or request.series == default.name:
        return default
    return get_series(session, request.series)


def _not_forecastable(request: ForecastCreate, error: DataError) -> ServiceError:
    """An origin that is too early is the request's fault; otherwise the series' state is."""
    if request.origin is None:
        return SeriesNotForecastable(str(error))
    return OriginNotForecastable(str(error), errors=[Problem("/origin", str(error))])
