"""Measures of error on numbers that can be checked by hand."""

import numpy as np
import pytest

from models.evaluation.metrics import (
    mean_absolute_error,
    root_mean_squared_error,
    seasonal_scale,
    skill,
    symmetric_percentage_error,
)

pytestmark = pytest.mark.unit

NAN = np.nan
# Four origins, two leads, one target.
ERRORS = np.array([[3.0, NAN], [-4.0, NAN], [0.0, 2.0], [NAN, NAN]])[:, :, np.newaxis]


def test_mae_is_the_mean_of_absolute_errors_that_are_known() -> None:
    np.testing.assert_allclose(mean_absolute_error(ERRORS)[:, 0], [7 / 3, 2])


def test_rmse_is_the_root_of_the_mean_square() -> None:
    np.testing.assert_allclose(root_mean_squared_error(ERRORS)[:, 0], [(25 / 3) ** 0.5, 2])


def test_smape_is_the_mean_share_of_the_mean_size_in_percent() -> None:
    errors = np.array([1.0, -1, 0, NAN])[:, np.newaxis, np.newaxis]
    actual = np.array([1.0, 1, 0, 1])[:, np.newaxis, np.newaxis]
    # 1 said 2: 200 / 3. 1 said 0: 200. 0 said 0: 0.
    expected = (200 / 3 + 200 + 0) / 3
    np.testing.assert_allclose(symmetric_percentage_error(errors, actual), [[expected]])


def test_no_known_error_gives_no_number_and_no_warning() -> None:
    assert np.isnan(mean_absolute_error(np.full((3, 1, 1), NAN))).all()


def test_the_scale_is_the_in_sample_seasonal_naive_error() -> None:
    values = np.array([1.0, 5, 2, 7, 4, 9])[:, np.newaxis]
    np.testing.assert_allclose(seasonal_scale(values, 2), [(1 + 2 + 2 + 2) / 4])
    np.testing.assert_allclose(seasonal_scale(values, 1), [(4 + 3 + 5 + 3 + 5) / 5])


def test_a_span_shorter_than_a_season_is_scaled_by_single_steps() -> None:
    values = np.array([1.0, 2, 4])[:, np.newaxis]
    np.testing.assert_allclose(seasonal_scale(values, 52), [1.5])


def test_a_constant_series_has_no_scale() -> None:
    assert np.isnan(seasonal_scale(np.ones((9, 1)), 2)).all()


def test_skill_is_zero_for_naive_and_one_for_perfect() -> None:
    np.testing.assert_allclose(skill(np.array([2.0, 1, 0, 4]), np.full(4, 2.0)), [0, 0.5, 1, -1])


def test_nothing_can_beat_a_perfect_naive_forecast() -> None:
    assert np.isnan(skill(np.array([1.0]), np.array([0.0]))).all()
