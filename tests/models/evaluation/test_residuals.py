"""Residuals by hand."""

import numpy as np
import pytest

from models.evaluation.residuals import QUANTILES, summarise_residuals

pytestmark = pytest.mark.unit

# Five origins, one lead, two targets; the second is never known.
RESIDUALS = np.stack([[[1.0], [2], [3], [4], [5]], np.full((5, 1), np.nan)], axis=-1)


class TestSummary:
    def test_mean_spread_and_quantiles_are_of_what_is_known(self) -> None:
        residuals = RESIDUALS.copy()
        residuals[4, 0, 0] = np.nan
        (row,), _ = summarise_residuals(residuals, [3], 1, every_row=True)
        assert (row["lead"], row["count"], row["mean"]) == (3, 4, 2.5)
        assert row["standard_deviation"] == pytest.approx(1.25**0.5)
        assert row["quantiles"]["0.5"] == 2.5
        assert list(row["quantiles"]) == [str(level) for level in QUANTILES]

    def test_autocorrelations_are_at_one_step_and_at_one_season(self) -> None:
        wave = np.tile([1.0, 0, -1, 0], 50)[:, np.newaxis, np.newaxis]
        ((row,),) = summarise_residuals(wave, [1], 4, every_row=True)
        assert row["autocorrelation"]["lag_1"] == pytest.approx(0, abs=0.01)
        assert row["autocorrelation"]["season"] == pytest.approx(1)

    def test_origins_that_are_thinned_out_have_no_neighbours(self) -> None:
        (row,), _ = summarise_residuals(RESIDUALS, [1], 2, every_row=False)
        assert row["autocorrelation"] == {"lag_1": None, "season": None}

    def test_without_a_season_there_is_no_seasonal_autocorrelation(self) -> None:
        (row,), _ = summarise_residuals(RESIDUALS, [1], 1, every_row=True)
        assert row["autocorrelation"]["lag_1"] is not None
        assert row["autocorrelation"]["season"] is None

    def test_a_target_that_is_never_known_has_no_figures(self) -> None:
        _, (row,) = summarise_residuals(RESIDUALS, [1], 2, every_row=True)
        assert (row["count"], row["mean"], row["quantiles"]["0.1"]) == (0, None, None)
