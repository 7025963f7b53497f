"""Responses about jobs."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from app.jobs.tables import Job, JobState


class JobProgress(BaseModel):
    """The progress of the present attempt; unknown figures are null."""

    phase: str | None = Field(description="The present phase, in one word.")
    fraction: float = Field(description="From 0 to 1.")
    epoch: int | None
    epochs: int | None
    loss: float | None
    val_loss: float | None
    eta_seconds: float | None


class JobRead(BaseModel):
    """Background work, its state and its result."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "019a9f3c5d2e7c1f8a4b6d0e9c7b5a31",
                    "kind": "train",
                    "subject": {"model": "co2-weekly", "version": 1},
                    "device": None,
                    "state": "running",
                    "waiting": None,
                    "progress": {
                        "phase": "training",
                        "fraction": 0.4,
                        "epoch": 8,
                        "epochs": 20,
                        "loss": 0.131,
                        "val_loss": 0.148,
                        "eta_seconds": 6.2,
                    },
                    "error": None,
                    "result": None,
                    "request_id": "8f3c1e0a4d5b4c6e9a7f2b1c0d9e8f7a",
                    "created_at": "2026-11-21T10:00:00Z",
                    "started_at": "2026-11-21T10:00:01Z",
                    "finished_at": None,
                }
            ]
        },
    )

    id: str
    kind: str
    subject: dict[str, Any] = Field(description="What the job works on.")
    device: str | None = Field(
        description="The kind of device that the job requires, `cpu` or `gpu`; null for any."
    )
    state: JobState
    waiting: str | None = Field(
        description="Why none of the running workers can take the queued job; null if one can."
    )
    progress: JobProgress
    error: str | None
    result: dict[str, Any] | None
    request_id: str | None = Field(
        description="The request that caused the job, as in `X-Request-ID` and in the logs."
    )
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def from_row(cls, job: Job, *, waiting: str | None = None) -> Self:
        """The response for a stored job."""
        columns = {name: getattr(job, name) for name in cls.model_fields if name != "waiting"}
        return cls.model_validate({**columns, "waiting": waiting})
