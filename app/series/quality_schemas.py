"""Responses about the quality of a stored series."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.parsing.finding_codes import EXPLAINED

# Days and times that `SessionsRead` lists at most.
LISTED_SESSIONS = 20


class SessionsRead(BaseModel):
    """The sessions of a series, learnt from its rows or those of its exchange.

    If a series should have more than 2,000,000 rows, missing rows are counted in the last
    2,000,000 of them.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "source": "learnt",
                    "timezone": "Asia/Kolkata",
                    "open": "09:16:00",
                    "close": "15:32:00",
                    "pre_open_bars": ["09:08:00"],
                    "bars": 378,
                    "weekdays": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
                    "days_without_rows": 13,
                    "holidays": ["2022-01-26"],
                    "missing_rows": 212,
                    "missing_after": ["2022-01-05T04:01:00Z"],
                    "rows_outside": 61,
                    "known_until": None,
                }
            ]
        }
    )

    source: str = Field(description="`learnt`, or the code of the exchange.")
    timezone: str = Field(description="The zone of `open`, `close` and the days.")
    open: str = Field(
        description="Local time at which the exchange opens; if learnt, of the first usual row."
    )
    close: str = Field(description="Local time of its close; if learnt, of the last usual row.")
    pre_open_bars: list[str] = Field(
        description="Single rows before the regular ones, such as an opening auction."
    )
    bars: int = Field(description="Rows in a usual session.")
    weekdays: list[str]
    days_without_rows: int = Field(
        description="Sessions of the exchange, or usual days if learnt, within the series' span "
        "without any row."
    )
    holidays: list[date] = Field(
        description=f"The last {LISTED_SESSIONS} closed weekdays of the exchange in the series' "
        "span; if learnt, the last usual weekdays without a row."
    )
    missing_rows: int = Field(description="Missing rows on days that have some rows.")
    missing_after: list[datetime] = Field(
        description=f"The first {LISTED_SESSIONS} times of rows before missing rows."
    )
    rows_outside: int = Field(description="Rows at times outside the usual sessions.")
    known_until: date | None = Field(
        description="The last day for which the exchange's sessions are known; forecasts beyond "
        "it assume usual weeks. null if learnt."
    )


class CadenceEvidenceRead(BaseModel):
    """The step of the rows, and the share of steps that agree with it."""

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
    clock_change: bool = Field(description="Whether the gap is at a clock change.")


class GapsDetail(BaseModel):
    """The number of gaps, and the longest ones; nights, week-ends and holidays count as well.

    If the series' calendar is that of an exchange, only rows missing in its sessions count.
    """

    count: int
    longest: str | None
    longest_seconds: float
    clock_changes: int = Field(description="The number of gaps at clock changes.")
    items: list[GapRead]


class ChannelQuality(BaseModel):
    """A channel's values; `longest_flat_run` is the longest run of equal values."""

    name: str
    missing: int
    constant: bool
    minimum: float | None
    maximum: float | None
    longest_flat_run: int


class StoredExample(BaseModel):
    """An example of a finding: a stored value, a stored row, or a line of an upload."""

    time: str | None = None
    channel: str | None = None
    value: float | None = None
    text: str | None = None
    upload: int | None = None
    line: int | None = None


class FindingRead(BaseModel):
    """A quality finding about the series."""

    code: str = Field(description=f"{EXPLAINED}.")
    message: str
    count: int
    examples: list[StoredExample]
    action: str = Field(description="What the service did about it.")
    suggestion: dict[str, Any] | None = Field(
        description="Settings that would resolve it, as the body of `PATCH /v1/series/{name}`; "
        "other settings stay."
    )


class QualityRead(BaseModel):
    """The quality of a stored series."""

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
