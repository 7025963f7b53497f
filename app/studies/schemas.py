"""Requests and answers about studies."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.jobs.schemas import JobRead
from app.jobs.tables import JobState
from app.registry.schemas import ModelName
from app.studies.tables import TrialState
from models.spec.search import Search
from models.spec.spec import Spec

SPACE_EXAMPLE: JsonDict = {
    "/layers/0/units": {"type": "int", "low": 16, "high": 128, "step": 16},
    "/layers/0/dropout": {"type": "float", "low": 0, "high": 0.5, "step": 0.1},
    "/layers/0/cell": {"type": "choice", "values": ["lstm", "gru"]},
    "/optimizer/learning_rate": {"type": "log_float", "low": 0.0001, "high": 0.01},
}


class StudyCreate(BaseModel):
    """Search for the best spec of a model on a series, and train a version with it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "co2-weekly",
                    "series": "co2",
                    "spec": {"horizon": 12},
                    "search": {
                        "method": "bayesian",
                        "trials": 30,
                        "minutes": 60,
                        "parallel": 2,
                        "space": SPACE_EXAMPLE,
                    },
                },
                {
                    "name": "co2-weekly",
                    "series": "co2",
                    "spec": {"horizon": 12, "epochs": 100},
                    "search": {"method": "hyperband", "trials": 143, "preset": "deep-gru-search"},
                },
            ]
        },
    )

    name: ModelName = Field(description="The model whose next version the best spec becomes.")
    series: str | Annotated[list[str], Field(min_length=1)] = Field(
        description="The series to learn from, or a list with its name."
    )
    preset: str | None = Field(None, description="A name of `GET /v1/presets` to start from.")
    spec: Spec | None = Field(
        None, description="Fields of the spec; they win over the preset's, and the space over them."
    )
    search: Search


class StudyQueued(BaseModel):
    """A study that was accepted."""

    id: str
    name: str
    job: JobRead


class StudyProgress(BaseModel):
    """How many trials there may be, and how many are in each state."""

    fraction: float = Field(description="From 0 to 1; the last tenth is the best spec's training.")
    trials: int
    queued: int
    running: int
    complete: int
    pruned: int
    failed: int
    cancelled: int


class TrialRead(BaseModel):
    """One spec that was tried, or will be."""

    number: int
    state: TrialState
    parameters: dict[str, Any] | None
    value: float | None = Field(description="The loss that is minimised.")
    epochs: int | None = Field(description="Epochs so far; of the longest fold.")
    seconds: float | None
    reason: str | None = Field(description="Why it failed or was cancelled.")
    job: str


class BestRead(BaseModel):
    """The best complete trial so far, with its whole spec."""

    number: int
    value: float
    parameters: dict[str, Any]
    spec: dict[str, Any]


class StudySummary(BaseModel):
    """A study in a list."""

    id: str
    name: str
    series: list[str]
    state: JobState
    error: str | None
    progress: StudyProgress
    search: dict[str, Any]
    best: BestRead | None
    model: str | None = Field(description="The model of the version that was trained, or will be.")
    version: int | None = Field(description="That version, as soon as its training is queued.")
    job: str
    created_at: datetime


class StudyRead(StudySummary):
    """A study with its trials, the best one first."""

    spec: dict[str, Any] = Field(description="What was asked for, without the parameters.")
    data_revision: int
    trials: list[TrialRead]
