"""The present state of a version on a series: advanced from the stored one, or replayed.

A new observation costs one step of the network and not a pass over the whole history.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from sqlalchemy.orm import Session

import app.series.service as series_service
from app.calendars.service import hours_of
from app.errors import SeriesIncompatible
from app.live import checkpoints, validity
from app.live.checkpoints import NotFinite
from app.live.tables import KeptState
from app.series.tables import Series
from app.times import to_datetime
from models.arrays import Times, Values
from models.calendars.exchange import Exchange
from models.calendars.exchange_hours import Hours
from models.errors import Problem
from models.features.series_fit import SeriesFit
from models.grid.panel import SeriesSignature
from models.grid.splits import to_time
from models.series import SeriesData
from models.serving.adaptation import fit_unseen, is_known, signature_of
from models.serving.batching import Computation, run_one
from models.serving.forecaster import Forecaster, State

BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CurrentState:
    """A state that has read the whole series as it was at a revision.

    Args:
        forecaster: The forecaster on the grid and scales of the series.
        fit: Grid and scales, if the forecaster did not learn from the series.
        state: The recurrent state.
        revision: The series' revision.
        kept: Whether exactly this state is stored.
        moved: Whether it has read a later step than the stored state.
        stale_from: Stored checkpoints from this moment on have read values that changed since.
        checkpoints: States on the way, to be stored with it.
        checkpoint_rows: The rows that the newest checkpoint had read.
    """

    forecaster: Forecaster
    fit: SeriesFit | None
    state: State
    revision: int
    kept: bool
    moved: bool
    stale_from: datetime | None
    checkpoints: tuple[State, ...]
    checkpoint_rows: int


@dataclass(frozen=True, slots=True)
class _Start:
    """A past state from which reading continues."""

    forecaster: Forecaster
    fit: SeriesFit | None
    state: State
    stale_from: datetime | None
    checkpoint_rows: int


def current_state(
    session: Session,
    forecaster: Forecaster,
    kept: KeptState | None,
    series: Series,
    *,
    changed_last: datetime | None = None,
) -> Computation[CurrentState]:
    """The state after the series' last complete step.

    The stored state is advanced by later observations. If values that it had read were changed, it
    is replayed from the newest checkpoint before the change. It is replayed from the start without
    such a checkpoint, if the stored state is damaged, or if the series has grown enough for its
    scales to be computed again.

    Args:
        session: The database.
        forecaster: The forecaster as it was loaded.
        kept: The stored state.
        series: The series to read.
        changed_last: The earliest moment that the series' last revision changed, if it is known.

    Raises:
        SeriesIncompatible: If the forecaster cannot read a series like this.
        DataError: If the forecaster did not learn from the series and it is too short to be
            scaled, or if its values make the state infinite.
    """
    if kept is not None and kept.failed_time is not None:
        validity.require_change(session, forecaster, kept, series, changed_last)
    start = None if kept is None else _start(session, forecaster, kept, series, changed_last)
    if kept is None or start is None:
        return replay(session, forecaster, series)
    if kept.revision == series.revision:
        return _unchanged(start, kept.revision)
    return (yield from _advance(session, kept, series, start))


def _unchanged(start: _Start, revision: int) -> CurrentState:
    return CurrentState(
        forecaster=start.forecaster,
        fit=start.fit,
        state=start.state,
        revision=revision,
        kept=True,
        moved=False,
        stale_from=None,
        checkpoints=(),
        checkpoint_rows=start.checkpoint_rows,
    )


def _advance(
    session: Session, kept: KeptState, series: Series, start: _Start
) -> Computation[CurrentState]:
    """Read what the series holds after a past state."""
    on_series = start.forecaster
    times, values = observed_after(session, on_series, series, start.state)
    read = yield from checkpoints.advance(
        on_series, start.state, times, values, start.checkpoint_rows
    )
    return CurrentState(
        forecaster=on_series,
        fit=start.fit,
        state=read.state,
        revision=series.revision,
        kept=False,
        moved=_is_later(read.state, kept.time),
        stale_from=start.stale_from,
        checkpoints=read.checkpoints,
        checkpoint_rows=_last_rows(read.checkpoints, start.checkpoint_rows),
    )


def observed_after(
    session: Session, forecaster: Forecaster, series: Series, state: State
) -> tuple[Times, Values]:
    """Times and values after a state's last row, in the forecaster's channels."""
    times, values = series_service.load_after(session, series.id, state.time)
    return times, values[:, columns_of(forecaster, series)]


def replay(
    session: Session,
    forecaster: Forecaster,
    series: Series,
    until: np.datetime64 | None = None,
    *,
    at_revision: int | None = None,
) -> CurrentState:
    """The state after reading the series from its start up to and including a moment.

    Args:
        session: The database.
        forecaster: The forecaster as it was loaded.
        series: The series to read.
        until: The last moment to read; None for all.
        at_revision: Read the series as it was at this revision; None for the present one.

    Raises:
        SeriesIncompatible: If the forecaster cannot read a series like this.
        DataError: If the forecaster did not learn from the series and it is too short to be
            scaled, or if its values make the state infinite.
    """
    data = _load_until(session, series, until, at_revision)
    fit = None if is_known(forecaster.manifest, series.name) else _fit(forecaster, data)
    fitted = forecaster.fitted(fit) if fit else forecaster.for_series(series.name)
    on_series = _with_present_sessions(session, fitted)
    values = data.values[:, columns_of(forecaster, series)]
    reading = checkpoints.advance(on_series, on_series.initial_state(), data.times, values, 0)
    try:
        read = run_one(reading)
    except NotFinite as error:
        raise NotFinite(error.time, from_start=True, fit=fit) from error
    return CurrentState(
        forecaster=on_series,
        fit=fit,
        state=read.state,
        revision=series.revision if at_revision is None else at_revision,
        kept=False,
        moved=False,
        stale_from=BEGINNING,
        checkpoints=read.checkpoints,
        checkpoint_rows=_last_rows(read.checkpoints, 0),
    )


def _load_until(
    session: Session, series: Series, until: np.datetime64 | None, at_revision: int | None
) -> SeriesData:
    data = series_service.load_series(session, series.id, until_revision=at_revision)
    if until is None:
        return data
    seen = data.times <= until
    return replace(data, times=data.times[seen], values=data.values[seen])


def columns_of(forecaster: Forecaster, series: Series) -> list[int]:
    """The present columns of the forecaster's channels: the series may have more by now."""
    names = [channel["name"] for channel in series.channels]
    return [names.index(name) for name in forecaster.manifest["channels"]]


def _start(
    session: Session,
    forecaster: Forecaster,
    kept: KeptState,
    series: Series,
    changed_last: datetime | None,
) -> _Start | None:
    """The past state to continue from; None if the series has to be read from its start."""
    if kept.time is None or validity.is_outgrown(forecaster, kept, series):
        return None
    fitted = (
        forecaster.for_series(series.name) if kept.fit is None else forecaster.fitted_as(kept.fit)
    )
    fit = None if kept.fit is None else fitted.fit
    on_series = _with_present_sessions(session, fitted)
    changed = validity.earliest_change(session, kept.revision, series, changed_last)
    row = None if changed is None else to_datetime(on_series.rule.row_of(to_time(changed)))
    if changed is None or row is None or row > kept.time:
        state = checkpoints.readable(kept.content)
        return None if state is None else _Start(on_series, fit, state, None, kept.checkpoint_rows)
    if not validity.scales_hold(session, kept, series, changed):
        return None
    state = checkpoints.latest_before(session, kept, row)
    return None if state is None else _Start(on_series, fit, state, row, state.rows)


def _with_present_sessions(session: Session, forecaster: Forecaster) -> Forecaster:
    """The forecaster with the exchange's sessions as they are known now."""
    if not isinstance(forecaster.calendar, Exchange):
        return forecaster
    hours = hours_of(session, forecaster.calendar.hours.code)
    return forecaster if hours is None else _in_hours(forecaster, hours)


@lru_cache(maxsize=16)
def _in_hours(forecaster: Forecaster, hours: Hours) -> Forecaster:
    """Cached, because computing years of sessions costs more than a step of the network."""
    return forecaster.in_hours(hours)


def _fit(forecaster: Forecaster, data: SeriesData) -> SeriesFit:
    """Grid and scales of a series that the forecaster did not learn from.

    Raises:
        SeriesIncompatible: If the forecaster cannot read a series like this.
        DataError: If the series is too short to be scaled.
    """
    objections = signature_of(forecaster.manifest).objections(SeriesSignature.of(data))
    problems = [
        Problem("/series", f"The model cannot read the series {data.name!r}: {objection}")
        for objection in objections
    ]
    if problems:
        message = " ".join(problem.message for problem in problems)
        raise SeriesIncompatible(message, errors=problems)
    return fit_unseen(forecaster.manifest, data)


def _is_later(state: State, moment: datetime | None) -> bool:
    return moment is not None and state.time is not None and to_datetime(state.time) > moment


def _last_rows(made: tuple[State, ...], before: int) -> int:
    return made[-1].rows if made else before
