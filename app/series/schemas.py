"""Requests and responses about series and uploads."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
)

from app.calendars.codes import calendar_name
from app.parsing.options import MOST_NAME_LENGTH
from app.series.tables import Series
from models.calendars.cadence import Cadence
from models.calendars.timezones import find_zone
from models.errors import DataError
from models.series import SeriesKind

SeriesName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="Letters, digits, `.`, `_` and `-`; at most 100 characters.",
        examples=["jena"],
    ),
]


def _known_timezone(name: str) -> str:
    try:
        find_zone(name)
    except DataError as error:
        raise ValueError(str(error)) from error
    return name


def _cadence_text(text: str) -> str:
    try:
        return Cadence.parse(text).text
    except DataError as error:
        raise ValueError(str(error)) from error


def _calendar_name(text: str) -> str:
    try:
        return calendar_name(text)
    except DataError as error:
        raise ValueError(str(error)) from error


Calendar = Annotated[
    str,
    AfterValidator(_calendar_name),
    Field(
        description="When rows are expected. `continuous`: at every step. `sessions`: in the hours "
        "and on the weekdays that are learnt from the rows. Or the code of an exchange, such as "
        "`XNYS`, `XNSE` or `XTKS`: its hours, holidays, half days and breaks, from "
        "exchange_calendars. Beyond its published calendar, sessions are those of a usual week.",
        examples=["sessions"],
    ),
]

TimezoneName = Annotated[
    str,
    AfterValidator(_known_timezone),
    Field(description="IANA name: the zone of times without an offset, and of days."),
]
CadenceText = Annotated[
    str,
    AfterValidator(_cadence_text),
    Field(description="The step between rows, such as `10min`, `1h`, `1D`, `B` or `MS`."),
]


class ChannelSettings(BaseModel):
    """A channel: its unit, the numbers that mean a missing value, and whether it is an angle."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=MOST_NAME_LENGTH)
    unit: str | None = Field(None, max_length=50)
    missing: list[FiniteFloat] = Field(
        default_factory=list, description="Numbers that mean missing, such as -9999."
    )
    angular: bool = Field(False, description="A direction in degrees: 359 is next to 1.")


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
                    "channels": [{"name": "wv (m/s)", "unit": "m/s", "missing": [-9999]}],
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
        "uploads. It can change only while the series is empty: stored times were read in the "
        "old zone.",
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
        "from it come back where such a change had made them missing.",
    )


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
    revision: int
    rows: int
    first: datetime | None
    last: datetime | None
    created_at: datetime

    @classmethod
    def from_row(cls, series: Series) -> "SeriesRead":
        """The response for a stored series."""
        names = ("name", "kind", "description", "channels", "cadence", "timezone", "calendar")
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
    timezone: TimezoneName | None = Field(None, description="Zone of times without an offset.")
    header: bool | None = Field(None, description="Whether the first line holds column names.")
    split: str | None = Field(
        None,
        max_length=MOST_NAME_LENGTH,
        description="Column, by name or by number from 1, whose values separate several series, "
        "such as a symbol. The rows of each value are stored in a series `{name}-{value}`, which "
        "is created if it does not exist; characters that are not allowed in names become `-`. "
        "The response is a list of reports; all series are stored in one transaction.",
        examples=["Symbol"],
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
