"""Answers about the quality of what is stored."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.parsing.finding_codes import EXPLAINED
from app.series.sessions import SessionsRead


class CadenceEvidenceRead(BaseModel):
    """Which step the rows have, and how many of them agree."""

    cadence: str | None
    source: Literal["given", "inferred"]
    inferred: str | None
    share: float
    steps: int


class GapRead(BaseModel):
    """A step longer than the usual one."""

    after: str
    length: str
    seconds: float
    clock_change: bool = Field(description="Whether it is an hour at which clocks were changed.")


class GapsDetail(BaseModel):
    """All gaps counted, the longest listed; nights, week-ends and holidays count as well.

    Where the series' calendar is an exchange's, only rows that are missing in its sessions count.
    """

    count: int
    longest: str | None
    longest_seconds: float
    clock_changes: int = Field(description="How many of them are hours at which clocks changed.")
    items: list[GapRead]


class ChannelQuality(BaseModel):
    """A channel's values; `longest_flat_run` counts equal neighbours."""

    name: str
    missing: int
    constant: bool
    minimum: float | None
    maximum: float | None
    longest_flat_run: int


class StoredExample(BaseModel):
    """A stored value or row that a finding is about, or a line of one of the uploads."""

    time: str | None = None
    channel: str | None = None
    value: float | None = None
    text: str | None = None
    upload: int | None = None
    line: int | None = None


class FindingRead(BaseModel):
    """Something that a reader of the series should know."""

    code: str = Field(description=f"{EXPLAINED}.")
    message: str
    count: int
    examples: list[StoredExample]
    action: str = Field(description="What the service did about it.")
    suggestion: dict[str, Any] | None = Field(
        description="Settings that would answer it, as the body of `PATCH /v1/series/{name}`; "
        "only what is named there changes."
    )


class QualityRead(BaseModel):
    """What is stored in a series, judged."""

    revision: int
    rows: int
    cadence: CadenceEvidenceRead
    gaps: GapsDetail
    sessions: SessionsRead | None
    channels: list[ChannelQuality]
    duplicates: int
    quarantined: int
    ohlc_violations: int
    issues: list[FindingRead]
