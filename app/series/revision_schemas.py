"""Requests and answers about the past of a series."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.pagination import MAX_LIMIT
from app.series.observation_schemas import LARGEST_REVISION, CausedForecast, Moment
from app.series.writing import Source


class RevisionRead(BaseModel):
    """One write to a series."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "revision": 3,
                    "source": "delete",
                    "upload_id": None,
                    "rows_stored": 0,
                    "rows_updated": 0,
                    "rows_deleted": 144,
                    "first_changed": "2010-05-01T00:00:00Z",
                    "created_at": "2026-01-31T12:00:00Z",
                }
            ]
        },
    )

    revision: int
    source: Source = Field(
        description="`settings`: numbers that became missing by a change of a channel."
    )
    upload_id: int | None
    rows_stored: int
    rows_updated: int
    rows_deleted: int
    first_changed: datetime = Field(
        validation_alias="min_time",
        description="From this time on the series is another than before; where "
        "rows were deleted at its end, from right behind the last one that is left.",
    )
    created_at: datetime


class CorrectionRead(BaseModel):
    """A stored value that a later write replaced or deleted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "time": "2009-01-01T00:10:00Z",
                    "channel": "T (degC)",
                    "old": -8.02,
                    "new": -8.2,
                    "deleted": False,
                    "revision": 2,
                    "source": "upload",
                    "upload": 7,
                    "corrected_at": "2026-01-31T12:00:00Z",
                }
            ]
        }
    )

    time: datetime
    channel: str
    old: float | None = Field(description="The value before; null is missing.")
    new: float | None = Field(description="The value of this revision; null is missing.")
    deleted: bool = Field(description="Whether the row was taken away.")
    revision: int = Field(description="The revision that replaced the value.")
    source: Source
    upload: int | None = Field(description="The upload that brought the new value, if one did.")
    corrected_at: datetime


class CorrectionsQuery(BaseModel):
    """Which corrections are wanted."""

    model_config = ConfigDict(extra="forbid")

    start: Moment | None = Field(None, description="First time, included.")
    end: Moment | None = Field(None, description="Last time, included.")
    channels: list[str] = Field(
        default_factory=list,
        description="Channels, in one parameter with commas or in several; all if left out.",
    )
    limit: int = Field(100, ge=1, le=MAX_LIMIT, description="Items on a page.")
    cursor: str | None = Field(None, description="`next` of the page before.")


class RestoreRequest(BaseModel):
    """Which revision is to come back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"revision": 3}]})

    revision: int | None = Field(
        None,
        ge=0,
        le=LARGEST_REVISION,
        description="A past revision, 0 for the empty series; the one before the last if left out.",
    )


class Restored(BaseModel):
    """What changed on the way back, and the forecasts that it caused."""

    rows_stored: int = Field(description="Rows that came back.")
    rows_updated: int = Field(description="Rows that got their values of then.")
    rows_deleted: int = Field(description="Rows that were not there then.")
    revision: int = Field(description="The new revision; the present one if nothing differed.")
    forecasts: list[CausedForecast]
