"""Tables of models, their versions with training results, bundles and aliases."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.access.acting import OfProject
from app.db import Base, Json, Timestamp, enum_type, utc_now
from app.series.tables import Series
from app.stored_reports import ReportJson


class Model(OfProject, Base):
    """A name under which versions are trained."""

    __tablename__ = "models"
    __table_args__ = (sa.UniqueConstraint("project", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)


class ModelVersion(Base):
    """One training run of a model; its state is that of its job.

    `series_id` is the series of forecasts by default: the only one, or the first of `panel`.
    """

    __tablename__ = "model_versions"
    __table_args__ = (sa.UniqueConstraint("model_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(sa.ForeignKey("models.id", ondelete="CASCADE"))
    number: Mapped[int]
    series_id: Mapped[int] = mapped_column(sa.ForeignKey("series.id"), index=True)
    job_id: Mapped[str] = mapped_column(sa.ForeignKey("jobs.id"), unique=True)
    preset: Mapped[str | None]
    spec: Mapped[dict[str, Any]] = mapped_column(Json)
    data_revision: Mapped[int]
    # The number of the version whose weights the training begins with.
    started_from: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)
    data: Mapped[dict[str, Any] | None] = mapped_column(Json)
    network: Mapped[dict[str, Any] | None] = mapped_column(Json)
    metrics: Mapped[dict[str, Any] | None] = mapped_column(ReportJson)
    training: Mapped[dict[str, Any] | None] = mapped_column(Json)
    history: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    # Much larger than the other columns, and read only where a single version is shown.
    diagnostics: Mapped[dict[str, Any] | None] = mapped_column(Json, deferred=True)
    panel: Mapped[list["VersionSeries"]] = relationship(
        order_by="VersionSeries.position", lazy="raise", passive_deletes=True
    )
    aliases: Mapped[list["Alias"]] = relationship(
        order_by="Alias.name", lazy="raise", viewonly=True
    )


class VersionSeries(Base):
    """A series that a version learnt from, and its revision."""

    __tablename__ = "version_series"
    __table_args__ = (sa.UniqueConstraint("version_id", "series_id"),)

    version_id: Mapped[int] = mapped_column(
        sa.ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    series_id: Mapped[int] = mapped_column(sa.ForeignKey("series.id"), index=True)
    data_revision: Mapped[int]
    metrics: Mapped[dict[str, Any] | None] = mapped_column(ReportJson)
    series: Mapped[Series] = relationship(lazy="raise")


class Bundle(Base):
    """The artefact of a trained version: manifest, weights and ONNX graph in one zip."""

    __tablename__ = "bundles"

    version_id: Mapped[int] = mapped_column(
        sa.ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True
    )
    sha256: Mapped[str] = mapped_column(sa.String(64))
    content: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)


class Alias(Base):
    """A name of a model that points to one of its versions.

    The version has no cascade: it is deleted only together with its model.
    """

    __tablename__ = "aliases"

    model_id: Mapped[int] = mapped_column(
        sa.ForeignKey("models.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    version_id: Mapped[int] = mapped_column(sa.ForeignKey("model_versions.id"), index=True)
    changed_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)


class AliasAction(StrEnum):
    """What was done to an alias."""

    SET = "set"
    ROLLED_BACK = "rolled_back"
    DELETED = "deleted"


class AliasChange(Base):
    """One change of an alias; the change with the highest number is the present state.

    `version` is the version's number, so that the change outlives the version; empty for a
    deletion. `before` is the change that a rollback returns to. The changes form a stack: a second
    rollback goes one change further back instead of undoing the first.
    """

    __tablename__ = "alias_changes"

    model_id: Mapped[int] = mapped_column(
        sa.ForeignKey("models.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    action: Mapped[AliasAction] = mapped_column(enum_type(AliasAction, 16))
    version: Mapped[int | None]
    before: Mapped[int | None]
    forced: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    evidence: Mapped[list[dict[str, Any]] | None] = mapped_column(ReportJson)
    # The schedule that made the change.
    schedule: Mapped[int | None]
    changed_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)
