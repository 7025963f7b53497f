"""Local times of known moments, as the clocks of zones show them, for tests."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from app.parsing.reader import Table
from models.arrays import Times

MINUTE = np.timedelta64(1, "m")


def moments_from(start: str, count: int, minutes: int = 60) -> Times:
    """Moments in UTC, a number of minutes apart."""
    return np.datetime64(start, "us") + np.arange(count) * minutes * MINUTE


def on_clock(moments: Times, zone: str) -> Iterator[datetime]:
    """What the clock of a zone shows at each moment."""
    for moment in moments.astype("datetime64[s]").astype(int).tolist():
        yield datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone))


def counted_periods(moments: Times, zone: str) -> Iterator[tuple[str, int]]:
    """The local day of each moment, and the number of the moment within it."""
    counts: Counter[str] = Counter()
    for there in on_clock(moments, zone):
        day = f"{there:%Y-%m-%d}"
        counts[day] += 1
        yield day, counts[day]


def ends(moments: Times, zone: str, minutes: int) -> Iterator[str]:
    """The ends of intervals: the local time of each beginning and one step."""
    for there in on_clock(moments, zone):
        yield f"{there.replace(tzinfo=None) + timedelta(minutes=minutes):%Y-%m-%d %H:%M}"


def table_of(header: str, rows: Iterator[tuple[object, ...]], mark: str = ",") -> str:
    """Rows as a CSV file; each ends with its own number as the value."""
    lines = (mark.join(map(str, (*row, number))) for number, row in enumerate(rows))
    return "\n".join([header.replace(",", mark), *lines]) + "\n"


def check_moments(table: Table, moments: Times) -> None:
    """Every row is stored at its own moment."""
    np.testing.assert_array_equal(table.times.view("datetime64[us]"), moments)
    np.testing.assert_array_equal(table.values[:, -1], np.arange(len(moments)))
