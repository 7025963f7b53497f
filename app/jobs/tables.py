"""Tables of jobs, their events and checkpoints, and workers."""

import os
import time
import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.access.acting import OfProject
from app.db import Base, Json, Timestamp, enum_type, utc_now
from app.request_ids import current_request_id

NO_PROGRESS: dict[str, Any] = {
    "phase": None,
    "fraction": 0.0,
    "epoch": None,
    "epochs": None,
    "loss": None,
    "val_loss": None,
    "eta_seconds": None,
}


class JobState(StrEnum):
    """The state of a job; the last three are final."""

    QUEUED = "queued"
    """Waits for a worker: new, or given back by a worker that was stopped."""
    RUNNING = "running"
    """An attempt is running, or its worker has died and the job will be queued again."""
    SUCCEEDED = "succeeded"
    """The result is stored, in the transaction that ended the job."""
    FAILED = "failed"
    """The job cannot succeed without a change; `error` gives the reason."""
    CANCELLED = "cancelled"
    """Stopped on request, or because its parent has ended."""


# Kinds of jobs that need no training library. They do not wait for trainings, which may take hours.
LIGHT_KINDS = frozenset({"check", "clean", "promote", "upload"})
# Kinds that are not in the queue: their children do the work.
PARENT_KINDS = frozenset({"study"})
UNFINISHED = (JobState.QUEUED, JobState.RUNNING)


def new_job_id() -> str:
    """A version 7 UUID as 32 hexadecimal digits: its order is the order of creation."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    number = (milliseconds << 80) | random
    number = (number & ~(0xF << 76)) | (0x7 << 76)
    number = (number & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=number).hex


class Job(OfProject, Base):
    """Work for a worker.

    `attempt` fences writes: a worker writes with the number of its attempt, and a write of an
    earlier attempt changes nothing. A job with a parent is part of the parent's work, and is
    cancelled when the parent has ended.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True, default=new_job_id)
    kind: Mapped[str] = mapped_column(sa.String(40))
    state: Mapped[JobState] = mapped_column(
        enum_type(JobState, 16), default=JobState.QUEUED, index=True
    )
    subject: Mapped[dict[str, Any]] = mapped_column(Json)
    device: Mapped[str | None] = mapped_column(sa.String(8))
    attempt: Mapped[int] = mapped_column(default=0)
    lost_attempts: Mapped[int] = mapped_column(default=0)
    progress: Mapped[dict[str, Any]] = mapped_column(Json, default=lambda: dict(NO_PROGRESS))
    error: Mapped[str | None] = mapped_column(sa.Text)
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    executor: Mapped[str | None] = mapped_column(sa.String(255))
    parent_id: Mapped[str | None] = mapped_column(sa.String(32), index=True)
    sequence: Mapped[int] = mapped_column(default=1)
    request_id: Mapped[str | None] = mapped_column(sa.String(128), default=current_request_id)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)
    started_at: Mapped[datetime | None] = mapped_column(Timestamp)
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)


class JobEvent(Base):
    """The job after one of its changes, for clients that follow it."""

    __tablename__ = "job_events"

    job_id: Mapped[str] = mapped_column(
        sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(sa.String(16))
    data: Mapped[dict[str, Any]] = mapped_column(Json)


class JobCheckpoint(Base):
    """The state from which a later attempt resumes; of ended jobs only failed ones keep it."""

    __tablename__ = "job_checkpoints"

    job_id: Mapped[str] = mapped_column(
        sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int]
    data: Mapped[bytes] = mapped_column(sa.LargeBinary)


class Worker(Base):
    """A worker process; it counts as dead after `alive_until`, by the database's clock."""

    __tablename__ = "workers"

    executor: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    machine: Mapped[str] = mapped_column(sa.String(255))
    pid: Mapped[int]
    process_started: Mapped[str] = mapped_column(sa.String(40))
    device: Mapped[str] = mapped_column(sa.String(40))
    started_at: Mapped[datetime] = mapped_column(Timestamp)
    beat_at: Mapped[datetime] = mapped_column(Timestamp)
    alive_until: Mapped[datetime] = mapped_column(Timestamp)
