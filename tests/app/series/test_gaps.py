"""Gaps of daily series whose weeks have closed days."""

import numpy as np
import pytest

from app.series.gaps import describe_gaps
from models.arrays import Times

pytestmark = pytest.mark.unit

DAY = np.timedelta64(1, "D")


def days(weekdays: tuple[int, ...]) -> Times:
    """Forty weeks from Monday, 2022-01-03, on some weekdays."""
    every = np.datetime64("2022-01-03", "us") + np.arange(280) * DAY
    found: Times = every[np.isin(np.arange(280) % 7, weekdays)]
    return found


WEEKS = {"B": (0, 1, 2, 3, 4), "1D": (0, 1, 2, 3, 4, 5)}


@pytest.mark.parametrize("cadence", WEEKS)
def test_closed_days_are_not_gaps(cadence: str) -> None:
    gaps = describe_gaps(days(WEEKS[cadence]), "UTC")
    assert (gaps.cadence, gaps.summary()["count"]) == (cadence, 0)


@pytest.mark.parametrize("cadence", WEEKS)
@pytest.mark.parametrize("missing", ["2022-05-11", "2022-05-09"])
def test_a_missing_day_is_a_gap_of_two_open_days(cadence: str, missing: str) -> None:
    rows = days(WEEKS[cadence])
    gaps = describe_gaps(rows[rows != np.datetime64(missing)], "UTC")
    assert gaps.summary() == {
        "count": 1,
        "longest": "2 days 00:00:00",
        "longest_seconds": 2 * 86_400.0,
    }


def test_without_closed_days_each_missing_day_is_a_gap() -> None:
    rows = np.delete(days((0, 1, 2, 3, 4, 5, 6)), [5, 6, 30])
    assert describe_gaps(rows, "UTC").summary()["count"] == 2
