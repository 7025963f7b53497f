"""Options of reading a file, for what the file alone does not prove."""

from dataclasses import dataclass, field
from typing import Any, Literal

from models.series import SeriesKind

Decimal = Literal[".", ","]

MOST_NAME_LENGTH = 200


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
        timezone: IANA name in which times without an offset are read.
        header: Whether the first line holds names.
        columns: Columns to keep, each as `name` or `name in the file=channel`; without a header
            the names of all columns in order, where an empty name skips its column.
        split: The column, by name or number from 1, that names the series of each row.
        kind: What the rows are; None detects it from the column names.
        missing: Numbers that mean a missing value, by channel.
        known: All settings of the channels that exist already, by name.
    """

    delimiter: str | None = None
    decimal: Decimal | None = None
    timestamp: tuple[str, ...] = ()
    timestamp_format: str | None = None
    timezone: str = "UTC"
    header: bool | None = None
    columns: tuple[str, ...] = ()
    split: str | None = None
    kind: SeriesKind | None = None
    missing: dict[str, list[float]] = field(default_factory=dict)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
