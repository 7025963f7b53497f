"""The Diebold-Mariano test: by hand, where both are equally good, and where it is impossible."""

import numpy as np
import pytest
from scipy import stats

from models.arrays import Values
from models.evaluation.significance import DifferenceTest, diebold_mariano

pytestmark = pytest.mark.unit

NAMES = ("the model", "the naive forecast")


def compare(differences: Values, overlap: int = 0) -> DifferenceTest:
    return diebold_mariano(differences, np.zeros(len(differences)), overlap=overlap, names=NAMES)


class TestStatistic:
    def test_one_step_ahead_it_is_a_t_test_with_the_same_correction(self) -> None:
        differences = np.random.default_rng(0).normal(0.3, 1, size=40)
        test = compare(differences)
        # The variance is divided by n in the one and by n - 1 in the other; with one step the
        # correction of Harvey, Leybourne and Newbold makes up for just that.
        expected = stats.ttest_1samp(differences, 0.0)
        assert test.statistic == pytest.approx(expected.statistic)
        assert test.p_value == pytest.approx(expected.pvalue)

    def test_overlapping_forecasts_count_their_autocovariances(self) -> None:
        differences = np.array([1.0, 2.0, 3.0, 2.0, 1.0, 0.0, 1.0, 2.0])
        deviations = differences - 1.5
        variance = (deviations**2).mean() + 2 * (deviations[1:] * deviations[:-1]).sum() / 8
        correction = np.sqrt((8 + 1 - 4 + 2 / 8) / 8)
        expected = 1.5 / np.sqrt(variance / 8) * correction
        assert compare(differences, overlap=1).statistic == pytest.approx(expected)

    def test_a_sum_of_autocovariances_below_zero_is_weighted(self) -> None:
        differences = np.tile([1.0, -1.0], 20) + 0.1
        test = compare(differences, overlap=1)
        assert test.statistic is not None
        assert np.isfinite(test.statistic)

    @pytest.mark.parametrize("overlap", [0, 5])
    def test_equally_good_forecasters_are_seldom_distinguished(self, overlap: int) -> None:
        generator = np.random.default_rng(1)
        kernel = np.ones(overlap + 1)
        found = [
            compare(np.convolve(generator.normal(size=305), kernel, "valid")[:300], overlap)
            for _ in range(400)
        ]
        rejected = np.mean([(test.p_value or 1.0) < 0.05 for test in found])
        assert 0.01 < rejected < 0.11

    def test_an_origin_without_a_loss_is_left_out(self) -> None:
        differences = np.array([1.0, np.nan, 2.0, 3.0])
        assert compare(differences) == compare(differences[[0, 2, 3]])


class TestSentence:
    def test_it_says_who_is_better_and_whether_that_is_luck(self) -> None:
        noise = np.random.default_rng(0).normal(size=200)
        assert "the model is better than the naive forecast by more than luck (p < 0.001)" in (
            compare(noise - 1).sentence
        )
        assert "is worse than the naive forecast by more than luck" in compare(noise + 1).sentence
        assert "may be luck (p = 0." in compare(noise).sentence

    def test_too_few_origins_give_no_test(self) -> None:
        test = compare(np.array([1.0, 2.0]), overlap=3)
        assert (test.statistic, test.p_value, test.origins) == (None, None, 2)
        assert "more than 4 are needed" in test.sentence

    @pytest.mark.parametrize(
        ("difference", "sentence"),
        [(0.0, "do not differ"), (-0.1, "better than"), (0.1, "worse than")],
    )
    def test_a_difference_that_never_varies_is_explained(
        self, difference: float, sentence: str
    ) -> None:
        test = compare(np.full(30, difference))
        assert test.p_value is None
        assert sentence in test.sentence
