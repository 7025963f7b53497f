"""Tables of studies and their trials."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.access.acting import OfProject
from app.db import Base, Json, Timestamp, enum_type, utc_now


class TrialState(StrEnum):
    """The state of a trial; the last four are final."""

    QUEUED = "queued"
    """Waits for a worker, which draws its parameters."""
    RUNNING = "running"
    """Its parameters are drawn. It runs, or waits to run again after its worker was lost."""
    COMPLETE = "complete"
    """It has a value."""
    PRUNED = "pruned"
    """Stopped early because other trials were better after the same number of epochs."""
    FAILED = "failed"
    """Its spec cannot be trained; see `reason`."""
    CANCELLED = "cancelled"
    """Cancelled by a client or with its study, or not started in the study's time."""


class Study(OfProject, Base):
    """A search for the best spec; it has the id and the state of its job.

    The job's row is also the study's lock, which is held to add trials and to draw parameters.
    """

    __tablename__ = "studies"

    id: Mapped[str] = mapped_column(sa.ForeignKey("jobs.id"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    series_id: Mapped[int] = mapped_column(sa.ForeignKey("series.id"), index=True)
    data_revision: Mapped[int]
    preset: Mapped[str | None] = mapped_column(sa.String(100))
    spec: Mapped[dict[str, Any]] = mapped_column(Json)
    search: Mapped[dict[str, Any]] = mapped_column(Json)
    training_job_id: Mapped[str | None] = mapped_column(sa.ForeignKey("jobs.id"), unique=True)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)


class Trial(Base):
    """One spec of a study, run by a job of its own.

    `scores` has the losses of the completed folds, `losses` those after the epochs at which the
    trial could be pruned, and `memory` the pruner's state.
    """

    __tablename__ = "trials"

    study_id: Mapped[str] = mapped_column(
        sa.ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(sa.ForeignKey("jobs.id"), unique=True)
    state: Mapped[TrialState] = mapped_column(enum_type(TrialState, 16), default=TrialState.QUEUED)
    parameters: Mapped[dict[str, Any] | None] = mapped_column(Json)
    spec: Mapped[dict[str, Any] | None] = mapped_column(Json)
    value: Mapped[float | None]
    epochs: Mapped[int | None]
    seconds: Mapped[float | None]
    reason: Mapped[str | None] = mapped_column(sa.Text)
    scores: Mapped[list[float]] = mapped_column(Json, default=list)
    losses: Mapped[dict[str, float]] = mapped_column(Json, default=dict)
    memory: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
