"""Forecasts as resources: made once from the kept state, stored, given back the same."""

import json
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Database, finite_or_none, insert_or_ignore, utc_now
from app.errors import Conflict, Invalid, NotFound
from app.forecasts.intervals import DEFAULT_LEVELS, Bounds, at_levels, bounds_of, with_intervals
from app.forecasts.known_future import FutureMissing, KnownValues, known_values
from app.forecasts.queries import LATEST
from app.forecasts.schemas import ForecastCreate
from app.forecasts.tables import StoredForecast
from app.live import service as live
from app.live.service import CurrentState
from app.registry.artefacts import forecasters
from app.registry.queries import VersionRow, get_version
from app.series.service import get_series
from app.series.tables import Series
from app.times import to_datetime, to_numpy, to_wire
from models.errors import DataError, Problem
from models.runtime import Forecast


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored forecast: its key and its JSON text, as first given."""

    key: str
    body: str


@dataclass(frozen=True, slots=True)
class _Stored:
    """A row of the table, before it is given out."""

    key: str
    body: str
    bounds: Bounds | None

    def answer(self, request: ForecastCreate) -> Answer:
        """The text with the bounds that the request asks for."""
        if "levels" not in request.model_fields_set or request.levels == list(DEFAULT_LEVELS):
            return Answer(self.key, self.body)
        return Answer(self.key, at_levels(self.body, self.bounds, request.levels))


def forecast(database: Database, model: str, request: ForecastCreate) -> Answer:
    """The stored forecast for a request; it is made and stored when it is the first.

    Raises:
        NotFound: If the model, the version or the series does not exist.
        Conflict: If the version is not trained (yet), or the series is too short.
        Invalid: If the series or the origin does not fit the model.
    """
    if request == ForecastCreate():
        newest = _last_stored(database, model)
        if newest is not None and not newest.known_future:
            return Answer(newest.key, newest.body)
    with database.reading() as session:
        issued = _issue(session, model, request)
        stored = _find(session, issued)
    if stored is None or not issued.state.kept:
        with database.transaction() as session:
            stored = _store(session, issued)
    return stored.answer(request)


def latest(database: Database, model: str, series: str | None) -> Answer:
    """The default version's forecast from the last complete step.

    A version with known-future channels gives the last one that was made there, because it
    cannot make one by itself.

    Raises:
        NotFound, Conflict, Invalid: As `forecast` does.
        Conflict: Also if known-future values are needed and no forecast was made yet.
    """
    try:
        return forecast(database, model, ForecastCreate(series=series))
    except FutureMissing as error:
        stored = _last_stored(database, model)
        if stored is None:
            raise Conflict(
                "No forecast was made from the last complete step yet: ask for one with POST. "
                f"{error.detail}"
            ) from error
        return Answer(stored.key, stored.body)


def _last_stored(database: Database, model: str) -> sa.Row[str, str, str] | None:
    """The default version's last stored forecast from the last complete step, if there is one."""
    return database.first(LATEST, {"model": model})


@dataclass(frozen=True, slots=True)
class _Issued:
    """A forecast that is made but not stored, with the state it came from."""

    row: VersionRow
    series: Series
    forecast: Forecast
    state: CurrentState
    known: KnownValues

    @property
    def identity(self) -> dict[str, object]:
        """The columns that make a forecast the same one."""
        version, _, _, _ = self.row
        return {
            "version_id": version.id,
            "series_id": self.series.id,
            "origin": to_datetime(self.forecast.origin),
            "data_revision": self.state.revision,
            "known_future": self.known.digest,
        }


def _issue(session: Session, model: str, request: ForecastCreate) -> _Issued:
    row = get_version(session, model, str(request.version or "latest"))
    version, _, default, job = row
    series = _asked_series(session, request, default)
    forecaster = forecasters.get(session, version, job)
    asked = None if request.origin is None else to_numpy(request.origin)
    try:
        current = seen = live.current_state(session, forecaster, version, series)
        if asked is not None and current.state.time is not None and asked < current.state.time:
            seen = live.replay(session, forecaster, series, until=asked)
        own = seen.forecaster
        known = known_values(session, own, series, seen.state, request.known_future)
        made = own.forecast(seen.state, known.values if known.channels else None)
    except DataError as error:
        raise _not_forecastable(request, error) from error
    return _Issued(row, series, made, current, known)


def _store(session: Session, issued: _Issued) -> _Stored:
    """Store a forecast and its state; when another request was faster, the answer is its."""
    version, series = issued.row[0], issued.series
    if session.get(Series, series.id) is None:
        raise NotFound(f"The series {series.name!r} was deleted in the meantime.")
    if not issued.state.kept:
        live.keep_state(session, version.id, series.id, issued.state)
    key = uuid.uuid4().hex
    created_at = utc_now()
    bounds = bounds_of(issued.forecast)
    written_at = created_at.isoformat().replace("+00:00", "Z")
    body = json.dumps(_body(issued, key, written_at, bounds))
    new = {"key": key, "created_at": created_at, "body": body, "bounds": bounds}
    if insert_or_ignore(session, StoredForecast, **issued.identity, **new):
        return _Stored(key, body, bounds)
    stored = _find(session, issued)
    assert stored is not None, "a row that kept ours from being inserted is there"  # noqa: S101
    return stored


def _find(session: Session, issued: _Issued) -> _Stored | None:
    """The stored forecast of the same version, series, origin, revision and known future."""
    statement = sa.select(StoredForecast.key, StoredForecast.body, StoredForecast.bounds)
    row = session.execute(statement.filter_by(**issued.identity)).first()
    return None if row is None else _Stored(row.key, row.body, row.bounds)


def _body(issued: _Issued, key: str, created_at: str, bounds: Bounds | None) -> dict[str, object]:
    """The answer of the contract."""
    version, model, _, _ = issued.row
    made = issued.forecast
    return {
        "id": key,
        "model": model.name,
        "version": version.number,
        "series": issued.series.name,
        "origin": to_wire(made.origin),
        "data_revision": issued.state.revision,
        "cadence": made.cadence,
        "target_units": dict(zip(made.targets, made.units, strict=True)),
        "known_future": issued.known.to_wire(),
        "created_at": created_at,
        "points": with_intervals(_points(made), bounds, DEFAULT_LEVELS),
    }


def _points(made: Forecast) -> list[dict[str, object]]:
    return [
        {
            "time": to_wire(time),
            "lead": int(lead),
            "target": target,
            **_said(made, row, column),
            "naive": finite_or_none(float(made.naive[column])),
        }
        for column, target in enumerate(made.targets)
        for row, (time, lead) in enumerate(zip(made.times, made.leads, strict=True))
    ]


def _said(made: Forecast, row: int, column: int) -> dict[str, object]:
    """What is said of a lead and target: a value, or the probability of every class."""
    if made.probabilities is None:
        return {"value": float(made.values[row, column])}
    shares = made.probabilities[row, column]
    return {
        "value": None,
        "class": made.classes[int(shares.argmax())],
        "probabilities": dict(zip(made.classes, shares.tolist(), strict=True)),
    }


def _asked_series(session: Session, request: ForecastCreate, default: Series) -> Series:
    if request.series is None or request.series == default.name:
        return default
    return get_series(session, request.series)


def _not_forecastable(request: ForecastCreate, error: DataError) -> Exception:
    """An origin that is too early is the request's fault; otherwise the series' state is."""
    if request.origin is None:
        return Conflict(str(error))
    return Invalid(str(error), errors=[Problem("/origin", str(error))])
