"""Shared queries of models and versions."""

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, selectinload
from sqlalchemy.sql.base import ExecutableOption

from app.errors import Invalid, ModelNotFound, NotFound, NoTrainedVersion, VersionNotFound
from app.jobs.tables import Job, JobState
from app.registry.tables import Alias, Model, ModelVersion, VersionSeries
from app.series.tables import Series
from models.errors import Problem

VersionRow = sa.Row[ModelVersion, Model, Series, Job]

# The alias of the version that makes forecasts by default.
CHAMPION = "champion"
# The newest trained version: not an alias, because it follows the newest training.
NEWEST = "latest"

# What `get_version` raises.
VERSION_ERRORS = (ModelNotFound, VersionNotFound, NoTrainedVersion)

# Options of statements: load versions with all series that they learnt from, and with the aliases
# that point to them.
WITH_PANEL = selectinload(ModelVersion.panel).joinedload(VersionSeries.series)
WITH_ALIASES = selectinload(ModelVersion.aliases)


def version_rows() -> sa.Select[ModelVersion, Model, Series, Job]:
    """Select versions with their model, first series and training job."""
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
        ModelNotFound: If there is none.
    """
    model = session.scalar(sa.select(Model).where(Model.name == name))
    if model is None:
        raise ModelNotFound(f"There is no model named {name!r}.")
    return model


def get_version(
    session: Session, name: str, version: str, *options: ExecutableOption
) -> VersionRow:
    """The version of this number or alias, or `latest` for the newest trained one.

    Raises:
        ModelNotFound, VersionNotFound: If the model or the version does not exist.
        NoTrainedVersion: If `latest` is requested before a version is trained.
    """
    row = find_version(session, name, version, *options)
    if row is None:
        get_model(session, name)
        raise _no_such_version(name, version)
    return row


def get_default_version(session: Session, name: str) -> VersionRow:
    """The version that makes forecasts by default: the champion, else the newest trained one.

    Raises:
        ModelNotFound, NoTrainedVersion: If it does not exist or has no trained version.
    """
    return find_version(session, name, CHAMPION) or get_version(session, name, NEWEST)


def find_version(
    session: Session, name: str, version: str, *options: ExecutableOption
) -> VersionRow | None:
    """As `get_version`, or None if there is none."""
    statement = version_rows().options(*options).where(Model.name == name)
    if version == NEWEST:
        statement = statement.where(Job.state == JobState.SUCCEEDED)
    elif version.isascii() and version.isdecimal():
        number = int(version) if len(version) < 10 else -1
        statement = statement.where(ModelVersion.number == number)
    else:
        pointed = sa.and_(Alias.model_id == Model.id, Alias.name == version)
        statement = statement.join(Alias, Alias.version_id == ModelVersion.id).where(pointed)
    return session.execute(statement.order_by(ModelVersion.number.desc()).limit(1)).first()


def is_version(version: str) -> sa.ColumnElement[bool]:
    """Whether a row's version has a number or an alias, in any model.

    `latest` is the newest trained version of each model.
    """
    if version == NEWEST:
        other = aliased(ModelVersion)
        newest = (
            sa.select(sa.func.max(other.number))
            .join(Job, Job.id == other.job_id)
            .where(other.model_id == ModelVersion.model_id, Job.state == JobState.SUCCEEDED)
            .correlate(ModelVersion)
            .scalar_subquery()
        )
        return ModelVersion.number == newest
    if version.isascii() and version.isdecimal():
        return ModelVersion.number == (int(version) if len(version) < 10 else -1)
    return sa.exists().where(Alias.version_id == ModelVersion.id, Alias.name == version)


def _no_such_version(name: str, version: str) -> NotFound:
    if version == NEWEST:
        return NoTrainedVersion(f"The model {name!r} has no trained version yet.")
    return VersionNotFound(f"The model {name!r} has no version {version!r}.")
