"""Requests and answers about backtests."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.jobs.schemas import JobRead
from app.jobs.tables import JobState
from models.backtesting.plan import BacktestSpec


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
        "first. With `refit_every` all series of the panel are learnt from, each up to the "
        "origin's moment; those of a rolling window from `train_rows` rows of their own.",
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
    panel_revisions: dict[str, int] | None = Field(
        description="Of a backtest with refits: the revision of every series that they learn from."
    )
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
                    "panel_revisions": None,
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
        "baselines on the same points, skill, and whether the difference is more than luck. Of "
        "classes accuracy, balanced accuracy, log loss and Brier score beside those of the most "
        "frequent class and of the class prior, the `frequencies` of the rows known at the first "
        "origin, with a `calibration` table. `in_sample_origins` counts origins that the network "
        "has learnt from. Null until the job has succeeded."
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


class BacktestClassPoint(BaseModel):
    """One target at one moment as its class was forecast from one origin."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "origin": "2001-12-22T00:00:00Z",
                    "time": "2001-12-29T00:00:00Z",
                    "lead": 1,
                    "target": "co2",
                    "class": "up",
                    "actual_class": "flat",
                    "probabilities": {"down": 0.2, "flat": 0.3, "up": 0.5},
                    "log_loss": 1.2,
                    "class_prior_log_loss": 1.1,
                }
            ]
        }
    )

    origin: datetime
    time: datetime
    lead: int = Field(description="Steps after the origin.")
    target: str
    class_: str | None = Field(
        alias="class", description="The likeliest class; null where no forecast could be made."
    )
    actual_class: str | None = Field(description="What came; null where it is missing.")
    probabilities: dict[str, float | None] = Field(
        description="The probability of every class; in CSV one column for each, such as "
        "`probability_up`."
    )
    log_loss: float | None = Field(
        description="Negative log-likelihood of the observed class, in nats."
    )
    class_prior_log_loss: float | None = Field(
        description="That of the class prior, the class frequencies known at the first origin."
    )
