"""Tables of retraining schedules and their runs."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Timestamp, enum_type, utc_now
from app.stored_reports import ReportJson

# A missing value is SQL NULL, not the JSON `null`, because queries test for it.
NullableJson = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)

Start = Literal["warm", "fresh"]


class Trigger(StrEnum):
    """What starts a run of a schedule."""

    CRON = "cron"
    AFTER_ROWS = "after_rows"
    MIN_SKILL = "min_skill"
    DRIFT = "drift"


class Schedule(Base):
    """When a model is retrained, and how.

    `runs` counts the runs and works as a lock between workers: a worker starts run n + 1 only if
    the row still has n.
    """

    __tablename__ = "schedules"

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(
        sa.ForeignKey("models.id", ondelete="CASCADE"), index=True
    )
    cron: Mapped[str | None] = mapped_column(sa.String(100))
    timezone: Mapped[str] = mapped_column(sa.String(64))
    after_rows: Mapped[int | None] = mapped_column(sa.BigInteger)
    min_skill: Mapped[float | None] = mapped_column(sa.Float)
    drift: Mapped[dict[str, Any] | None] = mapped_column(NullableJson)
    window_steps: Mapped[int]
    start: Mapped[str] = mapped_column(sa.String(8))
    alias: Mapped[str | None] = mapped_column(sa.String(100))
    enabled: Mapped[bool]
    # The next time of the cron expression, or a past time whose run has not started yet.
    next_run_at: Mapped[datetime | None] = mapped_column(Timestamp)
    runs: Mapped[int] = mapped_column(default=0)
    # Fingerprint of the version and the data on which the other triggers were last measured.
    looked_at: Mapped[str] = mapped_column(sa.String(60), default="")
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)


class ScheduleRun(Base):
    """One run: a training, then a promotion. It is unfinished until `finished_at` is set."""

    __tablename__ = "schedule_runs"

    schedule_id: Mapped[int] = mapped_column(
        sa.ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    trigger: Mapped[Trigger] = mapped_column(enum_type(Trigger, 16))
    cause: Mapped[str] = mapped_column(sa.Text)
    version: Mapped[int]
    training_job: Mapped[str] = mapped_column(sa.String(32), index=True)
    promotion_job: Mapped[str | None] = mapped_column(sa.String(32), index=True)
    # By series id: its last observation when the run started, in microseconds since 1970. The
    # triggers measure only later observations.
    data_ends: Mapped[dict[str, int | None]] = mapped_column(Json)
    promoted: Mapped[bool | None]
    reason: Mapped[str | None] = mapped_column(sa.Text)
    evidence: Mapped[list[dict[str, Any]] | None] = mapped_column(ReportJson)
    started_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)
