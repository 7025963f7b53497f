"""Studies and their trials."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Timestamp, utc_now


class TrialState(StrEnum):
    """Where a trial stands; the last four are final."""

    QUEUED = "queued"
    """Waits for a worker, who draws its parameters."""
    RUNNING = "running"
    """Its parameters are drawn; it runs, or runs again because its worker was lost."""
    COMPLETE = "complete"
    """It has a value."""
    PRUNED = "pruned"
    """Stopped early, for others were better after as many epochs."""
    FAILED = "failed"
    """Its spec cannot be trained; `reason` says why."""
    CANCELLED = "cancelled"
    """Stopped with its study, or by somebody, or too late to begin."""


class Study(Base):
    """A search for the best spec; its state is that of its job, whose id it has.

    The job's row is also the study's lock: whoever adds trials or draws parameters holds it.
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
    """One spec of a study; a job of its own runs it.

    `scores` are the losses of the folds done so far, `losses` those after the epochs at which
    it could be pruned, and `memory` what the pruner noted then.
    """

    __tablename__ = "trials"

    study_id: Mapped[str] = mapped_column(
        sa.ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(sa.ForeignKey("jobs.id"), unique=True)
    state: Mapped[TrialState] = mapped_column(
        sa.Enum(
            TrialState,
            native_enum=False,
            length=16,
            values_callable=lambda states: [state.value for state in states],
        ),
        default=TrialState.QUEUED,
    )
    parameters: Mapped[dict[str, Any] | None] = mapped_column(Json)
    spec: Mapped[dict[str, Any] | None] = mapped_column(Json)
    value: Mapped[float | None]
    epochs: Mapped[int | None]
    seconds: Mapped[float | None]
    reason: Mapped[str | None] = mapped_column(sa.Text)
    scores: Mapped[list[float]] = mapped_column(Json, default=list)
    losses: Mapped[dict[str, float]] = mapped_column(Json, default=dict)
    memory: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
