"""Requests and responses about observations."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.series.fields.types import CadenceText
from app.series.schemas import SeriesRead
from app.times import Moment

MOST_ROWS = 100_000
# Issues of one write that the response lists.
MOST_ISSUES = 1000
LARGEST_REVISION = 2**31 - 1

Form = Literal["json", "csv", "arrow", "parquet"]
Aggregation = Literal["mean", "min", "max", "sum", "first", "last", "count", "ohlc"]


class ObservationsWrite(BaseModel):
    """Rows to insert or to replace."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "columns": ["time", "T (degC)", "wv (m/s)"],
                    "rows": [
                        ["2011-01-11T04:20:00Z", -8.1, 1.2],
                        ["2011-01-11T04:30:00Z", -8.3, None],
                    ],
                }
            ]
        },
    )

    columns: list[str] = Field(
        description='"time" and names of channels, in the order of the fields of a row.'
    )
    # Fields are checked where they are read, to return a pointer to each invalid one.
    rows: list[list[Any]] = Field(
        min_length=1, description="A time in ISO 8601 with an offset, and numbers or null, per row."
    )


class CausedForecast(BaseModel):
    """The forecast of one deployed version, stored together with the observations."""

    id: str | None = Field(description="Read it at `/v1/forecasts/{id}`; null with an `error`.")
    model: str
    version: int
    series: str
    origin: datetime | None = Field(
        description="The last step that the forecast was computed from."
    )
    aliases: list[str] = Field(description="The aliases that point to the version.")
    error: str | None = Field(
        description="Why the version could not forecast; the observations are stored in any case."
    )


class LiveIssue(BaseModel):
    """What is implausible about a new row: the value of a channel, or the time itself."""

    code: str = Field(
        description="`outside_limits`, `unexpected_value`, `off_grid`, `finer_than_cadence` or "
        "`calendar_closed`."
    )
    message: str
    time: datetime
    channel: str | None = Field(description="Null if the issue is the time of the row.")
    value: float | None


class ObservationsWritten(BaseModel):
    """What a write changed, and the forecasts that it caused.

    A write that changes nothing causes none.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rows_stored": 1,
                    "rows_updated": 0,
                    "revision": 2,
                    "forecasts": [
                        {
                            "id": "4f2d1c0b9a884e3f8d7c6b5a49382716",
                            "model": "co2-weekly",
                            "version": 1,
                            "series": "co2",
                            "origin": "2002-01-05T00:00:00Z",
                            "aliases": ["champion"],
                            "error": None,
                        }
                    ],
                    "issues": [],
                    "rows_with_issues": 0,
                    "rows_held": 0,
                }
            ]
        }
    )

    rows_stored: int
    rows_updated: int
    revision: int
    forecasts: list[CausedForecast]
    issues: list[LiveIssue] = Field(
        default_factory=list,
        description=f"What is implausible about the rows, in the order of time; the first "
        f"{MOST_ISSUES}.",
    )
    rows_with_issues: int = 0
    rows_held: int = Field(
        0,
        description="Rows that were not stored because of their issues and wait in "
        '`GET /v1/series/{name}/quarantine`: those of a series with `"implausible": "hold"`.',
    )


class RangeQuery(BaseModel):
    """A range of times; both ends are required, so that a missing one cannot delete more rows."""

    model_config = ConfigDict(extra="forbid")

    start: Moment = Field(description="First time, included; in UTC if it has no offset.")
    end: Moment = Field(description="Last time, included.")


class ObservationsDeleted(BaseModel):
    """How many rows were deleted, and the forecasts that the deletion caused."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"rows_deleted": 144, "revision": 3, "forecasts": []}]}
    )

    rows_deleted: int
    revision: int
    forecasts: list[CausedForecast]


class ObservationsRead(BaseModel):
    """Rows of a series; `next` is the `?cursor=` of the next page."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "columns": ["time", "T (degC)"],
                    "rows": [["2009-01-01T00:10:00Z", -8.02], ["2009-01-01T00:20:00Z", None]],
                    "revision": 1,
                    "next": None,
                }
            ]
        }
    )

    columns: list[str]
    rows: list[list[str | float | None]]
    revision: int
    next: str | None


class ObservationsQuery(BaseModel):
    """Which observations to read, and in which format."""

    model_config = ConfigDict(extra="forbid")

    start: Moment | None = Field(
        None, description="First time, included; in UTC if it has no offset."
    )
    end: Moment | None = Field(None, description="Last time, included.")
    channels: list[str] = Field(
        default_factory=list,
        description="Channels, separated by commas or as repeated parameters; all if left out.",
    )
    max_points: int | None = Field(
        None,
        ge=3,
        le=MOST_ROWS,
        description="Downsample to this number of rows for a chart; rows are chosen, not averaged.",
    )
    as_of_revision: int | None = Field(
        None,
        ge=0,
        le=LARGEST_REVISION,
        description="Read the series as it was at this revision.",
    )
    every: CadenceText | None = Field(
        None,
        description="Aggregate the rows in buckets of this step, such as `1h`, `1D` or `MS`. Days, "
        "weeks (from Monday) and months begin in the series' timezone.",
    )
    agg: list[str] = Field(
        default_factory=list,
        description="The aggregation of a bucket: `mean`, `min`, `max`, `sum`, `first`, `last`, "
        "`count` or `ohlc` (open first, high max, low min, close last, volume sum, others last); "
        "several, separated by commas, give columns such as `a_min`. By default `ohlc` for bars, "
        "else `mean` (circular for angular channels).",
    )
    format: Form | None = Field(
        None, description="Takes precedence over `Accept`; `json` if neither names a format."
    )
    limit: int = Field(10_000, ge=1, le=MOST_ROWS, description="Rows on a page of JSON.")
    cursor: str | None = Field(None, description="`next` of the previous page.")


class ReadHeaders(BaseModel):
    """Request headers of a read."""

    if_none_match: str | None = Field(None, description="The `ETag` of an earlier response.")
    accept: str = Field("", description="The media type of a `format`, such as `text/csv`.")


class SeriesUpdated(SeriesRead):
    """A series with its changed settings, and the changes of stored values."""

    rows_updated: int = Field(description="Stored rows that changed, recorded as one revision.")
    made_missing: dict[str, int] = Field(description="Values that became missing, by channel.")
    brought_back: dict[str, int] = Field(
        description="Values restored after an earlier change had made them missing, by channel."
    )
    forecasts: list[CausedForecast] = Field(
        description="The forecasts that the change caused, one for each deployed version."
    )
