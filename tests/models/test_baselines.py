"""Baselines by hand, and against their definition row by row."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.baselines import naive, seasonal_naive

NAN = np.nan


def column(*values: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)[:, np.newaxis]


class TestNaive:
    def test_the_last_observed_value_stays(self) -> None:
        forecasts = naive(column(NAN, 1, NAN, 3), [1, 2])
        expected = [[NAN, NAN], [1, 1], [1, 1], [3, 3]]
        np.testing.assert_array_equal(forecasts[:, :, 0], expected)

    def test_targets_are_kept_apart(self) -> None:
        forecasts = naive(np.array([[1.0, 10.0], [NAN, 20.0]]), [5])
        assert forecasts[:, 0].tolist() == [[1, 10], [1, 20]]


class TestSeasonalNaive:
    def test_each_lead_takes_its_place_in_the_last_season(self) -> None:
        forecasts = seasonal_naive(column(1, 2, 3, 4, 5, 6), [1, 2, 3, 4], 3)
        assert forecasts[5, :, 0].tolist() == [4, 5, 6, 4]
        assert forecasts[3, :, 0].tolist() == [2, 3, 4, 2]

    def test_before_a_season_was_seen_the_last_value_stands_in(self) -> None:
        forecasts = seasonal_naive(column(1, 2, 3), [1], 3)
        assert forecasts[:, 0, 0].tolist() == [1, 2, 1]

    def test_a_missing_value_is_taken_from_the_season_before(self) -> None:
        forecasts = seasonal_naive(column(1, 2, NAN, 4), [1, 2], 2)
        assert forecasts[3, :, 0].tolist() == [1, 4]

    def test_a_season_of_one_step_is_naive(self) -> None:
        values = column(1, NAN, 3)
        np.testing.assert_array_equal(seasonal_naive(values, [1, 2], 1), naive(values, [1, 2]))

    @given(
        values=st.lists(st.integers(0, 9), min_size=1, max_size=40),
        leads=st.lists(st.integers(1, 30), min_size=1, max_size=4),
        season=st.integers(1, 12),
    )
    def test_it_follows_its_definition(
        self, values: list[int], leads: list[int], season: int
    ) -> None:
        forecasts = seasonal_naive(column(*values), leads, season)
        for row in range(len(values)):
            for position, lead in enumerate(leads):
                source = row + lead - season * math.ceil(lead / season)
                expected = values[source] if source >= 0 else values[row]
                assert forecasts[row, position, 0] == expected

    @given(st.lists(st.integers(0, 9), min_size=2, max_size=30), st.integers(1, 29))
    def test_the_future_changes_no_forecast(self, values: list[int], known: int) -> None:
        before = seasonal_naive(column(*values), [1, 5], 4)[:known]
        changed = [*values[:known], *reversed(values[known:])]
        assert (before == seasonal_naive(column(*changed), [1, 5], 4)[:known]).all()
