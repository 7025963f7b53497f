"""A series in memory: times, channels and values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.arrays import Times, Values
from models.calendars.exchange_hours import Hours
from models.errors import DataError

SeriesKind = Literal["ohlc", "climate", "generic"]


@dataclass(frozen=True, slots=True)
class Channel:
    """One named column of a series.

    `angular` marks a direction in degrees: 359 and 1 are two degrees apart.
    """

    name: str
    unit: str | None = None
    angular: bool = False


@dataclass(frozen=True, slots=True)
class SeriesData:
    """A whole series in memory.

    Args:
        name: The series' name, for messages.
        kind: What the rows are: market bars, climate sensors or anything else.
        channels: One entry per column of `values`.
        times: `(rows,)` of `datetime64[us]`, UTC, strictly increasing.
        values: `(rows, channels)` of float64; NaN is a missing value.
        cadence: The usual step between rows, such as `"10min"` or `"MS"`.
        calendar: `"continuous"` (gaps are missing rows), `"sessions"` (gaps are nights,
            week-ends and holidays, so rows are not missing) or an exchange's code.
        timezone: IANA name of the time zone in which days and sessions are counted.
        hours: The exchange's sessions, if `calendar` is a code.

    Raises:
        DataError: If shapes disagree or times do not increase.

    Example:
        >>> import numpy as np
        >>> data = SeriesData(
        ...     name="boiler",
        ...     kind="climate",
        ...     channels=(Channel("temperature", "degC"), Channel("wind", "deg", angular=True)),
        ...     times=np.array(["2024-01-01T00:00", "2024-01-01T00:10"], "datetime64[us]"),
        ...     values=np.array([[20.5, 350.0], [np.nan, 10.0]]),
        ...     cadence="10min",
        ...     calendar="continuous",
        ...     timezone="Europe/Berlin",
        ... )
        >>> data.channel_names, data.values.shape
        (('temperature', 'wind'), (2, 2))
        >>> SeriesData("x", "generic", (), data.times[::-1], data.values[:, :0], "1h", "", "UTC")
        Traceback (most recent call last):
        models.errors.DataError: `times` must increase strictly.
    """

    name: str
    kind: SeriesKind
    channels: tuple[Channel, ...]
    times: Times
    values: Values
    cadence: str
    calendar: str
    timezone: str
    hours: Hours | None = None

    def __post_init__(self) -> None:
        expected = (len(self.times), len(self.channels))
        if self.values.shape != expected:
            raise DataError(
                f"`values` must have the shape (rows, channels) = {expected}. "
                f"Received: {self.values.shape}"
            )
        if len(self.times) > 1 and not (np.diff(self.times) > np.timedelta64(0)).all():
            raise DataError("`times` must increase strictly.")

    @property
    def has_value(self) -> npt.NDArray[np.bool_]:
        """Whether a channel has a finite value, `(rows,)`."""
        return np.asarray(np.isfinite(self.values).any(axis=1))

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The channels' names in column order."""
        return tuple(channel.name for channel in self.channels)


def as_panel(data: SeriesData | Sequence[SeriesData]) -> tuple[SeriesData, ...]:
    """One series, or several, as a panel.

    Raises:
        DataError: If `data` is empty.
    """
    panel = (data,) if isinstance(data, SeriesData) else tuple(data)
    if not panel:
        raise DataError("A panel must have at least 1 series. Received: 0")
    return panel


def iso(time: np.datetime64) -> str:
    """A UTC time in ISO 8601 with `Z`, such as `2024-01-01T00:00:00Z`."""
    return f"{np.datetime_as_string(time.astype('datetime64[us]')).removesuffix('.000000')}Z"
