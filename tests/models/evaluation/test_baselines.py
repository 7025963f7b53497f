"""Baselines on numbers that can be checked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.baselines import drift, naive, seasonal_naive
from models.features.filling import last_observed

pytestmark = pytest.mark.unit

NAN = np.nan
SERIES = np.array([[1.0], [2.0], [NAN], [4.0], [5.0], [6.0]])


class TestNaive:
    def test_it_repeats_the_last_observed_value_for_every_lead(self) -> None:
        predicted = naive(SERIES, np.array([1, 5]))[:, :, 0]
        np.testing.assert_array_equal(predicted[:, 0], [1, 2, 2, 4, 5, 6])
        np.testing.assert_array_equal(predicted[:, 1], predicted[:, 0])

    def test_before_the_first_value_it_says_nothing(self) -> None:
        np.testing.assert_array_equal(last_observed(np.array([[NAN], [3.0]])), [[NAN], [3.0]])

    def test_columns_do_not_mix(self) -> None:
        values = np.array([[1.0, 10.0], [NAN, 20.0], [3.0, NAN]])
        np.testing.assert_array_equal(last_observed(values), [[1, 10], [1, 20], [3, 20]])


class TestSeasonalNaive:
    def test_it_repeats_the_last_complete_season(self) -> None:
        predicted = seasonal_naive(SERIES, np.array([1, 2, 3, 4]), 3)[:, :, 0]
        np.testing.assert_array_equal(predicted[5], [4, 5, 6, 4])
        np.testing.assert_array_equal(predicted[3], [2, 2, 4, 2])

    def test_a_series_younger_than_a_season_says_nothing(self) -> None:
        predicted = seasonal_naive(SERIES, np.array([1, 3]), 3)[:, :, 0]
        np.testing.assert_array_equal(predicted[1], [NAN, 2])

    def test_a_season_of_one_step_is_the_naive_forecast(self) -> None:
        leads = np.array([1, 2, 7])
        np.testing.assert_array_equal(seasonal_naive(SERIES, leads, 1), naive(SERIES, leads))

    @given(season=st.integers(1, 12), lead=st.integers(1, 30), cut=st.integers(0, 40))
    def test_nothing_later_than_the_origin_is_seen(self, season: int, lead: int, cut: int) -> None:
        values = np.arange(41.0)[:, np.newaxis]
        changed = values.copy()
        changed[cut + 1 :] = -1.0
        before = seasonal_naive(values, np.array([lead]), season)[: cut + 1]
        after = seasonal_naive(changed, np.array([lead]), season)[: cut + 1]
        np.testing.assert_array_equal(before, after)


class TestDrift:
    def test_the_mean_change_from_the_first_value_goes_on(self) -> None:
        predicted = drift(SERIES, np.array([1, 3]))[:, :, 0]
        # From 1 to 6 in five steps: one a step.
        np.testing.assert_array_equal(predicted[5], [7, 9])
        # The third row is missing: 2 is the last value, two steps after the first.
        np.testing.assert_array_equal(predicted[2], [2.5, 3.5])

    def test_at_the_first_value_it_is_the_naive_forecast(self) -> None:
        values = np.array([[NAN], [3.0], [5.0]])
        np.testing.assert_array_equal(drift(values, np.array([2]))[:, 0, 0], [NAN, 3, 9])
