"""Requests and answers about schedules."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.aliases.schemas import AliasName, EvidenceRead
from app.registry.queries import CHAMPION
from app.schedules.tables import Start, Trigger
from app.series.fields.types import TimezoneName


class DriftTrigger(BaseModel):
    """Thresholds from which inputs or errors count as drifted."""

    model_config = ConfigDict(extra="forbid")

    error_ratio: float | None = Field(
        None,
        gt=1,
        le=1000,
        description="Live error of a target divided by its error on the test part, for the same "
        "leads.",
    )
    stability_index: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Population stability index of an input, less its usual value at the training; "
        "by convention 0.25 is a large change.",
    )


class ScheduleCreate(BaseModel):
    """When a model is retrained: at least one of `cron`, `after_rows`, `min_skill`, `drift`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"cron": "0 3 * * mon", "timezone": "Europe/Berlin", "start": "warm"},
                {"after_rows": 1000, "min_skill": 0.05},
                {"drift": {"error_ratio": 1.5}, "alias": None},
            ]
        },
    )

    cron: str | None = Field(
        None,
        max_length=100,
        description="Minute, hour, day of month, month, day of week on the clock of `timezone`. "
        "A wall time that clocks skip or repeat runs once; one run replaces all times that were "
        "missed while no worker ran.",
        examples=["0 3 * * *"],
    )
    timezone: TimezoneName = "UTC"
    after_rows: int | None = Field(
        None,
        ge=1,
        le=10**12,
        description="Train after this many rows: those stored since the data of the newest trained "
        "version, less the deleted ones.",
    )
    min_skill: float | None = Field(
        None,
        ge=-100,
        lt=1,
        description="Train when the live skill against naive, over `window_steps`, falls below "
        "this value.",
    )
    drift: DriftTrigger | None = Field(None, description="Train when one of these is reached.")
    window_steps: int = Field(
        100,
        ge=10,
        le=10_000,
        description="Number of newest scored steps of the series over which live skill and errors "
        "are measured. At least half of them must exist, all after the last run.",
    )
    start: Start = Field(
        "fresh",
        description="`warm` starts from the weights of the retrained version, if the network is "
        "still the same; `fresh` from random weights.",
    )
    alias: AliasName | None = Field(
        CHAMPION,
        description="The alias to promote the new version to; `champion` has to pass the gate. The "
        "version that the alias points to is retrained; else the champion, else the newest "
        "version. Null: do not promote.",
    )
    enabled: bool = True


class ScheduleUpdate(ScheduleCreate):
    """The fields to change; omitted fields stay. Null removes a trigger."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"enabled": False}, {"cron": None}]}
    )


class GaugeRead(BaseModel):
    """How close a trigger is to its threshold."""

    trigger: str = Field(
        description="`after_rows`, `min_skill`, `error_ratio` or `stability_index`."
    )
    threshold: float
    value: float | None = Field(
        description="Null while it cannot be measured; `sentence` has the reason."
    )
    met: bool
    sentence: str


class RunRead(BaseModel):
    """One run of a schedule: a training, then a promotion."""

    number: int
    trigger: Trigger
    cause: str
    version: int = Field(description="The version that was trained.")
    job: str = Field(description="The training job.")
    promotion_job: str | None
    started_at: datetime
    finished_at: datetime | None = Field(description="Null while the run is unfinished.")
    promoted: bool | None
    reason: str | None = Field(description="Why the version was promoted or not.")
    evidence: list[EvidenceRead] | None = Field(description="The gate's comparisons.")


class ScheduleRead(BaseModel):
    """A schedule, the state of its triggers, and the outcome of its last run."""

    id: int
    model: str
    cron: str | None
    timezone: str
    after_rows: int | None
    min_skill: float | None
    drift: DriftTrigger | None
    window_steps: int
    start: str
    alias: str | None
    enabled: bool
    next_run_at: datetime | None = Field(
        description="The next time of `cron`; a time in the past was missed and runs soon."
    )
    last_run_at: datetime | None
    last_run: RunRead | None
    triggers: list[GaugeRead]
    created_at: datetime
