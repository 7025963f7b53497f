"""The series a forecaster learns from: times, channels and values in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

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
        calendar: `"continuous"` (holes are missing rows), `"sessions"` (holes are nights,
            week-ends and holidays: no rows are missing) or the code of an exchange.
        timezone: IANA name in which days and sessions are counted.
        hours: The sessions of the exchange, if `calendar` is a code.

    Raises:
        DataError: If shapes disagree or times do not increase.
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
    def channel_names(self) -> tuple[str, ...]:
        """The channels' names in column order."""
        return tuple(channel.name for channel in self.channels)


def as_panel(data: SeriesData | Sequence[SeriesData]) -> tuple[SeriesData, ...]:
    """One series, or several, as a panel.

    Raises:
        DataError: If there is no series.
    """
    panel = (data,) if isinstance(data, SeriesData) else tuple(data)
    if not panel:
        raise DataError("A panel must have at least 1 series. Received: 0")
    return panel


def iso(time: np.datetime64) -> str:
    """A UTC moment as ISO 8601 with `Z`."""
    return f"{np.datetime_as_string(time.astype('datetime64[us]')).removesuffix('.000000')}Z"
