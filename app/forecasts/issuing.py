"""Making and storing a forecast: for a request, and for every append to a series."""

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
class Answer:
    """A stored forecast: its key, which is also its entity tag, and its JSON text."""

    key: str
    body: str


@dataclass(frozen=True, slots=True)
class Source:
    """The version that forecasts, by what is needed of it."""

    version_id: int
    number: int
    model: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the table, before it is given out."""

    key: str
    body: str
    bounds: Bounds | None

    def answer(self, request: ForecastCreate) -> Answer:
        """The text with the bounds that the request asks for."""
        if "levels" not in request.model_fields_set or request.levels == list(DEFAULT_LEVELS):
            return Answer(self.key, self.body)
        return Answer(self.key, at_levels(self.body, self.bounds, request.levels))


@dataclass(frozen=True, slots=True)
class Issued:
    """A forecast that is made but not stored, with the state it came from."""

    source: Source
    series: Series
    forecast: Forecast
    state: CurrentState
    known: KnownValues
    last_time: datetime | None

    @property
    def origin(self) -> datetime:
        """The last step that it has seen."""
        return to_datetime(self.forecast.origin)

    @property
    def identity(self) -> dict[str, object]:
        """The columns that make a forecast the same one."""
        return {
            "version_id": self.source.version_id,
            "series_id": self.series.id,
            "origin": self.origin,
            "data_revision": self.state.revision,
            "known_future": self.known.digest,
        }


def issue(
    session: Session,
    source: Source,
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
    session: Session, source: Source, series: Series, current: CurrentState
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
    own = seen.forecaster
    known = known_values(session, own, series, seen.state, given)
    made = yield from own.forecast(seen.state, known.values if known.channels else None)
    return made, known


def store(session: Session, issued: Issued) -> Stored:
    """Store a forecast and its state; the caller holds the lock of the series.

    When another request was faster, the answer is its. Points that lie in the future are
    written down to be scored when their observations come.
    """
    version_id, series_id = issued.source.version_id, issued.series.id
    # Everything is made before anything is written: what goes wrong here leaves nothing behind.
    key, created_at = uuid.uuid4().hex, utc_now()
    bounds = bounds_of(issued.forecast)
    body = json.dumps(_body(issued, key, created_at.isoformat().replace("+00:00", "Z"), bounds))
    new = {"key": key, "created_at": created_at, "body": body, "bounds": bounds}
    points = scores.open_points(issued.forecast, issued.last_time)
    if not issued.state.kept:
        live.keep_state(session, version_id, series_id, issued.state)
    forecast_id = insert_for_id(
        session, StoredForecast, StoredForecast.id, **issued.identity, **new
    )
    if forecast_id is None:
        stored = find(session, issued)
        assert stored is not None, "a row that kept ours from being inserted is there"  # noqa: S101
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


# Made once: building it costs more than running it.
_FIND = _find()


def _body(issued: Issued, key: str, created_at: str, bounds: Bounds | None) -> dict[str, object]:
    """The answer of the contract."""
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
    """The last day for which an exchange's sessions are known; None of any other calendar."""
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
            **_said(made, row, column),
            "naive": naive[column],
        }
        for column, target in enumerate(made.targets)
        for row, (time, lead) in enumerate(zip(times, leads, strict=True))
    ]


def _said(made: Forecast, row: int, column: int) -> dict[str, Any]:
    """What is said of a lead and target: a value, or the probability of every class."""
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
    """Store the points that lie in the future, to be scored when their observations come.

    Args:
        session: The database.
        reference: The forecast's row.
        points: Its points that lie in the future.
        is_first: Whether no other forecast can have the same origin. Of several that were made
            there, as after a correction, the last one counts.
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
