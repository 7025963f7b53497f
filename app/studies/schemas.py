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
    """A search for the best spec of a model on a series; a version is trained with that spec."""

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

    name: ModelName = Field(
        description="The model whose next version is trained with the best spec."
    )
    series: str | Annotated[list[str], Field(min_length=1)] = Field(
        description="The series to learn from, or a list with one name."
    )
    preset: str | None = Field(None, description="A name of `GET /v1/presets` to start from.")
    spec: Spec | None = Field(
        None,
        description="Fields of the spec. They replace the preset's fields, and parameters of the "
        "search space replace them.",
    )
    search: Search


class StudyQueued(BaseModel):
    """A study that was accepted."""

    id: str
    name: str
    job: JobRead


class StudyProgress(BaseModel):
    """The planned number of trials, and the number in each state."""

    fraction: float = Field(
        description="From 0 to 1; the last tenth is the training of the best spec."
    )
    trials: int
    queued: int
    running: int
    complete: int
    pruned: int
    failed: int
    cancelled: int


class TrialRead(BaseModel):
    """One trial: a spec with drawn parameters."""

    number: int
    state: TrialState
    parameters: dict[str, Any] | None
    value: float | None = Field(description="The minimised loss.")
    epochs: int | None = Field(description="Epochs so far, of the longest fold.")
    seconds: float | None
    reason: str | None = Field(description="Why it failed or was cancelled.")
    job: str


class BestRead(BaseModel):
    """The best complete trial so far, with its full spec."""

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
    model: str | None = Field(
        description="The model of the version trained with the best spec; null before its training "
        "is queued."
    )
    version: int | None = Field(description="The number of that version.")
    job: str
    created_at: datetime


class StudyRead(StudySummary):
    """A study with its trials, the best one first."""

    spec: dict[str, Any] = Field(description="The requested spec, without the drawn parameters.")
    data_revision: int
    trials: list[TrialRead]
