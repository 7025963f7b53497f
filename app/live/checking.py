"""Checks: the kept states of a model against a replay of its series; what differs is repaired."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.jobs.service as jobs
import app.live.states as live
from app.errors import StateNotFound
from app.jobs.tables import Job
from app.live.tables import KeptState
from app.registry.artefacts import forecasters
from app.registry.queries import get_model
from app.registry.tables import Model, ModelVersion
from app.series.service import get_series
from app.series.tables import Series
from models.errors import ArtefactError
from models.serving.forecaster import State

# Of states and outputs in the network's own units: what float32 loses in one long sum or many
# short ones is a tenth of this.
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Subject:
    """A kept state to check."""

    version_id: int
    version: int
    series_id: int
    series: str


def request_check(session: Session, model: str, series: str | None) -> Job:
    """Queue the check of a model's states, on all series or on one.

    Raises:
        ModelNotFound, SeriesNotFound: If the model or the series does not exist.
    """
    owner = get_model(session, model)
    name = None if series is None else get_series(session, series).name
    return jobs.enqueue(session, "check", {"model": owner.name, "series": name})


def subjects(session: Session, model: str, series: str | None) -> list[Subject]:
    """The kept states of a model."""
    statement = (
        sa.select(ModelVersion.id, ModelVersion.number, Series.id, Series.name)
        .join(Model, Model.id == ModelVersion.model_id)
        .join(KeptState, KeptState.version_id == ModelVersion.id)
        .join(Series, Series.id == KeptState.series_id)
        # Where no finite state could be made, there is none to check.
        .where(Model.name == model, KeptState.content != b"")
        .order_by(ModelVersion.number, Series.name)
    )
    if series is not None:
        statement = statement.where(Series.name == series)
    return [Subject(*row) for row in session.execute(statement)]


def difference(session: Session, subject: Subject) -> float | None:
    """How far a kept state lies from the replay at its revision; None if it cannot be compared.

    Raises:
        StateNotFound: If it was deleted in the meantime.
    """
    kept = session.get(KeptState, (subject.version_id, subject.series_id))
    if kept is None:
        raise StateNotFound("The state was deleted while it was checked.")
    replayed = _replay(session, subject, kept.revision).state
    try:
        stored = State.from_bytes(kept.content)
    except ArtefactError:
        return None
    return _difference(stored, replayed)


def repair(session: Session, subject: Subject) -> None:
    """Put a replay in the place of a kept state; appends wait for it."""
    statement = sa.select(Series.id).where(Series.id == subject.series_id).with_for_update()
    if session.scalar(statement) is not None:
        current = _replay(session, subject, None)
        live.keep_state(session, subject.version_id, subject.series_id, current)


def finding(subject: Subject, found: float | None) -> dict[str, Any]:
    """What is reported of a state."""
    is_right = found is not None and found <= TOLERANCE
    if found is None:
        sentence = "The stored state could not be compared with a replay; it was made again."
    elif is_right:
        sentence = f"The stored state is that of a replay (largest difference {found:.2g})."
    else:
        sentence = f"The stored state differed from a replay by {found:.2g}; it was made again."
    return _told(subject, sentence, difference=found, repaired=not is_right)


def failure(subject: Subject, error: Exception) -> dict[str, Any]:
    """What is reported of a state that could not be replayed; it is left as it is."""
    return _told(subject, f"The state could not be replayed. {error}", failed=True)


def _told(
    subject: Subject,
    sentence: str,
    *,
    difference: float | None = None,
    repaired: bool = False,
    failed: bool = False,
) -> dict[str, Any]:
    return {
        "version": subject.version,
        "series": subject.series,
        "max_abs_difference": difference,
        "repaired": repaired,
        "failed": failed,
        "sentence": sentence,
    }


def _replay(session: Session, subject: Subject, revision: int | None) -> live.CurrentState:
    version = session.get_one(ModelVersion, subject.version_id)
    series = session.get_one(Series, subject.series_id)
    forecaster = forecasters.get_trained(session, version.id, version.job_id)
    return live.replay(session, forecaster, series, at_revision=revision)


def _difference(stored: State, replayed: State) -> float | None:
    """The largest difference in states and outputs; None where they are not alike or not finite."""
    if (stored.time, stored.rows) != (replayed.time, replayed.rows) or not stored.finite:
        return None
    pairs = [
        *zip(stored.recurrent, replayed.recurrent, strict=True),
        (stored.window, replayed.window),
    ]
    if stored.waiting is not None and replayed.waiting is not None:
        late, again = stored.waiting, replayed.waiting
        pairs += [*zip(late.recurrent, again.recurrent, strict=True), (late.window, again.window)]
    if stored.output is not None and replayed.output is not None:
        pairs.append((stored.output, replayed.output))
    return max((float(np.abs(a - b).max()) for a, b in pairs if a.size), default=0.0)
