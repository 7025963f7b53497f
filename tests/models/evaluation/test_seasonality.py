"""The season: that of the cadence first, else what the rows themselves show."""

import numpy as np
import pytest

from models.arrays import Values
from models.evaluation.correlation import autocorrelation, autocovariances
from models.evaluation.seasonality import Season, find_season

pytestmark = pytest.mark.unit

NAN = np.nan


def wave(steps: int, rows: int = 600, noise: float = 0.3) -> Values:
    generator = np.random.default_rng(steps)
    clean = np.sin(2 * np.pi * np.arange(rows) / steps)
    return (clean + noise * generator.normal(size=rows))[:, np.newaxis]


class TestFindSeason:
    def test_the_cycle_of_the_cadence_wins(self) -> None:
        assert find_season(wave(7), natural=24) == Season(24, "cadence")

    @pytest.mark.parametrize("steps", [3, 7, 11, 60])
    def test_without_one_the_rows_are_searched(self, steps: int) -> None:
        noise = 0.3 if steps < 60 else 0.02
        assert find_season(wave(steps, noise=noise), natural=1) == Season(steps, "autocorrelation")

    def test_a_trend_does_not_hide_it(self) -> None:
        rising = wave(11) + np.arange(600)[:, np.newaxis] / 20
        assert find_season(rising, natural=1).steps == 11

    def test_missing_values_do_not_hide_it(self) -> None:
        rows = wave(7, noise=0.1)
        rows[::13] = NAN
        assert find_season(rows, natural=1).steps == 7

    @pytest.mark.parametrize("seed", range(5))
    def test_noise_and_random_walks_have_none(self, seed: int) -> None:
        noise = np.random.default_rng(seed).normal(size=(500, 1))
        assert find_season(noise, natural=1) == Season(1, "none")
        assert find_season(noise.cumsum(axis=0), natural=1) == Season(1, "none")

    @pytest.mark.parametrize("rows", [np.ones((50, 1)), np.full((50, 1), NAN), np.ones((3, 2))])
    def test_rows_that_show_nothing_have_none(self, rows: Values) -> None:
        assert find_season(rows, natural=1) == Season(1, "none")


class TestCorrelation:
    def test_autocovariances_are_sums_of_products_over_all_rows(self) -> None:
        column = np.array([1.0, 2, 4, 3, 5])
        deviations = column - 3
        expected = [(deviations[lag:] * deviations[: 5 - lag]).sum() / 5 for lag in range(4)]
        np.testing.assert_allclose(autocovariances(column, 3), expected, atol=1e-12)

    def test_autocorrelation_counts_the_pairs_that_are_there(self) -> None:
        values = np.array([[1.0], [-1.0], [NAN], [1.0], [-1.0]])
        np.testing.assert_allclose(autocorrelation(values, 1), [-1.0])

    def test_a_constant_has_no_autocorrelation(self) -> None:
        assert np.isnan(autocorrelation(np.ones((5, 2)), 1)).all()
