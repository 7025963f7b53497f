"""Metrics by hand."""

import numpy as np
import pytest

from models.metrics import actuals, mae, mase, mase_scale, rmse, skill

NAN = np.nan
# Three origins, two leads, one target.
ACTUAL = np.array([[[1.0], [2.0]], [[3.0], [NAN]], [[5.0], [NAN]]])
FORECAST = np.array([[[2.0], [2.0]], [[3.0], [4.0]], [[3.0], [4.0]]])


class TestActuals:
    def test_each_row_is_followed_by_what_came(self) -> None:
        found = actuals(np.array([[1.0], [2.0], [3.0]]), [1, 2])
        np.testing.assert_array_equal(found[:, :, 0], [[2, 3], [3, NAN], [NAN, NAN]])


class TestErrors:
    def test_the_mean_absolute_error_is_per_lead(self) -> None:
        assert mae(ACTUAL, FORECAST)[:, 0].tolist() == [1, 0]

    def test_over_all_leads_every_pair_counts_once(self) -> None:
        assert mae(ACTUAL, FORECAST, (0, 1)).tolist() == [0.75]

    def test_the_squared_error_weighs_large_ones(self) -> None:
        assert rmse(ACTUAL, FORECAST)[0, 0] == pytest.approx(np.sqrt(5 / 3))

    def test_without_a_pair_there_is_no_error(self) -> None:
        assert np.isnan(mae(ACTUAL[1:, 1:], FORECAST[1:, 1:])).all()


class TestMase:
    def test_the_scale_is_the_naive_error_in_training(self) -> None:
        training = np.array([[1.0, 5.0], [3.0, 5.0], [NAN, 5.0], [6.0, 5.0], [7.0, 5.0]])
        scale = mase_scale(training)
        assert scale[0] == 1.5
        assert np.isnan(scale[1])

    def test_a_season_compares_with_the_season_before(self) -> None:
        assert mase_scale(np.array([[1.0], [2.0], [4.0], [8.0]]), 2).tolist() == [4.5]

    def test_training_shorter_than_a_season_has_no_scale(self) -> None:
        assert np.isnan(mase_scale(np.array([[1.0], [2.0]]), 12)).all()

    def test_it_is_the_error_in_scales(self) -> None:
        assert mase(ACTUAL, FORECAST, np.array([0.5]))[:, 0].tolist() == [2, 0]


class TestSkill:
    def test_it_is_the_share_by_which_the_error_is_lower(self) -> None:
        assert skill(np.array([1.0, 2.0, 3.0]), np.full(3, 2.0)).tolist() == [0.5, 0, -0.5]

    def test_a_perfect_baseline_has_no_skill_against_it(self) -> None:
        assert np.isnan(skill(np.array([1.0]), np.array([0.0])))
