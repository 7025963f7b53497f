"""Reports by hand: the same points for the forecaster and its baselines."""

from typing import Any, cast

import numpy as np
import pytest

from models import evaluate as evaluation
from models.dataset import Rows, Track
from models.evaluate import evaluate
from models.runtime import Forecaster, Outputs
from models.series import Times, Values


class OneTooHigh:
    """Says, for every lead, the actual value and one more."""

    leads = np.array([1, 2])
    targets = ("y",)
    windowed = False

    def __init__(self) -> None:
        self.asked: list[int] = []

    def outputs(self, times: Times, values: Values, at: Rows) -> Outputs:
        self.asked = at.tolist()
        ahead = np.minimum(at[:, np.newaxis] + self.leads, len(values) - 1)
        return Outputs(times, values, at, values[ahead] + 1)


HOURS = np.datetime64("2024-01-01", "us") + np.arange(12) * np.timedelta64(1, "h")
# Rises by 3 a row.
RISING = 3.0 * np.arange(12)[:, np.newaxis]


def report(values: Values, track: Track, season: int = 1) -> tuple[dict[str, Any], list[int]]:
    forecaster = OneTooHigh()
    return evaluate(cast(Forecaster, forecaster), HOURS, values, track, season), forecaster.asked


class TestEvaluate:
    def test_figures_are_in_original_units_and_against_naive(self) -> None:
        found, _ = report(RISING, Track(0, 6, 9, 12))
        test = found["test"]["y"]
        # Naive is 3 off one step ahead and 6 two steps ahead; the yardstick of MASE is 3.
        assert (test["mae"], test["rmse"], test["naive_mae"]) == (1.0, 1.0, 4.5)
        assert test["mase"] == pytest.approx(1 / 3)
        assert test["skill"] == pytest.approx(1 - 1 / 4.5)
        assert [row["naive_mae"] for row in test["leads"]] == [3.0, 6.0]
        assert [row["lead"] for row in test["leads"]] == [1, 2]

    def test_origins_have_all_leads_in_their_own_part(self) -> None:
        _, asked = report(RISING, Track(0, 6, 9, 12))
        assert asked == [0, 1, 2, 3, 6, 9]

    def test_a_point_counts_only_where_the_actual_and_all_forecasts_are_there(self) -> None:
        values = RISING.copy()
        values[11] = np.nan
        found, _ = report(values, Track(0, 6, 9, 12))
        first, second = found["test"]["y"]["leads"]
        assert first["mae"] == 1.0
        assert second["mae"] is second["naive_mae"] is second["skill"] is None

    def test_the_seasonal_naive_is_silent_in_the_first_season(self) -> None:
        found, _ = report(RISING, Track(0, 6, 9, 12), season=4)
        first, second = found["train"]["y"]["leads"]
        # Origins 0 to 3 remain; lead 1 needs row origin - 3, lead 2 row origin - 2.
        assert first["seasonal_naive_mae"] == 12.0
        assert second["seasonal_naive_mae"] == 12.0

    def test_a_part_without_rows_has_no_figures(self) -> None:
        found, _ = report(RISING, Track(0, 9, 12, 12))
        assert found["test"]["y"]["mae"] is None

    def test_very_many_origins_are_thinned_out_evenly(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(evaluation, "MOST_POINTS", 6)
        _, asked = report(RISING, Track(0, 12, 12, 12))
        assert asked == [0, 4, 9]
