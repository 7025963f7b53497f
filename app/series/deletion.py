"""Deleting a series, and what was learnt from it when that is asked for."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.registry.service as registry
from app.errors import Conflict
from app.series.service import lock_series
from app.series.tables import Correction, Observation, Series


def delete_series(session: Session, name: str, *, force: bool) -> None:
    """Delete a series with all its rows, past values and uploads.

    Raises:
        NotFound: If there is no such series.
        Conflict: If models learnt from it and `force` does not allow to delete them.
    """
    series = lock_series(session, name)
    models = registry.models_using(session, series.id)
    if models and not force:
        raise Conflict(
            f"The series {name!r} is used by the models {', '.join(models)}. "
            "Delete them first, or repeat the request with `?force=true` to delete them too."
        )
    for model in models:
        registry.delete_model(session, model)
    for table in (Observation, Correction):
        session.execute(sa.delete(table).where(table.series_id == series.id))
    session.execute(sa.delete(Series).where(Series.id == series.id))
