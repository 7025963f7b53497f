"""Panels trained: each series judged, audited, forecast and tested on its own; unseen ones too."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.backtesting.backtest import Backtest
from models.backtesting.plan import BacktestSpec, plan_backtest
from models.checks.resolve import SeriesProfile, resolve
from models.errors import DataError
from models.evaluation.leakage_audit import audit_training
from models.features.features import FeaturePipeline
from models.features.prepare import prepare
from models.features.series_fit import SeriesFit
from models.series import SeriesData
from models.serving.adaptation import fit_unseen, least_observations, observations_to_fit
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster, State
from models.serving.intervals import LEVELS, Intervals
from models.spec.spec import Spec
from models.training.hashing import arrays_sha256
from models.training.loaders import make_loader
from models.training.reproducibility import Record, compare
from models.training.train import train
from models.training.trained import Trained
from tests.models.features.test_panels import counting, small, wave


@pytest.fixture(scope="module")
def panel() -> list[SeriesData]:
    """Two series of one kind whose values are a thousand times apart, one half as long."""
    return [wave("one"), wave("large", 300, scale=1000.0, seed=1)]


@pytest.fixture(scope="module")
def trained(panel: list[SeriesData]) -> Trained:
    return train(small(highway={"lags": 6}), panel)


@pytest.fixture(scope="module")
def forecaster(trained: Trained) -> Forecaster:
    return Forecaster.from_bundle(trained.bundle)


def streamed(forecaster: Forecaster, data: SeriesData, cuts: list[int]) -> State:
    state, first = forecaster.initial_state(), 0
    for stop in cuts:
        state = State.from_bytes(state.to_bytes())
        state = run_one(forecaster.advance(state, data.times[first:stop], data.values[first:stop]))
        first = stop
    return state


def check_agrees(own: Forecaster, data: SeriesData, state: State, row: int) -> None:
    """A streamed state says the same as a whole pass, bounds included."""
    made, whole = (
        run_one(own.forecast(state)),
        own.outputs(data.times, data.values, levels=(80.0, 95.0)),
    )
    assert made.lower is not None
    assert made.upper is not None
    picks = [LEVELS.index(level) for level in (80.0, 95.0)]
    near = {"rtol": 1e-6, "atol": 1e-6 * np.abs(made.values).max()}
    np.testing.assert_allclose(made.values, whole.values[row], **near)
    np.testing.assert_allclose(made.lower[picks], whole.lower[:, row], **near)
    np.testing.assert_allclose(made.upper[picks], whole.upper[:, row], **near)


class TestIntervals:
    def test_each_series_has_the_widths_of_its_own_errors(
        self, trained: Trained, forecaster: Forecaster, panel: list[SeriesData]
    ) -> None:
        stored = [each["intervals"] for each in trained.manifest["panel"]]
        assert trained.manifest["intervals"] == stored[0] != stored[1]
        for data, own in zip(panel, stored, strict=True):
            intervals = forecaster.for_series(data.name).intervals
            assert intervals is not None
            assert intervals.to_json() == own
            validation = next(s for s in trained.data["series"] if s["name"] == data.name)
            last = np.datetime64(validation["splits"]["validation"]["last"].removesuffix("Z"))
            assert intervals.since == last + np.timedelta64(1, "us")
        widths = [each["test"]["value"]["width_80"] for each in trained.metrics_by_series.values()]
        assert 100 < widths[1] / widths[0] < 10_000
        assert trained.metrics["test"]["value"]["width_80"] == pytest.approx(sum(widths) / 2)

    def test_an_unseen_series_has_mean_widths_that_move_later(
        self, trained: Trained, forecaster: Forecaster
    ) -> None:
        known = [Intervals.from_json(each["intervals"]) for each in trained.manifest["panel"]]
        own = forecaster.fitted(fit_unseen(forecaster.manifest, wave("new")))
        assert own.intervals is not None
        np.testing.assert_allclose(own.intervals.lower, (known[0].lower + known[1].lower) / 2)
        np.testing.assert_allclose(own.intervals.upper, (known[0].upper + known[1].upper) / 2)
        moments = [each.since for each in known if each.since is not None]
        assert own.intervals.since == max(moments) != min(moments)

    @settings(max_examples=10)
    @given(cuts=st.sets(st.integers(1, 599), max_size=4))
    def test_streamed_equals_a_whole_pass_for_an_unseen_series(
        self, forecaster: Forecaster, cuts: set[int]
    ) -> None:
        new = wave("new", scale=1e-3, seed=5)
        # After validation the errors grow, so that widths have to follow.
        new.values[520:] += np.random.default_rng(1).normal(0, 2e-3, new.values[520:].shape)
        own = forecaster.fitted(fit_unseen(forecaster.manifest, new))
        state = streamed(own, new, [*sorted(cuts), 600])
        assert state.adaptation is not None
        assert (state.adaptation.log_factors > 0).any()
        check_agrees(own, new, state, 599)

    def test_too_few_validation_rows_borrow_the_widths_of_the_others(self) -> None:
        trained = train(small(epochs=1), [wave("a"), wave("b", 100, seed=1)])
        first, second = (each["intervals"] for each in trained.manifest["panel"])
        assert first == second
        assert trained.metrics_by_series["b"]["test"]["value"]["coverage_80"] is not None


class TestAudit:
    def test_every_series_is_checked_by_name(self, trained: Trained) -> None:
        checks = trained.diagnostics["audit"]["checks"]
        for name in ("one", "large"):
            about = [
                c["code"] for c in checks if c["sentence"].startswith(f"In the series '{name}'")
            ]
            assert about == [
                "scaler_range",
                "future_probe_scalers",
                "future_probe_features",
                "future_probe_forecasts",
            ]
        assert [check["code"] for check in checks].count("train_labels") == 1

    def test_a_leak_of_one_series_is_found_in_it(
        self, panel: list[SeriesData], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fit = SeriesFit.pipeline

        def leaky(self: SeriesFit, shared: FeaturePipeline) -> FeaturePipeline:
            own = fit(self, shared)
            if self.name == "large":
                own.standardizer.mean[:] = scales["mean"]
            return own

        scales = {"mean": 0.0}
        monkeypatch.setattr(SeriesFit, "pipeline", leaky)
        spec = resolve(small(), [SeriesProfile.from_data(each) for each in panel])
        made = prepare(spec, panel)
        # The second preparation sees another future, and finds another mean.
        scales["mean"] = 1.0
        failed = [
            c for c in audit_training(spec, panel, made, make_loader(spec, made)) if not c.passed
        ]
        assert [check.code for check in failed] == ["future_probe_scalers", "future_probe_features"]
        assert all(check.sentence.startswith("In the series 'large'") for check in failed)


class TestReproducibility:
    def test_a_second_training_is_identical(
        self, trained: Trained, panel: list[SeriesData]
    ) -> None:
        again = train(small(highway={"lags": 6}), panel)
        found = compare(Record.of(trained), Record.of(again), panel)
        assert found["identical"]
        assert found["largest_forecast_difference"] == {"value": 0.0}

    def test_forecasts_of_every_series_are_compared(
        self, trained: Trained, panel: list[SeriesData]
    ) -> None:
        other = train(small(highway={"lags": 6}, seed=1, epochs=1), panel)
        found = compare(Record.of(trained), Record.of(other), panel)
        # The errors of the large series are in the hundreds, those of the other below one.
        assert found["largest_forecast_difference"]["value"] > 50

    @pytest.mark.parametrize("field", ["mean", "scale"])
    def test_the_hash_of_the_arrays_covers_every_scaling(self, field: str) -> None:
        whole = counting([50, 40], [1.0, 1000.0])
        second = replace(whole.panel[1], **{field: getattr(whole.panel[1], field) + 1.0})
        changed = replace(whole, panel=(whole.panel[0], second))
        assert arrays_sha256(changed) != arrays_sha256(whole)


class TestBacktest:
    def test_any_series_of_the_panel_is_tested_on_its_own_grid_and_scale(
        self, trained: Trained, forecaster: Forecaster, panel: list[SeriesData]
    ) -> None:
        own, data = forecaster.for_series("large"), panel[1]
        plan = plan_backtest(own, data, BacktestSpec())
        assert plan.origins.tolist() == list(range(255, 297))
        result = Backtest(own, data, plan, refit=never).run()
        expected = trained.metrics_by_series["large"]["test"]["value"]
        # The training's report has the same origins; its baselines know the training rows only.
        assert result.report["targets"]["value"]["mae"] == pytest.approx(expected["mae"])
        assert result.report["targets"]["value"]["naive_mae"] == pytest.approx(
            expected["naive_mae"]
        )
        assert result.report["in_sample_origins"] == 0


def never(spec: Spec, panel: Sequence[SeriesData], notify: Callable[[float], None]) -> bytes:
    raise AssertionError("nothing is to be trained")


class TestTraining:
    def test_every_series_is_learnt_whatever_its_scale(self, trained: Trained) -> None:
        assert list(trained.metrics_by_series) == ["one", "large"]
        for figures in trained.metrics_by_series.values():
            assert figures["test"]["value"]["skill"] > 0.5
        small_mae, large_mae = (
            figures["test"]["value"]["mae"] for figures in trained.metrics_by_series.values()
        )
        assert 300 < large_mae / small_mae < 3000

    def test_it_is_as_good_as_training_alone(
        self, trained: Trained, panel: list[SeriesData]
    ) -> None:
        alone = train(small(highway={"lags": 6}), panel[0]).metrics["test"]["value"]["mae"]
        assert trained.metrics_by_series["one"]["test"]["value"]["mae"] < 1.2 * alone

    def test_the_report_has_each_series_and_all(self, trained: Trained) -> None:
        data = trained.data
        assert [each["name"] for each in data["series"]] == ["one", "large"]
        assert [each["rows"] for each in data["series"]] == [600, 300]
        assert data["rows"] == 900
        assert data["splits"]["train"]["rows"] == 630
        assert data["last"] == data["series"][0]["last"]
        assert len({data["sha256"], *(each["sha256"] for each in data["series"])}) == 3

    def test_diagnostics_are_by_series(self, trained: Trained) -> None:
        for what in ("baselines", "residuals"):
            assert list(trained.diagnostics[what]) == ["one", "large"]
        assert trained.diagnostics["baselines"]["large"]["season"]["steps"] == 24
        figures = trained.metrics["test"]["value"]
        assert figures["ar_order"] is None
        assert "significance" not in figures
        assert trained.metrics_by_series["large"]["test"]["value"]["significance"]["naive"]

    def test_streamed_equals_a_whole_pass_for_each(
        self, forecaster: Forecaster, panel: list[SeriesData]
    ) -> None:
        for data in panel:
            own = forecaster.for_series(data.name)
            cuts = [1, 50, 51, 200, len(data.times) - 20]
            check_agrees(own, data, streamed(own, data, cuts), cuts[-1] - 1)

    def test_a_series_it_did_not_learn_from_has_no_stored_scales(
        self, forecaster: Forecaster
    ) -> None:
        with pytest.raises(DataError, match="did not learn from a series named 'new'"):
            forecaster.for_series("new")

    def test_an_empty_panel_is_refused(self) -> None:
        with pytest.raises(DataError, match="at least 1 series"):
            train(Spec(), [])

    def test_windows_of_a_panel_train_too(self, panel: list[SeriesData]) -> None:
        fields = {"chunk": None, "lanes": None, "burn_in": None, "lookback": 12, "epochs": 1}
        spec = small(mode="windowed", steps_per_epoch=4, **fields)
        metrics = train(spec, panel).metrics_by_series
        assert all(np.isfinite(each["test"]["value"]["mae"]) for each in metrics.values())


class TestUnseen:
    def test_it_is_scaled_by_its_own_beginning_and_forecast_well(
        self, forecaster: Forecaster
    ) -> None:
        new = wave("new", 400, scale=1e-3, seed=7)
        own = forecaster.fitted(fit_unseen(forecaster.manifest, new))
        predicted = own.outputs(new.times, new.values)
        errors = np.abs(predicted.values[200:390, 0] - new.values[201:391, :1])
        naive = np.abs(new.values[200:390, :1] - new.values[201:391, :1])
        assert errors.mean() < 0.5 * naive.mean()

    @given(rows=st.integers(20, 400), more=st.integers(0, 400))
    def test_nothing_after_the_observations_it_counts_moves_the_scales(
        self, forecaster: Forecaster, rows: int, more: int
    ) -> None:
        new = wave("new", rows + more, seed=3)
        begun = replace(new, times=new.times[:rows], values=new.values[:rows])
        fit = fit_unseen(forecaster.manifest, begun)
        assert fit.observations is not None
        assert rows / 2 < fit.observations <= rows
        new.values[fit.observations :] = 1e9
        if observations_to_fit(forecaster.manifest, rows + more) == fit.observations:
            assert fit_unseen(forecaster.manifest, new).to_json() == fit.to_json()

    def test_a_stored_fit_is_the_same(self, forecaster: Forecaster) -> None:
        fit = fit_unseen(forecaster.manifest, wave("new"))
        assert SeriesFit.from_json(fit.to_json()).to_json() == fit.to_json()

    def test_too_little_history_says_how_much_is_needed(self, forecaster: Forecaster) -> None:
        least = least_observations(forecaster.manifest)
        assert least == 6 + 3 + 10
        with pytest.raises(DataError, match=f"its first {least} observations .* Received: 18"):
            fit_unseen(forecaster.manifest, wave("new", least - 1))
        assert fit_unseen(forecaster.manifest, wave("new", least)).observations == least

    def test_a_target_that_does_not_vary_yet_is_refused(self, forecaster: Forecaster) -> None:
        flat = wave("flat")
        flat.values[:, 0] = 3.0
        with pytest.raises(DataError, match=r"must vary in the first .* value, which holds only 3"):
            fit_unseen(forecaster.manifest, flat)
