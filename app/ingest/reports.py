"""The report of an upload: rows read, stored and quarantined, and how the file was understood."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.parsing.finding_codes import EXPLAINED
from app.parsing.options import FileFormat
from app.series.observation_schemas import CausedForecast


class GapsRead(BaseModel):
    """Steps longer than the usual one; nights, week-ends and holidays count as well.

    If the series has the calendar of an exchange, only rows missing in its sessions count.
    """

    count: int
    longest: str | None
    longest_seconds: float


class ExampleRead(BaseModel):
    """A line of the file, numbered from 1."""

    line: int
    text: str


class IssueRead(BaseModel):
    """A finding about the data, as an upload or the quality of a series reports it."""

    code: str = Field(description=f"{EXPLAINED}.")
    message: str
    count: int
    examples: list[ExampleRead]
    # Reports of earlier releases have neither.
    action: str = Field("", description="What the service did about it.")
    suggestion: dict[str, Any] | None = Field(
        None,
        description="Settings that would resolve it, as the body of `PATCH /v1/series/{name}`; "
        "only the settings named there change.",
    )


class DialectRead(BaseModel):
    """How the file is written, in terms of the query parameters."""

    format: FileFormat = "csv"
    encoding: str | None
    compression: Literal["gzip", "zip"] | None
    delimiter: str | None
    decimal: str
    header_lines: int
    timestamp: list[str]
    timestamp_format: list[str]
    timezone: str
    columns: dict[str, str]
    # Reports of earlier releases do not have these.
    sheet: str | None = Field(None, description="The sheet of a workbook that was read.")
    fields: list[str] = Field(
        default_factory=list,
        description="The names of all columns; columns of channels have the channel's name.",
    )
    missing: dict[str, list[float | str]] = Field(
        default_factory=dict,
        description="Numbers and texts that were stored as missing, by channel.",
    )


class SplitRead(BaseModel):
    """Which part of a split file this is: the column, its value, and the number of parts."""

    column: str = Field(description="The columns of the split, with commas between.")
    value: str
    of: int
    values: dict[str, str] = Field(
        default_factory=dict, description="The value in each column of the split."
    )


class UploadReport(BaseModel):
    """The report of one upload."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "sha256": "d1b6f2a1c3e58c1a6a9d3a8b0b6c1f5d8d9b3f4c2a7e6d5c4b3a291807f6e5d4",
                    "rows_read": 106727,
                    "rows_stored": 106583,
                    "rows_updated": 0,
                    "rows_unchanged": 0,
                    "rows_duplicate": 144,
                    "rows_quarantined": 0,
                    "first": "2009-01-01T00:10:00Z",
                    "last": "2011-01-11T04:10:00Z",
                    "cadence": "10min",
                    "gaps": {"count": 1, "longest": "00:30:00", "longest_seconds": 1800},
                    "dialect": {
                        "format": "csv",
                        "encoding": "utf-8",
                        "compression": "gzip",
                        "delimiter": ",",
                        "decimal": ".",
                        "header_lines": 1,
                        "timestamp": ["Date Time"],
                        "timestamp_format": ["%d.%m.%Y %H:%M:%S"],
                        "timezone": "UTC",
                        "columns": {"T (degC)": "T (degC)"},
                    },
                    "issues": [
                        {
                            "code": "duplicate_rows",
                            "message": "144 rows repeat another row of the same time and were "
                            "dropped.",
                            "count": 144,
                            "examples": [{"line": 78624, "text": "01.07.2010 00:10:00,992.06"}],
                            "action": "stored once",
                            "suggestion": None,
                        },
                        {
                            "code": "unit_hint",
                            "message": "Names contain units: T (degC) (degC).",
                            "count": 1,
                            "examples": [],
                            "action": "kept as it is; `suggestion` can be sent as the body of "
                            "PATCH /v1/series/{name}",
                            "suggestion": {"channels": [{"name": "T (degC)", "unit": "degC"}]},
                        },
                    ],
                    "revision": 1,
                    "forecasts": [],
                }
            ]
        }
    )

    id: int
    sha256: str
    rows_read: int
    rows_stored: int
    rows_updated: int
    rows_unchanged: int
    rows_duplicate: int
    rows_quarantined: int
    first: datetime
    last: datetime
    cadence: str | None
    gaps: GapsRead
    dialect: DialectRead
    issues: list[IssueRead]
    revision: int
    # Reports of earlier releases do not have it.
    forecasts: list[CausedForecast] = Field(
        default_factory=list,
        description="The forecasts that the upload caused, one for each deployed version. The "
        "same bytes again cause none: the answer is the first report.",
    )
    series: str | None = Field(None, description="The series; null in reports of earlier releases.")
    split: SplitRead | None = Field(
        None, description="Which part of a split file this is; null for a whole file."
    )


class PartRead(BaseModel):
    """One of many series of a split file: `GET /v1/series/{series}/uploads/{id}` has its report."""

    series: str
    id: int
    rows_stored: int
    rows_quarantined: int


class SplitReport(BaseModel):
    """The reports of a split file and their sums; lines without a series are in the first one."""

    # Reports of earlier releases have no sums.
    series: int = Field(0, description="The number of series.")
    rows_read: int = 0
    rows_stored: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_duplicate: int = 0
    rows_quarantined: int = 0
    first: datetime | None = None
    last: datetime | None = None
    cadence: str | None = Field(None, description="The step, if it is the same in all series.")
    items: list[UploadReport] | list[PartRead] = Field(
        description="The reports by name; of more than 200 series the first 1,000, in short."
    )
    next: str | None = Field(
        None, description="The address of the list of all reports, if `items` does not hold them."
    )
