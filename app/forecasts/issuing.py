"""Make and store one forecast, for a request or after an append."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.live.states as live
import app.scores.service as scores
from app.db import finite_or_none, insert_for_id, utc_now
from app.forecasts.intervals import DEFAULT_LEVELS, Bounds, at_levels, bounds_of, with_intervals
from app.forecasts.known_future import KnownValues, known_values
from app.forecasts.schemas import ForecastCreate, KnownFuture
from app.forecasts.tables import StoredForecast
from app.live import storage as state_storage
from app.live.states import CurrentState
from app.live.tables import KeptState
from app.scores.points import ForecastRef
from app.scores.service import OpenPoints
from app.scores.tables import AwaitedPoint
from app.series.tables import Series
from app.times import to_datetime, to_wire
from models.calendars.calendar import Calendar
from models.calendars.exchange import Exchange
from models.serving.batching import Computation
from models.serving.forecast import Forecast
from models.serving.forecaster import Forecaster


@dataclass(frozen=True, slots=True)
class ForecastBody:
    """The answer for a stored forecast: its key, also the entity tag, and its JSON text."""

    key: str
    body: str


@dataclass(frozen=True, slots=True)
class ForecastSource:
    """The version that makes a forecast."""

    version_id: int
    number: int
    model: str


@dataclass(frozen=True, slots=True)
class Stored:
    """The stored columns from which answers are made."""

    key: str
    body: str
    bounds: Bounds | None

    def answer(self, request: ForecastCreate) -> ForecastBody:
        """The answer with the bounds at the requested levels."""
        if "levels" not in request.model_fields_set or request.levels == list(DEFAULT_LEVELS):
            return ForecastBody(self.key, self.body)
        return ForecastBody(self.key, at_levels(self.body, self.bounds, request.levels))


@dataclass(frozen=True, slots=True)
class Issued:
    """A forecast that is not stored yet, with the present state of its version."""

    source: ForecastSource
    series: Series
    forecast: Forecast
    state: CurrentState
    known: KnownValues
    last_time: datetime | None

    @property
    def origin(self) -> datetime:
        """The last step that it has read."""
        return to_datetime(self.forecast.origin)

    @property
    def identity(self) -> dict[str, object]:
        """The columns of the unique constraint."""
        return {
            "version_id": self.source.version_id,
            "series_id": self.series.id,
            "origin": self.origin,
            "data_revision": self.state.revision,
            "known_future": self.known.digest,
        }


def issue(
    session: Session,
    source: ForecastSource,
    forecaster: Forecaster,
    series: Series,
    *,
    origin: np.datetime64 | None = None,
    known_future: KnownFuture | None = None,
) -> Computation[Issued]:
    """Make a forecast from the series' last complete step, or from an earlier one.

    Raises:
        DataError, ServiceError: If the version cannot forecast from there.
    """
    kept = session.get(KeptState, (source.version_id, series.id))
    current = yield from live.current_state(session, forecaster, kept, series)
    seen = current
    if origin is not None and current.state.time is not None and origin < current.state.time:
        seen = live.replay(session, forecaster, series, until=origin)
    made, known = yield from _forecast(session, series, seen, known_future)
    return Issued(source, series, made, current, known, series.last_time)


def issue_from(
    session: Session, source: ForecastSource, series: Series, current: CurrentState
) -> Computation[Issued]:
    """Make a forecast from the series' current state.

    Raises:
        DataError, ServiceError: If the version cannot forecast from there.
    """
    made, known = yield from _forecast(session, series, current, None)
    return Issued(source, series, made, current, known, series.last_time)


def _forecast(
    session: Session, series: Series, seen: CurrentState, given: KnownFuture | None
) -> Computation[tuple[Forecast, KnownValues]]:
    known = known_values(session, seen.forecaster, series, seen.state, given)
    values = known.values if known.channels else None
    made = yield from seen.forecaster.forecast(seen.state, values)
    return made, known


def store(session: Session, issued: Issued) -> Stored:
    """Store a forecast and its state; the caller holds the series' lock.

    If another request stored the same forecast first, that one is returned. Points in the future
    are stored, to be scored when they are observed.
    """
    version_id, series_id = issued.source.version_id, issued.series.id
    # Everything is computed before the first write, so that an error here leaves nothing behind.
    key, created_at = uuid.uuid4().hex, utc_now()
    bounds = bounds_of(issued.forecast)
    body = json.dumps(_body(issued, key, created_at.isoformat().replace("+00:00", "Z"), bounds))
    new = {"key": key, "created_at": created_at, "body": body, "bounds": bounds}
    points = scores.open_points(issued.forecast, issued.last_time)
    if not issued.state.kept:
        state_storage.keep_state(session, version_id, series_id, issued.state)
    forecast_id = insert_for_id(
        session, StoredForecast, StoredForecast.id, **issued.identity, **new
    )
    if forecast_id is None:
        stored = find(session, issued)
        assert stored is not None, "the row that prevented the insert exists"  # noqa: S101
        return stored
    is_live = issued.forecast.origin == issued.state.state.time
    reference = ForecastRef(forecast_id, version_id, series_id, issued.origin, is_live)
    store_open_points(session, reference, points, is_first=issued.state.moved)
    return Stored(key, body, bounds)


def find(session: Session, issued: Issued) -> Stored | None:
    """The stored forecast of the same version, series, origin, revision and known future."""
    row = session.connection().execute(_FIND, issued.identity).first()
    return None if row is None else Stored(row.key, row.body, row.bounds)


def _find() -> sa.Select[str, str, Bounds | None]:
    names = ("version_id", "series_id", "origin", "data_revision", "known_future")
    columns = StoredForecast.__table__.c
    return sa.select(StoredForecast.key, StoredForecast.body, StoredForecast.bounds).where(
        *(columns[name] == sa.bindparam(name, type_=columns[name].type) for name in names)
    )


# Built once: building it costs more than running it.
_FIND = _find()


def _body(issued: Issued, key: str, created_at: str, bounds: Bounds | None) -> dict[str, object]:
    """The fields of `ForecastRead`."""
    made = issued.forecast
    return {
        "id": key,
        "model": issued.source.model,
        "version": issued.source.number,
        "series": issued.series.name,
        "origin": to_wire(made.origin),
        "data_revision": issued.state.revision,
        "cadence": made.cadence,
        "target_units": dict(zip(made.targets, made.units, strict=True)),
        "known_future": issued.known.to_wire(),
        "calendar_known_until": _known_until(issued.state.forecaster.calendar),
        "created_at": created_at,
        "points": with_intervals(points_of(made), bounds, DEFAULT_LEVELS),
    }


def _known_until(calendar: Calendar) -> str | None:
    """The last day for which an exchange's sessions are known; None for other calendars."""
    return str(calendar.hours.last_day) if isinstance(calendar, Exchange) else None


def points_of(made: Forecast) -> list[dict[str, Any]]:
    """The points of a forecast, target by target, without intervals."""
    times = [to_wire(time) for time in made.times]
    leads, naive = made.leads.tolist(), [finite_or_none(each) for each in made.naive.tolist()]
    return [
        {
            "time": time,
            "lead": lead,
            "target": target,
            **_predicted(made, row, column),
            "naive": naive[column],
        }
        for column, target in enumerate(made.targets)
        for row, (time, lead) in enumerate(zip(times, leads, strict=True))
    ]


def _predicted(made: Forecast, row: int, column: int) -> dict[str, Any]:
    """The prediction for a lead and target: a value, or the probability of every class."""
    if made.probabilities is None:
        return {"value": float(made.values[row, column])}
    shares = made.probabilities[row, column]
    return {
        "value": None,
        "class": made.classes[int(shares.argmax())],
        "probabilities": dict(zip(made.classes, shares.tolist(), strict=True)),
    }


def store_open_points(
    session: Session, reference: ForecastRef, points: OpenPoints, *, is_first: bool
) -> None:
    """Store the points in the future, to be scored when they are observed.

    Args:
        session: The database.
        reference: The forecast's row.
        points: Its points in the future.
        is_first: Whether another forecast with the same origin is impossible. Of several with the
            same origin, for example after a correction, only the last one counts.
    """
    if not points.points:
        return
    if reference.is_live and not is_first:
        _supersede_others(session, reference, points.kind.table)
    keys = {
        "forecast_id": reference.forecast_id,
        "version_id": reference.version_id,
        "series_id": reference.series_id,
        "counted": reference.is_live,
    }
    session.connection().execute(points.kind.insert, [{**keys, **each} for each in points.points])


def _supersede_others(session: Session, reference: ForecastRef, table: type[AwaitedPoint]) -> None:
    others = sa.select(StoredForecast.id).where(
        StoredForecast.version_id == reference.version_id,
        StoredForecast.series_id == reference.series_id,
        StoredForecast.origin == reference.origin,
        StoredForecast.id != reference.forecast_id,
    )
    waiting = sa.and_(table.forecast_id.in_(others), table.actual.is_(None))
    session.connection().execute(sa.update(table).where(waiting).values(counted=False))
