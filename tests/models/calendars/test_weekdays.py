"""Open weekdays of daily series, by hand."""

import numpy as np
import pytest

from models.arrays import Times
from models.calendars.weekdays import open_day_numbers, open_weekdays

pytestmark = pytest.mark.unit


def days(weekdays: tuple[int, ...], weeks: int) -> Times:
    """Days from Monday, 2022-01-03, on some weekdays."""
    every = np.datetime64("2022-01-03", "us") + np.arange(7 * weeks) * np.timedelta64(1, "D")
    found: Times = every[np.isin(np.arange(7 * weeks) % 7, weekdays)]
    return found


class TestOpenWeekdays:
    @pytest.mark.parametrize("weekdays", [(0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 6), (1, 3)])
    def test_closed_weekdays_are_found(self, weekdays: tuple[int, ...]) -> None:
        assert open_weekdays(days(weekdays, 40)) == weekdays

    def test_single_rows_may_be_missing_or_lie_on_closed_days(self) -> None:
        rows = np.delete(days((0, 1, 2, 3, 4, 5), 40), [3, 50, 51, 90])
        rows = np.sort(np.append(rows, np.datetime64("2022-03-06", "us")))
        assert open_weekdays(rows) == (0, 1, 2, 3, 4, 5)

    @pytest.mark.parametrize("weeks", [1, 2, 3])
    def test_few_weeks_prove_nothing(self, weeks: int) -> None:
        assert len(open_weekdays(days((0, 1, 2, 3, 4, 5), weeks))) == 7

    def test_days_missing_by_chance_close_no_weekday(self) -> None:
        rows = days(tuple(range(7)), 60)
        kept = np.random.default_rng(0).random(len(rows)) < 0.4
        assert len(open_weekdays(rows[kept])) == 7


def test_open_days_are_numbered_without_the_closed_ones() -> None:
    rows = days((0, 1, 2, 3, 4, 5), 4)
    assert (np.diff(open_day_numbers(rows, (0, 1, 2, 3, 4, 5))) == 1).all()
    sunday = np.array(["2022-01-09"], "datetime64[us]")
    assert open_day_numbers(sunday, (0, 1, 2, 3, 4, 5)) == open_day_numbers(
        rows[5:6], (0, 1, 2, 3, 4, 5)
    )
