"""Check the stored states of a model against a replay of their series, and repair differences."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.jobs.service as jobs
import app.live.states as live
from app.errors import StateNotFound
from app.jobs.tables import Job
from app.live import storage
from app.live.tables import KeptState
from app.registry.forecaster_cache import forecasters
from app.registry.queries import get_model
from app.registry.tables import Model, ModelVersion
from app.series.service import get_series
from app.series.tables import Series
from models.errors import ArtefactError
from models.serving.forecaster import State

# In the network's own units. The float32 rounding difference between one long pass and many short
# ones is about a tenth of this.
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class CheckedState:
    """A stored state to check."""

    version_id: int
    version: int
    series_id: int
    series: str


def request_check(session: Session, model: str, series: str | None) -> Job:
    """Queue the check of a model's states, on one series or on all.

    Raises:
        ModelNotFound, SeriesNotFound: If the model or the series does not exist.
    """
    owner = get_model(session, model)
    name = None if series is None else get_series(session, series).name
    return jobs.enqueue(session, "check", {"model": owner.name, "series": name})


def states_to_check(session: Session, model: str, series: str | None) -> list[CheckedState]:
    """The stored states of a model, on one series or on all."""
    statement = (
        sa.select(ModelVersion.id, ModelVersion.number, Series.id, Series.name)
        .join(Model, Model.id == ModelVersion.model_id)
        .join(KeptState, KeptState.version_id == ModelVersion.id)
        .join(Series, Series.id == KeptState.series_id)
        # An empty content marks a state that could not be finite: it cannot be checked.
        .where(Model.name == model, KeptState.content != b"")
        .order_by(ModelVersion.number, Series.name)
    )
    if series is not None:
        statement = statement.where(Series.name == series)
    return [CheckedState(*row) for row in session.execute(statement)]


def difference(session: Session, checked: CheckedState) -> float | None:
    """The largest difference of a stored state from its replay; None if it cannot be compared.

    Raises:
        StateNotFound: If it was deleted in the meantime.
    """
    kept = session.get(KeptState, (checked.version_id, checked.series_id))
    if kept is None:
        raise StateNotFound("The state was deleted while it was checked.")
    replayed = _replay(session, checked, kept.revision).state
    try:
        stored = State.from_bytes(kept.content)
    except ArtefactError:
        return None
    return _difference(stored, replayed)


def repair(session: Session, checked: CheckedState) -> None:
    """Replace a stored state by a replay; appends wait for it."""
    statement = sa.select(Series.id).where(Series.id == checked.series_id).with_for_update()
    if session.scalar(statement) is not None:
        current = _replay(session, checked, None)
        storage.keep_state(session, checked.version_id, checked.series_id, current)


def finding(checked: CheckedState, found: float | None) -> dict[str, Any]:
    """The line of the job's result for a state."""
    is_right = found is not None and found <= TOLERANCE
    if found is None:
        sentence = "The stored state could not be compared with a replay; it was replaced."
    elif is_right:
        sentence = f"The stored state equals a replay (largest difference {found:.2g})."
    else:
        sentence = f"The stored state differed from a replay by {found:.2g}; it was replaced."
    return _line(checked, sentence, difference=found, repaired=not is_right)


def failure(checked: CheckedState, error: Exception) -> dict[str, Any]:
    """The line of the job's result for a state that could not be replayed and is unchanged."""
    return _line(checked, f"The state could not be replayed. {error}", failed=True)


def _line(
    checked: CheckedState,
    sentence: str,
    *,
    difference: float | None = None,
    repaired: bool = False,
    failed: bool = False,
) -> dict[str, Any]:
    return {
        "version": checked.version,
        "series": checked.series,
        "max_abs_difference": difference,
        "repaired": repaired,
        "failed": failed,
        "sentence": sentence,
    }


def _replay(session: Session, checked: CheckedState, revision: int | None) -> live.CurrentState:
    version = session.get_one(ModelVersion, checked.version_id)
    series = session.get_one(Series, checked.series_id)
    forecaster = forecasters.get_trained(session, version.id, version.job_id)
    return live.replay(session, forecaster, series, at_revision=revision)


def _difference(stored: State, replayed: State) -> float | None:
    """The largest difference in states and outputs; None if they do not match or are infinite."""
    if (stored.time, stored.rows) != (replayed.time, replayed.rows) or not stored.finite:
        return None
    pairs = [
        *zip(stored.recurrent, replayed.recurrent, strict=True),
        (stored.window, replayed.window),
    ]
    if stored.waiting is not None and replayed.waiting is not None:
        one, other = stored.waiting, replayed.waiting
        pairs += [*zip(one.recurrent, other.recurrent, strict=True), (one.window, other.window)]
    if stored.output is not None and replayed.output is not None:
        pairs.append((stored.output, replayed.output))
    return max((float(np.abs(a - b).max()) for a, b in pairs if a.size), default=0.0)
