"""Whether a stored state is still valid after changes of its series."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import to_microseconds
from app.live.checkpoints import NotFinite
from app.live.tables import KeptState
from app.series.tables import Observation, Series, SeriesRevision
from models.serving.adaptation import observations_to_fit
from models.serving.forecaster import Forecaster


def is_outgrown(forecaster: Forecaster, kept: KeptState, series: Series) -> bool:
    """Whether the scales of an unseen series have to be computed again, from more of its rows."""
    if kept.fit is None:
        return False
    due = observations_to_fit(forecaster.manifest, series.rows)
    return bool(kept.fit["observations"] != due)


def scales_hold(session: Session, kept: KeptState, series: Series, changed: datetime) -> bool:
    """Whether a change lies after the observations from which the scales were computed."""
    if kept.fit is None:
        return True
    moment = to_microseconds(changed)
    later = sa.select(sa.func.count()).where(
        Observation.series_id == series.id, Observation.time >= moment
    )
    untouched = series.rows - (session.scalar(later) or 0)
    return bool(untouched >= kept.fit["observations"])


def require_change(
    session: Session,
    forecaster: Forecaster,
    kept: KeptState,
    series: Series,
    changed_last: datetime | None,
) -> None:
    """Refuse to read values again that led to an infinite state and were not changed since.

    Raises:
        NotFinite: If none of them was changed.
    """
    if kept.failed_time is None or kept.failed_revision is None:
        return
    if is_outgrown(forecaster, kept, series):
        return
    changed = earliest_change(session, kept.failed_revision, series, changed_last)
    if changed is None or changed > kept.failed_time:
        raise NotFinite(kept.failed_time)


def earliest_change(
    session: Session, revision: int, series: Series, changed_last: datetime | None
) -> datetime | None:
    """The earliest moment that was changed after a revision; None if nothing was changed.

    Args:
        session: The database.
        revision: The revision that was read.
        series: The series.
        changed_last: The earliest moment that its last revision changed, if it is known.
    """
    if revision == series.revision:
        return None
    if revision == series.revision - 1 and changed_last is not None:
        return changed_last
    statement = sa.select(sa.func.min(SeriesRevision.min_time)).where(
        SeriesRevision.series_id == series.id, SeriesRevision.revision > revision
    )
    return session.scalar(statement)
