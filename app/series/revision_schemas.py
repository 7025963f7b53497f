"""Requests and responses about revisions and corrections of a series."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.pagination import MAX_LIMIT
from app.series.observation_schemas import LARGEST_REVISION, CausedForecast
from app.series.tables import RevisionSource
from app.times import Moment


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
    source: RevisionSource = Field(
        description="`settings`: a channel's missing-value numbers changed."
    )
    upload_id: int | None
    rows_stored: int
    rows_updated: int
    rows_deleted: int
    first_changed: datetime = Field(
        validation_alias="min_time",
        description="The first time at which the series changed; if rows were deleted at its "
        "end, right after the last remaining row.",
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
    old: float | None = Field(description="The value before; null if missing.")
    new: float | None = Field(description="The value of this revision; null if missing.")
    deleted: bool = Field(description="Whether the row was deleted.")
    revision: int = Field(description="The revision that replaced the value.")
    source: RevisionSource
    upload: int | None = Field(
        description="The upload that brought the new value, if it was an upload."
    )
    corrected_at: datetime


class CorrectionsQuery(BaseModel):
    """Which corrections to list."""

    model_config = ConfigDict(extra="forbid")

    start: Moment | None = Field(None, description="First time, included.")
    end: Moment | None = Field(None, description="Last time, included.")
    channels: list[str] = Field(
        default_factory=list,
        description="Channels, separated by commas or as repeated parameters; all if left out.",
    )
    limit: int = Field(100, ge=1, le=MAX_LIMIT, description="Items on a page.")
    cursor: str | None = Field(None, description="`next` of the previous page.")


class RestoreRequest(BaseModel):
    """Which revision to restore."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"revision": 3}]})

    revision: int | None = Field(
        None,
        ge=0,
        le=LARGEST_REVISION,
        description="A past revision, 0 for the empty series; the one before the last if left out.",
    )


class Restored(BaseModel):
    """What the restoration changed, and the forecasts that it caused."""

    rows_stored: int = Field(description="Rows that were inserted again.")
    rows_updated: int = Field(description="Rows that got the values of that revision.")
    rows_deleted: int = Field(description="Rows that were deleted: the revision did not have them.")
    revision: int = Field(description="The new revision; the present one if nothing changed.")
    forecasts: list[CausedForecast]
