"""Delete a series and, if asked for, the models and studies that use it."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.registry.service as registry
import app.studies.service as studies
from app.errors import SeriesInUse
from app.series.service import lock_series
from app.series.tables import Correction, Observation, Series


def delete_series(session: Session, name: str, *, force: bool) -> None:
    """Delete a series with all its rows, past values and uploads.

    Raises:
        SeriesNotFound: If the series does not exist.
        SeriesInUse: If models or studies use it and `force` is false.
    """
    series = lock_series(session, name)
    models = registry.models_using(session, series.id)
    under_study = studies.studies_of(session, series.id)
    if (models or under_study) and not force:
        raise SeriesInUse(
            f"The series {name!r} is used by {_listed(models, under_study)}. "
            "Delete them first, or repeat the request with `?force=true` to delete them too."
        )
    studies.delete_studies(session, under_study)
    for model in models:
        registry.delete_model(session, model)
    for table in (Observation, Correction):
        session.execute(sa.delete(table).where(table.series_id == series.id))
    session.execute(sa.delete(Series).where(Series.id == series.id))


def _listed(models: list[str], studies: list[str]) -> str:
    kinds = (("models", models), ("studies", studies))
    return " and ".join(f"the {kind} {', '.join(names)}" for kind, names in kinds if names)
