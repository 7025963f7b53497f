"""Requests and responses about series and uploads."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from app.parsing.options import MOST_NAME_LENGTH, DuplicateRule
from app.series.fields.attributes import MOST_ATTRIBUTES, AttributeName, AttributeValue
from app.series.fields.limits import Implausible, Maximum, Minimum, require_order
from app.series.fields.missing_marks import MOST_MARKS, MissingMark
from app.series.fields.types import CadenceText, Calendar, SeriesName, TimezoneName
from app.series.tables import Series
from models.series import SeriesKind


class ChannelSettings(BaseModel):
    """A channel: its unit, what means a missing value, and whether it is an angle."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=MOST_NAME_LENGTH)
    unit: str | None = Field(None, max_length=50)
    missing: list[MissingMark] = Field(
        default_factory=list,
        max_length=MOST_MARKS,
        description="Numbers and texts that mean missing, such as -9999 or `T`. A text is compared "
        "with the whole field, without blanks around it; a text that is a number means the number.",
    )
    angular: bool = Field(False, description="A direction in degrees: 359 is next to 1.")
    minimum: Minimum = None
    maximum: Maximum = None

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        require_order(self.minimum, self.maximum)
        return self


class SeriesCreate(BaseModel):
    """A new, empty series; settings that are left out are learnt from the first upload."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "nifty", "kind": "ohlc", "timezone": "Asia/Kolkata"},
                {
                    "name": "jena",
                    "kind": "climate",
                    "channels": [{"name": "wv (m/s)", "unit": "m/s", "missing": [-9999, "T"]}],
                },
            ]
        },
    )

    name: SeriesName
    kind: SeriesKind = "generic"
    timezone: TimezoneName = "UTC"
    cadence: CadenceText | None = None
    calendar: Calendar | None = None
    channels: list[ChannelSettings] = Field(default_factory=list)
    description: str = Field("", max_length=10_000)
    attributes: dict[AttributeName, AttributeValue] = Field(
        default_factory=dict,
        max_length=MOST_ATTRIBUTES,
        description="Facts that do not change with time, such as a category or a capacity.",
        examples=[{"region": "north", "capacity": 12.5}],
    )
    implausible: Implausible = "keep"


class SeriesUpdate(BaseModel):
    """Changed settings; settings that are left out stay."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"channels": [{"name": "wd (deg)", "unit": "deg", "angular": True}]}]
        },
    )

    description: str | None = Field(None, max_length=10_000)
    timezone: TimezoneName | None = Field(
        None,
        description="The zone of days and sessions, and of times without an offset in later "
        "uploads. Stored rows keep their instants; cadence and calendar are judged again in the "
        "new zone, unless they were given.",
    )
    cadence: CadenceText | None = Field(None, description="null: learn it from the rows again.")
    calendar: Calendar | None = Field(
        None,
        description="`continuous`, `sessions` or the code of an exchange; null: learn it from the "
        "rows again. Stored times do not change. Trained versions keep the calendar that they were "
        "trained with; the next version uses the new one.",
    )
    channels: list[ChannelSettings] | None = Field(
        None,
        description="Settings of the named channels; other channels and settings stay. Numbers "
        "that are added to `missing` become missing in stored rows too; numbers that are removed "
        "from it come back where such a change had made them missing. Texts apply to later "
        "uploads and appends, and to the same file when it is sent again.",
    )
    attributes: dict[AttributeName, AttributeValue | None] | None = Field(
        None,
        max_length=MOST_ATTRIBUTES,
        description="Facts that do not change with time. Named ones are set, null deletes one, "
        "and others stay.",
    )
    implausible: Implausible | None = None


class SeriesRead(BaseModel):
    """A series: its settings, and the extent of its rows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "nifty",
                    "kind": "ohlc",
                    "description": "",
                    "channels": [{"name": "close", "unit": None, "missing": [], "angular": False}],
                    "cadence": "1min",
                    "timezone": "Asia/Kolkata",
                    "calendar": "sessions",
                    "attributes": {"sector": "index"},
                    "implausible": "keep",
                    "revision": 1,
                    "rows": 93370,
                    "first": "2022-01-03T03:38:00Z",
                    "last": "2022-12-30T10:02:00Z",
                    "created_at": "2026-01-01T00:00:00Z",
                }
            ]
        }
    )

    name: str
    kind: SeriesKind
    description: str
    channels: list[ChannelSettings]
    cadence: str | None
    timezone: str
    calendar: str
    attributes: dict[str, int | float | str] = Field(
        default_factory=dict, description="Facts that do not change with time."
    )
    implausible: Implausible = "keep"
    revision: int
    rows: int
    first: datetime | None
    last: datetime | None
    created_at: datetime

    @classmethod
    def from_row(cls, series: Series) -> "SeriesRead":
        """The response for a stored series."""
        settings = ("kind", "description", "channels", "cadence", "timezone", "calendar")
        names = ("name", *settings, "attributes", "implausible")
        stored: dict[str, Any] = {name: getattr(series, name) for name in names}
        return cls(
            **stored,
            revision=series.revision,
            rows=series.rows,
            first=series.first_time,
            last=series.last_time,
            created_at=series.created_at,
        )


class UploadQuery(BaseModel):
    """How to read a file; parameters that are left out are detected."""

    model_config = ConfigDict(extra="forbid")

    create: bool = Field(False, description="Create the series if it does not exist.")
    kind: SeriesKind | None = Field(
        None, description="Kind of a new series; detected from the columns if left out."
    )
    delimiter: str | None = Field(
        None, description="One character, or comma, semicolon, tab, pipe, whitespace."
    )
    decimal: Literal[".", ","] | None = Field(None, description="The decimal separator.")
    timestamp: str | None = Field(
        None, description="Column of the time, or several separated by commas: `Date,Time`."
    )
    timestamp_format: str | None = Field(
        None,
        description="`dayfirst`, `monthfirst`, `yearfirst`, `epoch_s`, `epoch_ms`, `epoch_us`, "
        "`epoch_ns`, `excel` (spreadsheet days), `decimal_year` (with months or days as "
        "fractions also `decimal_month`, `decimal_day`) or a strptime format; `%q` is a quarter, "
        "`%K` a half-year, `%G` and `%V` an ISO year and week.",
        examples=["%d/%m/%Y %H:%M"],
    )
    timezone: TimezoneName | None = Field(
        None,
        description="Zone of times without an offset. If left out, the zone that the file names "
        "(in a column beside the time, behind the times, or in the column's name), else that of "
        "the series.",
    )
    times: Literal["start", "end"] | None = Field(
        None,
        description="Whether each time begins or ends its interval. Ends go back by one step of "
        "the file, in local time: `24:00` of a day of hours is its last hour.",
    )
    period: str | None = Field(
        None,
        max_length=20,
        description="Length of the periods that the last column of `timestamp=date,counter` "
        "counts from the beginning of each local day, from 1: 48 half hours, and 46 or 50 on days "
        "on which the clocks of `timezone` change.",
        examples=["30min"],
    )
    header: bool | None = Field(None, description="Whether the first line holds column names.")
    split: str | None = Field(
        None,
        max_length=10 * MOST_NAME_LENGTH,
        description="Columns with commas between, each by its name or its number from 1, that say "
        "which row is of which series, such as `Symbol` or `store,item`. Each combination of "
        "values becomes a series of its own, created if there is none, named `{name}-{values}` "
        "with `-` for characters that names do not have, and with a hash where that is too long "
        "or not unique. Columns with one value for each series become its attributes. The answer "
        "is a list of reports, all stored in one transaction; many series are stored as a job.",
        examples=["Symbol"],
    )
    pivot: str | None = Field(
        None,
        max_length=MOST_NAME_LENGTH,
        description="Column of a tidy table whose values name the channel of each row, by its name "
        "or its number from 1; `value` names the column of the values.",
        examples=["variable"],
    )
    value: str | None = Field(
        None,
        max_length=MOST_NAME_LENGTH,
        description="Column of the values of a tidy table (`pivot`), or of the prices that "
        "`duplicates=ohlc` makes bars of; it can be left out where there is only one.",
        examples=["value"],
    )
    duplicates: DuplicateRule | None = Field(
        None,
        description="What stands for several rows of one time: for each channel the `last` or "
        "`first` value in the file, their `mean` or `sum`; `ohlc` makes bars (`every`); `refuse` "
        "answers 422 if rows contradict each other. Left out: `last` while at most a tenth of the "
        "rows do, else 422. Rows that are equal never do.",
    )
    every: CadenceText | None = Field(
        None,
        description="Put the rows of each step together by `duplicates`, each at the beginning of "
        "its step: `every=1min&duplicates=ohlc` makes bars of trades: open, high, low and close of "
        "the price, sums of the other channels.",
        examples=["1min"],
    )
    sheet: str | None = Field(
        None,
        min_length=1,
        max_length=MOST_NAME_LENGTH,
        description="The sheet of a workbook, or the table of a JSON document, by its name or its "
        "number from 1. Left out: the only one that holds a table.",
        examples=["Prices"],
    )
    start: str | None = Field(
        None,
        max_length=MOST_NAME_LENGTH,
        description="The time of the first row of a file without times, with `cadence`; times "
        "without an offset are in `timezone`.",
        examples=["2024-01-01T00:00:00Z"],
    )
    cadence: str | None = Field(
        None,
        max_length=MOST_NAME_LENGTH,
        description="The step between the rows of a file without times, with `start`: a number "
        "and a unit, such as 10min, 1h, 1D, 7D, B, MS, QS or YS.",
        examples=["1h"],
    )
    wide: bool | None = Field(
        None,
        description="Whether the table has a column for each time, such as a column for each year, "
        "or for each time of the day beside a date. Its other columns say which series a row is "
        "of. Found in the file if left out.",
    )
    columns: list[str] = Field(
        default_factory=list,
        description="Columns to store, separated by commas, each as `name` or `name in the "
        "file=channel`. Without a header: a name for every column, empty for one to skip.",
    )

    def options(self) -> dict[str, Any]:
        """The given parameters that define how to read the file."""
        given: dict[str, Any] = self.model_dump(exclude_none=True, exclude={"create", "kind"})
        if self.timestamp is not None:
            given["timestamp"] = _split([self.timestamp])
        columns = _split(given.pop("columns"))
        return {**given, "columns": columns} if columns else given


class SeriesUploadQuery(UploadQuery):
    """How to read a file of a series that can have earlier uploads."""

    like: int | None = Field(
        None,
        ge=1,
        le=2**31 - 1,
        description="The number of an earlier upload of the series: read the file with the same "
        "parameters and the column names of `quarantine?format=rows`. For corrected rows.",
    )


def _split(texts: list[str]) -> tuple[str, ...]:
    """Names separated by commas, in one parameter or in several."""
    return tuple(name.strip() for text in texts for name in text.split(","))
