"""Requests and answers about backtests."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.jobs.schemas import JobRead
from app.jobs.tables import JobState
from models.backtest_plan import BacktestSpec


class BacktestCreate(BacktestSpec):
    """What to test on the past; everything may be left out."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {},
                {"origins": {"start": "1998-01-03T00:00:00Z", "every": 4}},
                {
                    "origins": {"every": 12, "count": 8},
                    "window": "rolling",
                    "train_rows": 520,
                    "refit_every": 4,
                },
            ]
        },
    )

    version: int | str | None = Field(
        None,
        description="A version's number, an alias, or `latest`, the default: the newest trained "
        "one.",
    )
    series: str | None = Field(
        None,
        description="One that the model learnt from; by default the only one, of a panel its "
        "first. Of a panel the stored network is tested as it is, without refits.",
    )


class BacktestQueued(BaseModel):
    """A backtest that was accepted."""

    id: str
    model: str
    version: int
    origins: int = Field(description="How many rows will be forecast from.")
    refits: int = Field(description="How many times the network will be trained again.")
    job: JobRead


class BacktestSummary(BaseModel):
    """One line of a model's backtests."""

    id: str
    model: str
    version: int
    series: str
    state: JobState
    error: str | None
    data_revision: int
    request: dict[str, Any]
    created_at: datetime


class BacktestRead(BacktestSummary):
    """A backtest with its figures; its points are at `/points`, and here by `Accept: text/csv`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "019a9f3c5d2e7c1f8a4b6d0e9c7b5a31",
                    "model": "co2-weekly",
                    "version": 1,
                    "series": "co2",
                    "state": "succeeded",
                    "error": None,
                    "data_revision": 1,
                    "request": {"origins": {"every": 4}},
                    "created_at": "2026-11-21T12:00:00Z",
                    "report": {
                        "origins": {
                            "count": 1,
                            "first": "2001-12-22T00:00:00Z",
                            "last": "2001-12-22T00:00:00Z",
                            "every": 4,
                        },
                        "refits": 0,
                        "in_sample_origins": 0,
                        "season": {"steps": 52, "source": "cadence"},
                        "targets": {"co2": {"mae": 0.21, "naive_mae": 0.28, "skill": 0.25}},
                    },
                }
            ]
        }
    )

    report: dict[str, Any] | None = Field(
        description="By target, over all leads and for each: errors of the forecasts and of the "
        "baselines on the same points, skill, and whether the difference is more than luck. "
        "`in_sample_origins` counts origins that the network has learnt from. Null until the "
        "job has succeeded."
    )


class BacktestPoint(BaseModel):
    """One target at one moment as it was forecast from one origin, in the target's unit."""

    origin: datetime
    time: datetime
    lead: int = Field(description="Steps after the origin.")
    target: str
    value: float | None = Field(description="The forecast; null where none could be made.")
    actual: float | None = Field(description="What came; null where it is missing.")
    error: float | None = Field(description="Forecast less actual.")
    naive_error: float | None
    seasonal_naive_error: float | None
