"""Places in the day, the week and the year, by the calendar on the wall."""

import numpy as np
import pytest

from models.calendars.cycles import cycle_positions

pytestmark = pytest.mark.unit


def position(text: str, cycle: str, zone: str = "UTC") -> float:
    times = np.array([text], "datetime64[us]")
    return float(cycle_positions(times, zone, [cycle])[0, 0])  # type: ignore[list-item]


class TestCyclePositions:
    def test_noon_is_the_middle_of_the_day(self) -> None:
        assert position("2024-03-01T12:00", "day") == 0.5

    def test_a_day_begins_at_local_midnight(self) -> None:
        assert position("2024-06-30T22:00", "day", "Europe/Berlin") == 0.0

    def test_monday_begins_the_week(self) -> None:
        assert position("2024-01-01T00:00", "week") == 0.0
        assert position("2024-01-04T12:00", "week") == pytest.approx(0.5)

    def test_a_leap_year_has_366_days(self) -> None:
        assert position("2024-07-02T00:00", "year") == pytest.approx(183 / 366)
        assert position("2023-07-02T12:00", "year") == pytest.approx(0.5)

    def test_times_before_1970_count_the_same_way(self) -> None:
        assert position("1749-01-01T06:00", "day") == 0.25
        assert position("1969-12-29T00:00", "week") == 0.0
