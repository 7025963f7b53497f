"""Requests and answers about models and their versions."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

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
    """Train a version of a model on a series, or one on all series of a panel.

    The same name again trains the next version.
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
        f"{MOST_SERIES} of them that are alike in kind, cadence, calendar and channels: one "
        "network learns from all, each split and scaled on its own. The first is forecast by "
        "default."
    )
    preset: str | None = Field(None, description="A name of `GET /v1/presets` to start from.")
    spec: Spec | None = Field(None, description="Fields of the spec; they win over the preset's.")
    device: Device | None = Field(
        None,
        description="Where to train: `gpu` waits for a worker with a GPU, `cpu` takes any worker's "
        "CPU, null takes whatever device the first free worker has.",
    )
    warm_start: int | str | None = Field(
        None,
        description="A trained version of this model, by number, alias or `latest`, that learnt "
        "from the same series: training begins with its weights instead of random ones. Scales "
        "and highway are fitted again. Where the network is another one, or that version has "
        "learnt from rows of the new test part, the training begins afresh, and `training.start` "
        "of the version says why.",
        examples=["champion"],
    )


class VersionQueued(BaseModel):
    """A training that was accepted."""

    name: str
    version: int
    job: JobRead


class VersionRead(BaseModel):
    """Everything known of one version."""

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
        "`training.start`. Null: random ones."
    )
    data: dict[str, Any] = Field(
        description="Revision, SHA-256, rows, span and splits of what was learnt from; of a panel "
        "in all, and as `series` those of each. `revision` is that of the first series."
    )
    network: dict[str, Any] | None
    metrics: dict[str, Any] | None = Field(
        description="By split and target, in the target's own units: errors of the forecaster and "
        "of the naive, seasonal naive, drift and AR(p) forecasts on the same origins, `skill`, "
        "which is 1 - mae / naive_mae, and on the test part `significance`: a Diebold-Mariano test "
        "of the difference from naive and from the best baseline. Of a panel: the means over its "
        "series, without what has no mean. Of classes: accuracy, balanced accuracy, log loss and "
        "Brier score, beside those of the most frequent class and of the class prior, the "
        "frequencies of the training rows; `skill` is then 1 - log_loss / class_prior_log_loss."
    )
    metrics_by_series: dict[str, dict[str, Any]] | None = Field(
        description="The metrics of each series of a panel; `null` for a model of one series."
    )
    baselines: dict[str, Any] | None = Field(
        description="The season of the seasonal naive forecast, and the order of each target's "
        "AR(p); of classes their frequencies in the training rows. Of a panel by series."
    )
    residuals: dict[str, Any] | None = Field(
        description="Actual less forecast on validation and test, per target and lead: mean, "
        "standard deviation, quantiles and autocorrelations, in the target's unit; of a panel by "
        "series."
    )
    calibration: dict[str, Any] | None = Field(
        description="Of classes, on validation and test, per target and lead: how often what was "
        "said with some confidence came true. Of values that table is `metrics`' `calibration`."
    )
    audit: dict[str, Any] | None = Field(
        description="The leakage audit: every check with its result and a sentence."
    )
    training: dict[str, Any] | None
    aliases: list[str] = Field(description="The aliases that point to it.")
    created_at: datetime


class VersionSummary(BaseModel):
    """One line of a model's versions."""

    version: int
    state: VersionState
    error: str | None
    series: list[str]
    job: str
    metrics: dict[str, Any] | None
    aliases: list[str]
    created_at: datetime


class ModelRead(BaseModel):
    """A model; `version` is the one that forecasts are made with by default."""

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
    """A ready spec and what it is for."""

    name: str
    title: str
    description: str
    spec: dict[str, Any]
    search: dict[str, Any] | None = Field(
        description="Null for a spec that `POST /v1/models` takes; else what `POST /v1/studies` "
        "searches when it is given as `search.preset`."
    )
