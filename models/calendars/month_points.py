"""Days in months: the first, the last or any other, including months too short for that day."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.arrays import Times

Months = npt.NDArray[np.int64]
MonthUnit = Literal["MS", "ME", "BMS", "BME"]

_DAY = np.timedelta64(1, "D")


def starts(months: Months) -> Times:
    """The first days of months; months are counted from January 1970."""
    return months.astype("datetime64[M]").astype("datetime64[us]")


def ends(months: Months) -> Times:
    """The last days of months."""
    return starts(months + 1) - _DAY


def business_starts(months: Months) -> Times:
    """The first days from Monday to Friday in months."""
    return _business_day(starts(months), "forward")


def business_ends(months: Months) -> Times:
    """The last days from Monday to Friday in months."""
    return _business_day(ends(months), "backward")


POINTS: dict[str, Callable[[Months], Times]] = {
    "MS": starts,
    "ME": ends,
    "BMS": business_starts,
    "BME": business_ends,
}


def month_numbers(times: Times) -> Months:
    """The month of each time, counted from January 1970."""
    return times.astype("datetime64[M]").astype(np.int64)


def after_points(unit: str, months: Months, offset: np.timedelta64) -> Times:
    """The points of months plus an offset; with `"MS"`, at most the last day of each month.

    So a series on each 30th has its February row on the 28th or 29th.
    """
    points = POINTS[unit](months) + offset
    if unit != "MS":
        return points
    time_of_day = points - points.astype("datetime64[D]")
    last: Times = np.minimum(points, ends(months) + time_of_day)
    return last


def _business_day(days: Times, roll: Literal["forward", "backward"]) -> Times:
    found = np.busday_offset(days.astype("datetime64[D]"), 0, roll=roll)
    return np.asarray(found).astype("datetime64[us]")
