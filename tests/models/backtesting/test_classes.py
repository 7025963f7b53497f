"""Class backtests: predicted probabilities, observed classes, and the class prior by hand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import models.backtesting.plan as backtest_plan
from models.backtesting.backtest import Backtest
from models.backtesting.plan import BacktestPlan, BacktestSpec, plan_backtest
from models.backtesting.points import BacktestResult, ClassPoints
from models.errors import SpecError
from models.series import SeriesData
from models.serving.artefact import read_bundle
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster
from models.spec.spec import Spec
from models.training.train import train
from tests.models.backtesting.test_backtest import at
from tests.models.conftest import make_wave
from tests.models.training.test_classes import SMALL, coded

BAND = 0.5
LEADS = 2


@pytest.fixture(scope="module")
def bundle() -> bytes:
    """Directions of a wave, one and two hours ahead; trained on rows 0 to 419."""
    fields = {**SMALL, "dead_band": {"size": BAND, "unit": "units"}, "epochs": 6}
    return train(Spec.model_validate(fields), make_wave()).bundle


@pytest.fixture(scope="module")
def forecaster(bundle: bytes) -> Forecaster:
    return Forecaster.from_bundle(bundle)


def plan(forecaster: Forecaster, data: SeriesData | None = None, **fields: Any) -> BacktestPlan:
    return plan_backtest(forecaster, data or make_wave(), BacktestSpec.model_validate(fields))


class Refits:
    """Records what each refit was given, and gives one bundle back."""

    def __init__(self, bundle: bytes) -> None:
        self.bundle = bundle
        self.seen: list[SeriesData] = []

    def __call__(
        self, spec: Spec, panel: Sequence[SeriesData], tell: Callable[[float], None]
    ) -> bytes:
        self.seen.extend(panel)
        return self.bundle


def run(
    forecaster: Forecaster, bundle: bytes, data: SeriesData | None = None, **fields: Any
) -> BacktestResult:
    data = data or make_wave()
    return Backtest(forecaster, data, plan(forecaster, data, **fields), Refits(bundle)).run()


def points_of(result: BacktestResult) -> ClassPoints:
    assert isinstance(result.points, ClassPoints)
    return result.points


def direction(change: float) -> str:
    return "flat" if abs(change) <= BAND else ("up" if change > 0 else "down")


class TestPoints:
    def test_probabilities_are_those_that_are_served(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        data = make_wave()
        points = points_of(run(forecaster, bundle, origins={"every": 11}))
        values = forecaster.values_of(data)
        for predicted, origin in zip(points.probabilities, points.origins, strict=True):
            seen = data.times <= origin
            state = run_one(
                forecaster.advance(forecaster.initial_state(), data.times[seen], values[seen])
            )
            np.testing.assert_allclose(
                predicted, run_one(forecaster.forecast(state)).probabilities, atol=1e-6
            )

    def test_columns_hold_predictions_and_observed_classes(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        value = make_wave().values[:, 0]
        result = run(forecaster, bundle, origins={"start": at(520), "count": 9})
        points = points_of(result)
        columns = points.columns(0, len(points))
        shares = columns["probabilities"]
        assert isinstance(shares, dict)
        assert list(shares) == ["down", "flat", "up"]
        np.testing.assert_allclose(sum(shares.values()), 1)
        rows = [520 + number // LEADS for number in range(len(points))]
        actual = [
            direction(value[row + lead] - value[row])
            for row, lead in zip(rows, columns["lead"], strict=True)
        ]
        assert list(columns["actual_class"]) == actual
        assert set(actual) == {"down", "flat", "up"}
        for number, name in enumerate(actual):
            row = {each: shares[each][number] for each in shares}
            assert columns["class"][number] == max(row, key=lambda each: row[each])
            assert columns["log_loss"][number] == pytest.approx(-np.log(row[name]))

    def test_a_missing_actual_has_no_class_and_no_loss(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        data = make_wave()
        values = data.values.copy()
        values[599, 0] = np.nan
        result = run(forecaster, bundle, replace(data, values=values), origins={"count": 2})
        columns = result.points.columns(0, 4)
        assert [name is None for name in columns["actual_class"]] == [False, False, False, True]
        assert np.isnan(columns["log_loss"]).tolist() == [False, False, False, True]
        assert all(columns["class"])
        assert result.report["targets"]["value"]["significance"]["class_prior"]["origins"] == 2


class TestReport:
    def test_figures_are_those_of_the_points(self, forecaster: Forecaster, bundle: bytes) -> None:
        result = run(forecaster, bundle, origins={"every": 2})
        columns = result.points.columns(0, len(result.points))
        target = result.report["targets"]["value"]
        hits = columns["class"] == columns["actual_class"]
        assert target["accuracy"] == pytest.approx(hits.mean())
        assert target["log_loss"] == pytest.approx(np.mean(columns["log_loss"]))
        assert target["class_prior_log_loss"] == pytest.approx(
            np.mean(columns["class_prior_log_loss"])
        )
        assert target["skill"] == pytest.approx(
            1 - target["log_loss"] / target["class_prior_log_loss"]
        )
        second = np.asarray(columns["lead"]) == 2
        assert target["leads"][1]["accuracy"] == pytest.approx(hits[second].mean())
        assert target["significance"]["class_prior"]["origins"] == 44
        assert "season" not in result.report

    def test_a_training_s_test_figures_are_a_backtest_of_the_test_part(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        report = run(forecaster, bundle).report
        manifest = read_bundle(bundle).manifest
        trained = manifest["metrics"]["test"]["value"]
        for figure in ("accuracy", "balanced_accuracy", "log_loss", "brier"):
            assert report["targets"]["value"][figure] == pytest.approx(trained[figure])
        assert report["targets"]["value"]["classes"] == trained["classes"]
        assert report["calibration"] == manifest["calibration"]["test"]

    def test_the_class_prior_knows_the_rows_up_to_the_first_origin(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        value, first = make_wave().values[:, 0], 100
        report = run(forecaster, bundle, origins={"start": at(first), "every": 50}).report
        for lead in (1, 2):
            actual = [direction(value[row + lead] - value[row]) for row in range(first + 1 - LEADS)]
            # Laplace's rule of succession.
            wanted = {
                name: (actual.count(name) + 1) / (len(actual) + 3)
                for name in ("down", "flat", "up")
            }
            assert report["frequencies"]["value"][lead - 1] == pytest.approx(
                {"lead": lead, **wanted}
            )

    def test_origins_that_were_learnt_from_are_counted(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        report = run(forecaster, bundle, origins={"start": at(500), "count": 20}).report
        assert (report["in_sample_origins"], report["origins"]["count"]) == (10, 20)


@pytest.mark.slow
class TestRefits:
    def test_the_future_of_an_origin_does_not_change_what_it_says(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        data = make_wave()
        values = data.values.copy()
        values[541:] = np.random.default_rng(0).permutation(values[541:]) * 3
        changed = replace(data, values=values)
        fields: dict[str, Any] = {"origins": {"start": at(520), "every": 10}, "refit_every": 2}
        one, other = Refits(bundle), Refits(bundle)
        before, after = (
            Backtest(forecaster, each, plan(forecaster, each, **fields), refits).run()
            for each, refits in ((data, one), (changed, other))
        )
        predicted, now = points_of(before).probabilities, points_of(after).probabilities
        np.testing.assert_array_equal(predicted[:3], now[:3])
        assert (predicted[3:] != now[3:]).any()
        assert before.report["frequencies"] == after.report["frequencies"]
        for left, right in zip(one.seen[:2], other.seen[:2], strict=True):
            np.testing.assert_array_equal(left.values, right.values)

    def test_a_resumed_run_has_the_earlier_forecasts(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        wanted = plan(forecaster, origins={"every": 10}, refit_every=4)
        saved: list[bytes] = []
        straight = Backtest(
            forecaster, make_wave(), wanted, Refits(bundle), save_checkpoint=saved.append
        ).run()
        refits = Refits(bundle)
        resumed = Backtest(forecaster, make_wave(), wanted, refits).run(saved[0])
        assert len(refits.seen) == 2
        np.testing.assert_array_equal(
            points_of(resumed).probabilities, points_of(straight).probabilities
        )

    def test_they_are_trained_as_classes(self, forecaster: Forecaster) -> None:
        wanted = plan(forecaster, origins={"every": 40}, refit_every=2)

        def refit(spec: Spec, panel: Sequence[SeriesData], tell: Callable[[float], None]) -> bytes:
            return train(spec, panel).bundle

        report = Backtest(forecaster, make_wave(), wanted, refit).run().report
        assert report["refits"] == 2
        assert report["targets"]["value"]["skill"] > 0


@pytest.mark.slow
class TestNumberedClasses:
    def test_codes_are_their_own_names(self) -> None:
        data = coded()
        fields = {**SMALL, "task": "classification", "targets": ["code"], "horizon": 1}
        made = train(Spec.model_validate({**fields, "epochs": 25}), data).bundle
        result = run(Forecaster.from_bundle(made), made, data)
        columns = result.points.columns(0, len(result.points))
        shares = columns["probabilities"]
        assert isinstance(shares, dict)
        assert list(shares) == ["0", "1", "2"]
        actual = data.values[-len(result.points) :, 1].astype(int)
        assert list(columns["actual_class"]) == [str(code) for code in actual]
        assert result.report["targets"]["code"]["accuracy"] > 0.85

    def test_every_probability_counts_where_points_are_bounded(
        self, forecaster: Forecaster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Three probabilities and a code, of two leads.
        monkeypatch.setattr(backtest_plan, "MOST_NUMBERS", 4 * LEADS * 10)
        with pytest.raises(SpecError, match="at most 10 origins"):
            plan(forecaster)
        assert len(plan(forecaster, origins={"count": 10}).origins) == 10
