"""Compute states in advance, so that a newly deployed version serves without delay."""

import sqlalchemy as sa

import app.live.states as live
from app.db import Database
from app.errors import ServiceError
from app.live import storage
from app.live.tables import KeptState
from app.registry.forecaster_cache import forecasters
from app.registry.tables import ModelVersion, VersionSeries
from app.series.tables import Series
from models.errors import ForecastingError
from models.serving.batching import run_one


def make_ready(database: Database, version_id: int) -> None:
    """Bring a version's state up to date on each series that it learnt from.

    The series is read without its lock, so that appends do not wait. The next append advances the
    state. If a series cannot be read, that append reports the error.
    """
    statement = sa.select(VersionSeries.series_id).where(VersionSeries.version_id == version_id)
    with database.reading() as session:
        series_ids = session.scalars(statement.order_by(VersionSeries.position)).all()
    for series_id in series_ids:
        _make_ready(database, version_id, series_id)


def _make_ready(database: Database, version_id: int, series_id: int) -> None:
    with database.reading() as session:
        version = session.get(ModelVersion, version_id)
        series = session.get(Series, series_id)
        if version is None or series is None:
            return
        kept = session.get(KeptState, (version_id, series_id))
        forecaster = forecasters.get_trained(session, version_id, version.job_id)
        try:
            current = run_one(live.current_state(session, forecaster, kept, series))
        except (ForecastingError, ServiceError):
            return
    if not current.kept:
        with database.transaction() as session:
            if session.get(Series, series_id, with_for_update=True) is not None:
                storage.keep_state(session, version_id, series_id, current)
