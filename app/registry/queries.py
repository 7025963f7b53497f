"""Statements about versions that more than one caller shares."""

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.sql.base import ExecutableOption

from app.errors import Invalid, NotFound
from app.jobs.tables import Job, JobState
from app.registry.tables import Model, ModelVersion, VersionSeries
from app.series.tables import Series
from models.errors import Problem

VersionRow = sa.Row[ModelVersion, Model, Series, Job]

# An option of statements: versions come with all the series that they learnt from.
WITH_PANEL = selectinload(ModelVersion.panel).joinedload(VersionSeries.series)


def version_rows() -> sa.Select[ModelVersion, Model, Series, Job]:
    """Versions with the model, the first series and the job they belong to."""
    return (
        sa.select(ModelVersion, Model, Series, Job)
        .join(Model, Model.id == ModelVersion.model_id)
        .join(Series, Series.id == ModelVersion.series_id)
        .join(Job, Job.id == ModelVersion.job_id)
    )


def single_series(series: str | list[str]) -> str:
    """The one series that a request names.

    Raises:
        Invalid: If it names several.
    """
    names = [series] if isinstance(series, str) else series
    if len(names) > 1:
        message = f"`series` must name one series. Received: {len(names)} names"
        raise Invalid(message, errors=[Problem("/series", message)])
    return names[0]


def get_model(session: Session, name: str) -> Model:
    """The model of this name.

    Raises:
        NotFound: If there is none.
    """
    model = session.scalar(sa.select(Model).where(Model.name == name))
    if model is None:
        raise NotFound(f"There is no model named {name!r}.")
    return model


def get_version(
    session: Session, name: str, version: str, *options: ExecutableOption
) -> VersionRow:
    """The version of this number, or `latest` for the newest trained one.

    Raises:
        NotFound: If the model or the version does not exist.
    """
    statement = version_rows().options(*options).where(Model.name == name)
    if version == "latest":
        statement = statement.where(Job.state == JobState.SUCCEEDED)
    elif version.isascii() and version.isdecimal() and len(version) < 10:
        statement = statement.where(ModelVersion.number == int(version))
    else:
        statement = statement.where(sa.false())
    row = session.execute(statement.order_by(ModelVersion.number.desc()).limit(1)).first()
    if row is None:
        get_model(session, name)
        raise NotFound(_no_such_version(name, version))
    return row


def _no_such_version(name: str, version: str) -> str:
    if version == "latest":
        return f"The model {name!r} has no trained version yet."
    return f"The model {name!r} has no version {version!r}."
