"""Options of reading a file, for what the file alone does not prove."""

from dataclasses import dataclass, field
from typing import Any, Literal

from app.quality.missing_marks import MissingMarks
from models.series import SeriesKind

FileFormat = Literal["csv", "json", "parquet", "arrow", "xlsx", "ods", "tsf", "ts", "line protocol"]
Decimal = Literal[".", ","]
DuplicateRule = Literal["last", "first", "mean", "sum", "ohlc", "refuse"]

MOST_NAME_LENGTH = 200
# Series that one file may be split into.
MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Overrides of what is otherwise detected in the file.

    Args:
        delimiter: One character, or `"whitespace"` for runs of blanks.
        decimal: The decimal separator.
        timestamp: Names of the columns that hold the time, in the order in which they are joined.
        timestamp_format: A strptime format, `"dayfirst"`, `"monthfirst"`, `"yearfirst"`, or
            `"epoch_s"`, `"epoch_ms"`, `"epoch_us"`, `"epoch_ns"`, `"excel"`,
            `"decimal_year"`, `"decimal_month"` or `"decimal_day"`.
        timezone: IANA name in which times without an offset are read; None if the sender does not
            say it.
        series_timezone: The zone of the series: that of such times if neither the sender nor the
            file names one.
        series_cadence: The series' cadence, for the step of files that are too short to show it.
        times: Whether each time begins or ends its interval; None leaves the times as they are.
        period: The length of the periods that the last column of `timestamp` counts from the
            beginning of each local day, such as `30min`.
        header: Whether the first line holds names.
        columns: Columns to keep, each as `name` or `name in the file=channel`; without a header
            the names of all columns in order, where an empty name skips its column.
        split: The columns, by name or number from 1 with commas between, that name the series of
            each row.
        pivot: The column, by name or number from 1, whose values name the channel of each row.
        value: The column of the values of such a table, or of the prices of `duplicates="ohlc"`.
        duplicates: What stands for several rows of one time; None keeps the last one while few
            rows conflict.
        every: The step, such as `1min`, into which rows are put together by `duplicates`.
        sheet: The table of a file that holds several, by name or number from 1.
        start: The time of the first row of a file without times.
        cadence: The step between the rows of a file without times.
        wide: Whether the table has a column for each time; None detects it.
        kind: What the rows are; None detects it from the column names.
        missing: Numbers and texts that mean a missing value, by channel.
        known: All settings of the channels that exist already, by name.
    """

    delimiter: str | None = None
    decimal: Decimal | None = None
    timestamp: tuple[str, ...] = ()
    timestamp_format: str | None = None
    timezone: str | None = None
    series_timezone: str = "UTC"
    series_cadence: str | None = None
    times: Literal["start", "end"] | None = None
    period: str | None = None
    header: bool | None = None
    columns: tuple[str, ...] = ()
    split: str | None = None
    pivot: str | None = None
    value: str | None = None
    duplicates: DuplicateRule | None = None
    every: str | None = None
    sheet: str | None = None
    start: str | None = None
    cadence: str | None = None
    wide: bool | None = None
    kind: SeriesKind | None = None
    missing: MissingMarks = field(default_factory=dict)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def zone(self) -> str:
        """The zone of times of which the file says nothing."""
        return self.timezone or self.series_timezone
