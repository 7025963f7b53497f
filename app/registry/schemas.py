"""Requests and responses about models and their versions."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.edge.limits import VersionNumber
from app.jobs.schemas import JobRead
from models.grid.panel import MOST_SERIES
from models.network.devices import Device
from models.spec.spec import Spec

ModelName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="Letters, digits, `.`, `_` and `-`; at most 100 characters.",
        examples=["co2-weekly"],
    ),
]
VersionState = Literal["queued", "training", "ready", "failed", "cancelled"]


class ModelCreate(BaseModel):
    """Train a version of a model on one series, or on all series of a panel.

    A request with an existing name trains the next version.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "co2-weekly", "series": "co2", "spec": {"horizon": 12}},
                {"name": "jena-24h", "series": "jena", "preset": "jena-stateful"},
                {"name": "co2-weekly", "series": "co2", "warm_start": "champion"},
                {"name": "co2-everywhere", "series": ["co2", "co2-barrow", "co2-south-pole"]},
            ]
        },
    )

    name: ModelName
    series: str | Annotated[list[str], Field(min_length=1)] = Field(
        description="The series to learn from, or a list of up to "
        f"{MOST_SERIES} series with the same kind, cadence, calendar and channels: one network "
        "learns from all of them, and each is split and scaled separately. Forecasts are of the "
        "first by default."
    )
    preset: str | None = Field(None, description="A name from `GET /v1/presets` to start from.")
    spec: Spec | None = Field(
        None, description="Fields of the spec; they override those of the preset."
    )
    device: Device | None = Field(
        None,
        description="Device to train on: `gpu` waits for a worker with a GPU, `cpu` takes any "
        "worker's CPU, null takes the device of the first free worker.",
    )
    warm_start: VersionNumber | str | None = Field(
        None,
        description="A trained version of this model, by number, alias or `latest`, that learnt "
        "from the same series: training begins with its weights instead of random ones. Scales "
        "and highway are fitted again. If the networks differ, or that version has learnt from "
        "rows of the new test part, training begins with random weights, and `training.start` of "
        "the version gives the reason.",
        examples=["champion"],
    )


class TrainingWarning(BaseModel):
    """A finding of the series' uploads that is still open; the training goes on."""

    code: str
    message: str


class VersionQueued(BaseModel):
    """A queued training."""

    name: str
    version: int
    job: JobRead
    warnings: list[TrainingWarning] = Field(
        default_factory=list,
        description="Findings of the series' uploads that nothing has resolved since, such as a "
        "likely placeholder for a missing value, a counter or an unknown time zone.",
    )


class VersionRead(BaseModel):
    """All details of one version."""

    name: str
    version: int
    state: VersionState
    error: str | None
    preset: str | None
    spec: dict[str, Any]
    series: list[str]
    job: str
    started_from: int | None = Field(
        description="The version whose weights the training began with, if they fitted: see "
        "`training.start`. Null: random weights."
    )
    data: dict[str, Any] = Field(
        description="Revision, SHA-256, rows, span and splits of the training data; for a panel "
        "in total, and in `series` for each series. `revision` is that of the first series."
    )
    network: dict[str, Any] | None
    metrics: dict[str, Any] | None = Field(
        description="By split and target, in the target's own units: errors of the forecaster and "
        "of the naive, seasonal naive, drift and AR(p) forecasts on the same origins, `skill`, "
        "which is 1 - mae / naive_mae, and on the test part `significance`: a Diebold-Mariano test "
        "of the difference from naive and from the best baseline. For a panel: means over its "
        "series, where a mean exists. For classes: accuracy, balanced accuracy, log loss and Brier "
        "score of the model, of the most frequent class and of the class prior (the frequencies in "
        "the training rows); `skill` is then 1 - log_loss / class_prior_log_loss."
    )
    metrics_by_series: dict[str, dict[str, Any]] | None = Field(
        description="The metrics of each series of a panel; `null` for a model of one series."
    )
    baselines: dict[str, Any] | None = Field(
        description="The season of the seasonal naive forecast, and the order of each target's "
        "AR(p); for classes their frequencies in the training rows. For a panel by series."
    )
    residuals: dict[str, Any] | None = Field(
        description="Actual minus forecast on validation and test, per target and lead: mean, "
        "standard deviation, quantiles and autocorrelations, in the target's unit; for a panel by "
        "series."
    )
    calibration: dict[str, Any] | None = Field(
        description="For classes, on validation and test, per target and lead: how often "
        "predictions of each confidence were right. For values, see `calibration` in `metrics`."
    )
    audit: dict[str, Any] | None = Field(
        description="The leakage audit: all checks with their result and an explanation."
    )
    training: dict[str, Any] | None
    aliases: list[str] = Field(description="The aliases that point to it.")
    created_at: datetime


class VersionSummary(BaseModel):
    """The summary of a version."""

    version: int
    state: VersionState
    error: str | None
    series: list[str]
    job: str
    metrics: dict[str, Any] | None
    aliases: list[str]
    created_at: datetime


class ModelRead(BaseModel):
    """A model; `version` is the one that makes forecasts by default."""

    name: str
    version: int | None
    latest: VersionSummary
    versions: int
    aliases: dict[str, int] = Field(description="The version that each alias points to.")
    created_at: datetime


class HistoryRead(BaseModel):
    """Learning curves: one entry per epoch."""

    name: str
    version: int
    epochs: list[dict[str, Any]]


class PresetRead(BaseModel):
    """A preset spec or search, and its purpose."""

    name: str
    title: str
    description: str
    spec: dict[str, Any]
    search: dict[str, Any] | None = Field(
        description="Null for a spec, which `POST /v1/models` takes; else the search space, which "
        "`POST /v1/studies` takes as `search.preset`."
    )
