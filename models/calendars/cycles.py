"""Calendar cycles: the position of a time in its local day, week and year."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from models.arrays import Times, Values
from models.calendars.cadence import DAY, ORIGIN
from models.calendars.timezones import to_local

Cycle = Literal["day", "week", "year"]


def cycle_positions(times: Times, zone: str, cycles: Sequence[Cycle]) -> Values:
    """The position of each time in its local day, week and year.

    Args:
        times: `(rows,)`, UTC.
        zone: IANA name of the time zone in which days begin.
        cycles: The cycles to compute.

    Returns:
        `(rows, cycles)` of float64, from 0 (the beginning) to below 1.
    """
    local = to_local(times, zone)
    return np.stack([_POSITIONS[cycle](local) for cycle in cycles], axis=1)


def _in_day(local: Times) -> Values:
    position: Values = (local - local.astype("datetime64[D]")) / DAY
    return position


def _in_week(local: Times) -> Values:
    position: Values = (local - ORIGIN) / (7 * DAY) % 1
    return position


def _in_year(local: Times) -> Values:
    years = local.astype("datetime64[Y]")
    first = years.astype("datetime64[us]")
    length = (years + np.timedelta64(1, "Y")).astype("datetime64[us]") - first
    position: Values = (local - first) / length
    return position


_POSITIONS: dict[Cycle, Callable[[Times], Values]] = {
    "day": _in_day,
    "week": _in_week,
    "year": _in_year,
}
