"""Reports by hand: the same points for the forecaster and its baselines."""

from typing import Any, ClassVar, cast

import numpy as np
import pytest

import models.evaluation.evaluate as evaluation
from models.arrays import RowIndices, Times, Values
from models.evaluation.evaluate import Evaluation, evaluate
from models.features.dataset import Track
from models.serving.forecast import Outputs
from models.serving.forecaster import Forecaster

pytestmark = pytest.mark.unit


class OneTooHigh:
    """Says, for every lead, the actual value and one more."""

    leads = np.array([1, 2])
    targets = ("y",)
    windowed = False
    manifest: ClassVar[dict[str, Any]] = {
        "targets": {"scaling": {"transform": "delta"}, "units": ["m"]}
    }

    def __init__(self) -> None:
        self.asked: list[int] = []

    def outputs(self, times: Times, values: Values, at: RowIndices) -> Outputs:
        self.asked = at.tolist()
        ahead = np.minimum(at[:, np.newaxis] + self.leads, len(values) - 1)
        none = np.empty((0, len(at), len(self.leads), 1))
        return Outputs(times, values, at, values[ahead] + 1, none, none)


HOURS = np.datetime64("2024-01-01", "us") + np.arange(12) * np.timedelta64(1, "h")
# Rises by 3 a row.
RISING = 3.0 * np.arange(12)[:, np.newaxis]


def evaluated(values: Values, track: Track, season: int = 1) -> Evaluation:
    times = HOURS[0] + np.arange(len(values)) * np.timedelta64(1, "h")
    return evaluate(cast(Forecaster, OneTooHigh()), times, values, track, season)


def report(values: Values, track: Track, season: int = 1) -> tuple[dict[str, Any], list[int]]:
    forecaster = OneTooHigh()
    found = evaluate(cast(Forecaster, forecaster), HOURS, values, track, season)
    return found.metrics, forecaster.asked


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


class TestBaselines:
    def test_the_best_of_all_is_named_per_target_and_lead(self) -> None:
        found, _ = report(RISING, Track(0, 6, 9, 12))
        test = found["test"]["y"]
        # A straight line is what drift is made for.
        assert test["drift_mae"] == pytest.approx(0)
        assert test["best_baseline"] == "drift"
        assert [row["best_baseline"] for row in test["leads"]] == ["drift", "drift"]

    def test_smape_is_in_percent(self) -> None:
        found, _ = report(RISING, Track(0, 6, 9, 12))
        # The one origin of the test part is row 9: actual 30 and 33, said 31 and 34.
        expected = (200 / 61 + 200 / 67) / 2
        assert found["test"]["y"]["smape"] == pytest.approx(expected)

    def test_season_and_order_are_reported(self) -> None:
        values = np.sin(2 * np.pi * np.arange(400) / 7)[:, np.newaxis]
        found = evaluated(values, Track(0, 280, 340, 400))
        assert found.baselines["season"] == {"steps": 7, "source": "autocorrelation"}
        assert found.baselines["ar"]["y"] == {"order": 2, "rows": 280, "logged": False}
        assert found.metrics["test"]["y"]["ar_order"] == 2
        assert found.metrics["test"]["y"]["seasonal_naive_mae"] == pytest.approx(0, abs=1e-9)

    def test_baselines_learn_from_training_rows_only(self) -> None:
        values = np.random.default_rng(0).normal(size=(400, 1)).cumsum(axis=0)
        changed = values.copy()
        changed[280:] *= -7
        track = Track(0, 280, 340, 400)
        assert evaluated(values, track).baselines == evaluated(changed, track).baselines
        one, other = (evaluated(each, track).metrics["train"] for each in (values, changed))
        assert one == other


class TestSignificance:
    def test_only_the_test_part_is_judged(self) -> None:
        values = np.random.default_rng(0).normal(size=(400, 1)).cumsum(axis=0) * 9
        found = evaluated(values, Track(0, 280, 340, 400)).metrics
        assert "significance" not in found["validation"]["y"]
        tests = found["test"]["y"]["significance"]
        assert (tests["naive"]["origins"], tests["naive"]["baseline"]) == (58, "naive")
        assert tests["naive"]["statistic"] < 0
        assert tests["naive"]["p_value"] < 0.001
        assert tests["best_baseline"]["baseline"] == found["test"]["y"]["best_baseline"]

    def test_without_a_point_to_compare_there_is_no_test(self) -> None:
        found, _ = report(RISING, Track(0, 9, 12, 12))
        tests = found["test"]["y"]["significance"]
        assert tests["naive"]["p_value"] is None
        assert tests["best_baseline"] is None


class TestResiduals:
    def test_they_are_actual_less_forecast_in_the_target_s_unit(self) -> None:
        values = np.random.default_rng(0).normal(size=(400, 1))
        found = evaluated(values, Track(0, 280, 340, 400), season=7).residuals
        assert (found["definition"], found["season_steps"]) == ("actual - forecast", 7)
        assert set(found) == {"definition", "season_steps", "validation", "test"}
        target = found["validation"]["y"]
        assert target["unit"] == "m"
        assert [(row["lead"], row["count"]) for row in target["leads"]] == [(1, 58), (2, 58)]
        assert target["leads"][0]["mean"] == pytest.approx(-1)
        assert target["leads"][0]["standard_deviation"] == pytest.approx(0, abs=1e-9)
