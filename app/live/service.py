"""States kept per version and series: a new observation costs one step, not a whole history."""

from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.series.service as series_service
from app.db import insert_or_ignore
from app.errors import Invalid
from app.live.tables import KeptState
from app.registry.tables import ModelVersion
from app.series.tables import Series, SeriesRevision
from app.times import to_datetime
from models.adaptation import fit_unseen, is_known, observations_to_fit, traits_of
from models.errors import Problem
from models.panel import Traits
from models.runtime import Forecaster, State
from models.series import SeriesData, Times, Values
from models.series_fit import SeriesFit


@dataclass(frozen=True, slots=True)
class CurrentState:
    """A state that has seen everything the series held at a revision.

    Args:
        forecaster: On the grid and the scales of the series.
        fit: These, if the forecaster did not learn from the series.
        state: What it remembers.
        revision: The series' revision.
        kept: Whether just this is stored.
    """

    forecaster: Forecaster
    fit: SeriesFit | None
    state: State
    revision: int
    kept: bool


def current_state(
    session: Session, forecaster: Forecaster, version: ModelVersion, series: Series
) -> CurrentState:
    """The state after the series' last complete step.

    The kept state is advanced by the observations that came since. It is replayed from
    the start when a later write changed what it had already seen, or when the series has grown
    enough for its scales to be learnt anew.

    Raises:
        Invalid: If the forecaster cannot read a series like this.
        DataError: If the forecaster did not learn from the series and it is too short to be
            scaled.
    """
    kept = session.get(KeptState, (version.id, series.id))
    if kept is None or _history_changed(session, kept) or _outgrown(forecaster, kept, series):
        return replay(session, forecaster, series)
    fit = None if kept.fit is None else SeriesFit.from_json(kept.fit)
    own = forecaster.fitted(fit) if fit else forecaster.for_series(series.name)
    state = State.from_bytes(kept.content)
    if kept.revision == series.revision:
        return CurrentState(own, fit, state, series.revision, kept=True)
    times, values = observed_after(session, own, series, state)
    return CurrentState(own, fit, own.advance(state, times, values), series.revision, kept=False)


def observed_after(
    session: Session, forecaster: Forecaster, series: Series, state: State
) -> tuple[Times, Values]:
    """What the series holds after a state's last row, in the forecaster's channels."""
    times, values = series_service.load_after(session, series.id, state.time)
    return times, values[:, _columns(forecaster, series)]


def replay(
    session: Session,
    forecaster: Forecaster,
    series: Series,
    until: np.datetime64 | None = None,
) -> CurrentState:
    """The state after reading the series from its start, up to and with a moment.

    Raises:
        Invalid: If the forecaster cannot read a series like this.
        DataError: If the forecaster did not learn from the series and it is too short to be
            scaled.
    """
    data = series_service.load_series(session, series.id)
    if until is not None:
        seen = data.times <= until
        data = replace(data, times=data.times[seen], values=data.values[seen])
    fit = None if is_known(forecaster.manifest, series.name) else _fit(forecaster, data)
    own = forecaster.fitted(fit) if fit else forecaster.for_series(series.name)
    known = data.values[:, _columns(forecaster, series)]
    state = own.advance(own.initial_state(), data.times, known)
    return CurrentState(own, fit, state, series.revision, kept=False)


def keep_state(session: Session, version_id: int, series_id: int, current: CurrentState) -> None:
    """Store a state unless one of the same or a later revision is there."""
    values = {
        "revision": current.revision,
        "time": None if current.state.time is None else to_datetime(current.state.time),
        "content": current.state.to_bytes(),
        "fit": current.fit and current.fit.to_json(),
    }
    keys = {"version_id": version_id, "series_id": series_id}
    if insert_or_ignore(session, KeptState, **keys, **values):
        return
    older = sa.and_(
        KeptState.version_id == version_id,
        KeptState.series_id == series_id,
        KeptState.revision < current.revision,
    )
    session.execute(sa.update(KeptState).where(older).values(**values))


def _fit(forecaster: Forecaster, data: SeriesData) -> SeriesFit:
    """Grid and scales of a series that the forecaster did not learn from."""
    objections = traits_of(forecaster.manifest).objections(Traits.of(data))
    problems = [
        Problem("/series", f"The model cannot read the series {data.name!r}: {objection}")
        for objection in objections
    ]
    if problems:
        raise Invalid(" ".join(problem.message for problem in problems), errors=problems)
    return fit_unseen(forecaster.manifest, data)


def _outgrown(forecaster: Forecaster, kept: KeptState, series: Series) -> bool:
    """Whether the scales of a series that came later are to be learnt from more of it by now."""
    if kept.fit is None:
        return False
    due = observations_to_fit(forecaster.manifest, series.rows)
    return bool(kept.fit["observations"] != due)


def _columns(forecaster: Forecaster, series: Series) -> list[int]:
    """Where the forecaster's channels are today: a series may have got more since."""
    names = [channel["name"] for channel in series.channels]
    return [names.index(name) for name in forecaster.manifest["channels"]]


def _history_changed(session: Session, kept: KeptState) -> bool:
    """Whether a later write touched a moment that the state has already seen."""
    if kept.time is None:
        return True
    touched = sa.exists().where(
        SeriesRevision.series_id == kept.series_id,
        SeriesRevision.revision > kept.revision,
        SeriesRevision.min_time <= kept.time,
    )
    return bool(session.scalar(sa.select(touched)))
