"""Requests and answers about backtests."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.edge.limits import VersionNumber
from app.jobs.schemas import JobRead
from app.jobs.tables import JobState
from models.backtesting.plan import BacktestSpec


class BacktestCreate(BacktestSpec):
    """What to backtest; all fields are optional."""

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

    version: VersionNumber | str | None = Field(
        None,
        description="A version's number, an alias, or `latest` (the default): the newest trained "
        "version.",
    )
    series: str | None = Field(
        None,
        description="A series that the model learnt from; by default the first. With `refit_every` "
        "refits learn from all series of the panel, each up to the origin's moment; with a rolling "
        "window from `train_rows` rows of each.",
    )


class BacktestQueued(BaseModel):
    """An accepted backtest."""

    id: str
    model: str
    version: int
    origins: int = Field(description="Number of rows from which forecasts are made.")
    refits: int = Field(description="Number of times that the network is retrained.")
    job: JobRead


class BacktestSummary(BaseModel):
    """A backtest in the list of a model's backtests."""

    id: str
    model: str
    version: int
    series: str
    state: JobState
    error: str | None
    data_revision: int
    panel_revisions: dict[str, int] | None = Field(
        description="For a backtest with refits: the revisions of all series that they learn from."
    )
    request: dict[str, Any]
    created_at: datetime


class BacktestRead(BacktestSummary):
    """A backtest with its figures; its points are at `/points`, and here as `text/csv`."""

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
        "baselines on the same points, skill, and whether the difference is significant. For "
        "classes: accuracy, balanced accuracy, log loss and Brier score, with those of the most "
        "frequent class and of the class prior (the `frequencies` of the rows known at the first "
        "origin), and a `calibration` table. `in_sample_origins` counts origins inside the "
        "network's training rows. Null until the job has succeeded."
    )


class BacktestPoint(BaseModel):
    """The forecast of one target at one time from one origin, in the target's unit."""

    origin: datetime
    time: datetime
    lead: int = Field(description="Steps after the origin.")
    target: str
    value: float | None = Field(description="The forecast; null if it could not be made.")
    actual: float | None = Field(description="The actual value; null if it is missing.")
    error: float | None = Field(description="Forecast less actual.")
    naive_error: float | None
    seasonal_naive_error: float | None


class BacktestClassPoint(BaseModel):
    """The class forecast of one target at one time from one origin."""

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
        alias="class", description="The most probable class; null if a forecast could not be made."
    )
    actual_class: str | None = Field(description="The actual class; null if it is missing.")
    probabilities: dict[str, float | None] = Field(
        description="The probability of every class; in CSV one column for each, such as "
        "`probability_up`."
    )
    log_loss: float | None = Field(
        description="Negative log-likelihood of the observed class, in nats."
    )
    class_prior_log_loss: float | None = Field(
        description="The log loss of the class prior: the class frequencies known at the first "
        "origin."
    )
