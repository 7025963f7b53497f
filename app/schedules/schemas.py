"""Requests and answers about schedules."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.aliases.schemas import AliasName, EvidenceRead
from app.registry.queries import CHAMPION
from app.schedules.tables import Start, Trigger
from app.series.schemas import TimezoneName


class DriftTrigger(BaseModel):
    """From where on inputs or errors count as drifted."""

    model_config = ConfigDict(extra="forbid")

    error_ratio: float | None = Field(
        None,
        gt=1,
        le=1000,
        description="Live error of a target over its error on the test part, of the same leads.",
    )
    stability_index: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Population stability index of an input, over what was usual at the training; "
        "by custom 0.25 is a large change.",
    )


class ScheduleCreate(BaseModel):
    """When a model is trained anew: at least one of `cron`, `after_rows`, `min_skill`, `drift`."""

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
        "A wall time that is skipped or comes twice runs once; what was missed while no worker "
        "ran is made up for by one run.",
        examples=["0 3 * * *"],
    )
    timezone: TimezoneName = "UTC"
    after_rows: int | None = Field(
        None,
        ge=1,
        le=10**12,
        description="Rows that were stored since the data of the newest trained version, less "
        "those that were deleted.",
    )
    min_skill: float | None = Field(
        None,
        ge=-100,
        lt=1,
        description="Train when the live skill against naive falls below, over `window_steps`.",
    )
    drift: DriftTrigger | None = Field(None, description="Train when one of these is reached.")
    window_steps: int = Field(
        100,
        ge=10,
        le=10_000,
        description="The newest scored steps of the series over which live skill and errors are "
        "measured. At least half as many are needed, all after the last run.",
    )
    start: Start = Field(
        "fresh",
        description="`warm` begins with the weights of the version that is retrained, if its "
        "network is still the same; `fresh` with random ones.",
    )
    alias: AliasName | None = Field(
        CHAMPION,
        description="Where to promote to, `champion` through the gate. The version that it points "
        "to is the one that is trained anew; else the champion, else the newest. Null: promote "
        "nothing.",
    )
    enabled: bool = True


class ScheduleUpdate(ScheduleCreate):
    """What to change; what is left out stays. Null takes a trigger away."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"enabled": False}, {"cron": None}]}
    )


class GaugeRead(BaseModel):
    """How close a trigger is."""

    trigger: str = Field(
        description="`after_rows`, `min_skill`, `error_ratio` or `stability_index`."
    )
    threshold: float
    value: float | None = Field(description="Null while too little is known; `sentence` says what.")
    met: bool
    sentence: str


class RunRead(BaseModel):
    """One run of a schedule: a training, and the promotion after it."""

    number: int
    trigger: Trigger
    cause: str
    version: int = Field(description="The version that was trained.")
    job: str = Field(description="The training.")
    promotion_job: str | None
    started_at: datetime
    finished_at: datetime | None = Field(description="Null while it goes on.")
    promoted: bool | None
    reason: str | None = Field(description="Why it was promoted, or was not.")
    evidence: list[EvidenceRead] | None = Field(description="What the gate found.")


class ScheduleRead(BaseModel):
    """A schedule, how close its triggers are, and what came of its last run."""

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
        description="When `cron` comes next; a time that has passed was missed and runs soon."
    )
    last_run_at: datetime | None
    last_run: RunRead | None
    triggers: list[GaugeRead]
    created_at: datetime
