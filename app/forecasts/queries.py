"""Queries for stored forecasts."""

from datetime import datetime

import sqlalchemy as sa

from app.forecasts.tables import StoredForecast
from app.jobs.tables import Job, JobState
from app.live.tables import KeptState
from app.registry.queries import CHAMPION
from app.registry.tables import Alias, Model, ModelVersion
from app.series.tables import Series

SUMMARY_COLUMNS = (
    StoredForecast.id,
    StoredForecast.key,
    Model.name.label("model"),
    ModelVersion.number.label("version"),
    Series.name.label("series"),
    StoredForecast.origin,
    StoredForecast.data_revision,
    StoredForecast.created_at,
)


def summaries() -> sa.Select[int, str, str, int, str, datetime, int, datetime]:
    """Stored forecasts without their bodies."""
    return (
        sa.select(*SUMMARY_COLUMNS)
        .join(ModelVersion, ModelVersion.id == StoredForecast.version_id)
        .join(Model, Model.id == ModelVersion.model_id)
        .join(Series, Series.id == StoredForecast.series_id)
    )


# `LATEST` runs without the ORM, which would add the project.
_IS_MODEL = (Model.project == sa.bindparam("project"), Model.name == sa.bindparam("model"))


def _default_version() -> sa.ColumnElement[int]:
    """The champion's id, else that of the newest trained version; one subquery for each."""
    return sa.func.coalesce(_champion(), _newest_trained())


def _champion() -> sa.ScalarSelect[int]:
    return (
        sa.select(Alias.version_id)
        .join(Model, Model.id == Alias.model_id)
        .where(*_IS_MODEL, Alias.name == CHAMPION)
        .scalar_subquery()
    )


def _newest_trained() -> sa.ScalarSelect[int]:
    return (
        sa.select(ModelVersion.id)
        .join(Model, Model.id == ModelVersion.model_id)
        .join(Job, Job.id == ModelVersion.job_id)
        .where(*_IS_MODEL, Job.state == JobState.SUCCEEDED)
        .order_by(ModelVersion.number.desc())
        .limit(1)
        .scalar_subquery()
    )


# The forecast that dashboards poll, as one statement that is built once: the forecast of the
# default version on its first series, from the stored state's step, at the series' present
# revision. It compares the first four columns of the unique index with the stored state, so the
# number of old forecasts does not matter. Only versions with known-future channels have several
# such forecasts: the newest one is first.
LATEST = (
    sa.select(StoredForecast.key, StoredForecast.body, StoredForecast.known_future)
    .select_from(KeptState)
    .join(
        Series,
        sa.and_(Series.id == KeptState.series_id, Series.revision == KeptState.revision),
    )
    .join(
        StoredForecast,
        sa.and_(
            StoredForecast.version_id == KeptState.version_id,
            StoredForecast.series_id == KeptState.series_id,
            StoredForecast.origin == KeptState.time,
            StoredForecast.data_revision == KeptState.revision,
        ),
    )
    .join(
        ModelVersion,
        sa.and_(
            ModelVersion.id == KeptState.version_id,
            ModelVersion.series_id == KeptState.series_id,
        ),
    )
    .where(KeptState.version_id == _default_version())
    .order_by(StoredForecast.id.desc())
    .limit(1)
)
