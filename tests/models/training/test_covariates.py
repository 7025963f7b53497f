"""Known-future covariates end to end: what they bring, what they may see, served as trained."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from models.arrays import Values
from models.backtesting.backtest import forecasts_at
from models.checks.resolve import SeriesProfile, resolve
from models.errors import DataError
from models.features.prepare import Prepared, prepare
from models.series import Channel, SeriesData
from models.serving.artefact import read_bundle
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster, State
from models.serving.intervals import at_level
from models.spec.spec import Spec
from models.training.train import train
from models.training.trained import Trained

CUT = 900
LEADS = 3

SMALL: dict[str, Any] = {
    "targets": ["y"],
    "horizon": LEADS,
    "known_future": ["promo"],
    "layers": [{"cell": "gru", "units": 6}],
    "head": {"dropout": 0.0},
    "chunk": 24,
    "lanes": 6,
    "burn_in": 6,
    "optimizer": {"learning_rate": 0.01, "clipnorm": 1.0},
    "epochs": 2,
}
WINDOWED: dict[str, Any] = {
    **{name: value for name, value in SMALL.items() if name not in ("chunk", "lanes", "burn_in")},
    "mode": "windowed",
    "lookback": 12,
    "step": 2,
    "batch_size": 64,
}


def make_promotions(rows: int = 1200) -> SeriesData:
    """y[t] = 20 + 3 sin(2 pi t / 24) + 8 promo[t] + noise of 0.1; promo is drawn by lot."""
    generator = np.random.default_rng(0)
    hours = np.arange(rows)
    promo = (generator.random(rows) < 0.3).astype(float)
    y = 20 + 3 * np.sin(2 * np.pi * hours / 24) + 8 * promo + 0.1 * generator.normal(size=rows)
    other = generator.normal(size=rows)
    return SeriesData(
        name="promotions",
        kind="generic",
        channels=(Channel("y"), Channel("promo"), Channel("other")),
        times=np.datetime64("2024-01-01T00:00", "us") + hours * np.timedelta64(1, "h"),
        values=np.stack([y, promo, other], axis=1),
        cadence="1h",
        calendar="continuous",
        timezone="Europe/Berlin",
    )


def trained_on(data: SeriesData, fields: dict[str, Any]) -> Trained:
    return train(Spec.model_validate(fields), data)


def loaded(data: SeriesData, fields: dict[str, Any]) -> Forecaster:
    return Forecaster.from_bundle(trained_on(data, fields).bundle)


def changed_after_the_cut(data: SeriesData, *names: str) -> SeriesData:
    values = data.values.copy()
    for name in names:
        column = data.channel_names.index(name)
        values[CUT:, column] = np.random.default_rng(1).normal(size=len(values) - CUT)
    return replace(data, values=values)


def promo_after(data: SeriesData, row: int) -> Values:
    return data.values[row + 1 : row + 1 + LEADS, [1]]


@pytest.fixture(scope="module")
def data() -> SeriesData:
    return make_promotions()


@pytest.fixture(scope="module")
def trained(data: SeriesData) -> Trained:
    """A stateful forecaster with a highway, which reads lags beside the future."""
    return trained_on(data, {**SMALL, "holidays": "DE", "highway": {"lags": 24, "shared": True}})


@pytest.fixture(scope="module")
def forecaster(trained: Trained) -> Forecaster:
    return Forecaster.from_bundle(trained.bundle)


@pytest.mark.slow
class TestWorth:
    def test_what_is_known_of_the_target_time_is_worth_a_wide_margin(
        self, data: SeriesData
    ) -> None:
        longer = {**SMALL, "epochs": 25}
        known, unknown = (
            trained_on(data, {**longer, "known_future": names}).metrics["test"]["y"]["mae"]
            for names in (["promo"], [])
        )
        # Without it, the best guess of 8 promo misses by 8 x 2 x 0.3 x 0.7 = 3.36 (the mean)
        # or 8 x 0.3 = 2.4 (the median) on average.
        assert unknown > 2.0
        assert known < 0.25 * unknown

    def test_the_report_says_that_true_values_were_used(
        self, data: SeriesData, trained: Trained
    ) -> None:
        assert "actual values of promo" in trained.data["known_future"]
        assert trained_on(data, {**SMALL, "known_future": []}).data["known_future"] is None


class TestCausality:
    def prepared(self, data: SeriesData) -> Prepared:
        spec = Spec.model_validate({**SMALL, "features": ["y", "other"], "holidays": "DE"})
        return prepare(resolve(spec, SeriesProfile.from_data(data)), data)

    @pytest.mark.parametrize("names", [["y", "other"], ["promo"], ["y", "promo", "other"]])
    def test_features_and_state_see_no_future_at_all(
        self, data: SeriesData, names: list[str]
    ) -> None:
        before, after = map(self.prepared, (data, changed_after_the_cut(data, *names)))
        assert before.pipeline.to_json() == after.pipeline.to_json()
        np.testing.assert_array_equal(before.dataset.features[:CUT], after.dataset.features[:CUT])

    def test_the_head_sees_the_future_of_declared_channels_alone(self, data: SeriesData) -> None:
        before, undeclared, declared = (
            self.prepared(each).dataset.future_inputs(np.arange(CUT))
            for each in (
                data,
                changed_after_the_cut(data, "y", "other"),
                changed_after_the_cut(data, "promo"),
            )
        )
        assert before is not None
        assert declared is not None
        np.testing.assert_array_equal(before, undeclared)
        np.testing.assert_array_equal(before[: CUT - LEADS], declared[: CUT - LEADS])
        assert (before[CUT - LEADS :] != declared[CUT - LEADS :]).any()

    def test_forecasts_see_the_future_of_declared_channels_up_to_their_lead_alone(
        self, data: SeriesData, forecaster: Forecaster
    ) -> None:
        before, undeclared, declared = (
            forecaster.outputs(each.times, each.values).values
            for each in (
                data,
                changed_after_the_cut(data, "y", "other"),
                changed_after_the_cut(data, "promo"),
            )
        )
        np.testing.assert_array_equal(before[:CUT], undeclared[:CUT])
        np.testing.assert_array_equal(before[: CUT - LEADS], declared[: CUT - LEADS])
        assert (before[CUT - LEADS : CUT] != declared[CUT - LEADS : CUT]).any()

    def test_the_values_of_a_request_move_the_forecast_of_the_same_state(
        self, data: SeriesData, forecaster: Forecaster
    ) -> None:
        state = run_one(
            forecaster.advance(forecaster.initial_state(), data.times[:CUT], data.values[:CUT])
        )
        low, high = (
            run_one(forecaster.forecast(state, np.full((LEADS, 1), value))).values
            for value in (0.0, 1.0)
        )
        assert (low != high).any()


class TestAudit:
    def test_what_is_declared_may_be_looked_ahead_at(self, trained: Trained) -> None:
        audit = trained.diagnostics["audit"]
        assert audit["passed"]
        (probe,) = (c for c in audit["checks"] if c["code"] == "future_probe_forecasts")
        assert "all values except those known in the future" in probe["sentence"]


@pytest.mark.slow
class TestServing:
    @pytest.mark.parametrize(
        "fields",
        [{}, {"highway": None}, {"ensemble": 2, "head": {"layers": [{"units": 3}]}}],
        ids=["highway", "alone", "ensemble"],
    )
    def test_streamed_equals_replayed_equals_whole_pass(
        self, data: SeriesData, forecaster: Forecaster, fields: dict[str, Any]
    ) -> None:
        served = loaded(data, {**SMALL, **fields}) if fields else forecaster
        self.check(served, data, first=CUT)

    def test_windowed_streams_like_the_whole_pass(self, data: SeriesData) -> None:
        self.check(loaded(data, {**WINDOWED, "highway": {"lags": 5}}), data, first=11)

    def check(self, forecaster: Forecaster, data: SeriesData, first: int) -> None:
        whole = forecaster.outputs(data.times, data.values, levels=[90])
        # The last rows have leads without known values.
        assert np.isnan(whole.values[-LEADS:]).all()
        state = run_one(
            forecaster.advance(forecaster.initial_state(), data.times[:first], data.values[:first])
        )
        for row in range(first, first + 12):
            rows = slice(row, row + 1)
            state = State.from_bytes(state.to_bytes())
            state = run_one(forecaster.advance(state, data.times[rows], data.values[rows]))
            forecast = run_one(forecaster.forecast(state, promo_after(data, row)))
            predicted = forecast.values
            np.testing.assert_allclose(predicted, whole.values[row], atol=1e-6)
            assert forecast.lower is not None
            assert forecast.upper is not None
            assert (forecast.lower < predicted).all()
            assert (forecast.upper > predicted).all()
            np.testing.assert_allclose(
                at_level(90, predicted, forecast.lower), whole.lower[0, row], atol=1e-6
            )
        again = run_one(
            forecaster.advance(
                forecaster.initial_state(), data.times[: row + 1], data.values[: row + 1]
            )
        )
        replayed = run_one(forecaster.forecast(again, promo_after(data, row))).values
        np.testing.assert_allclose(replayed, predicted, atol=1e-6)

    def test_keras_says_the_same(
        self, data: SeriesData, trained: Trained, forecaster: Forecaster, tmp_path: Any
    ) -> None:
        path = tmp_path / "model.keras"
        path.write_bytes(read_bundle(trained.bundle).keras)
        network = keras.models.load_model(path)
        rows = 60
        grid = forecaster._preprocessor.grid(data.times[:rows], data.values[:rows])
        reading = forecaster._preprocessor.preprocess(
            forecaster._preprocessor.pipeline.empty_tail(), grid
        )
        inputs = forecaster._preprocessor.inputs(reading.features, reading, slice(None))
        batch = [each[np.newaxis] for each in inputs]
        y = np.asarray(network([*batch, np.zeros((1, 6), np.float32)])[0])[0]
        predicted = forecaster._postprocessor.values(y, reading.base)
        whole = forecaster.outputs(data.times[:rows], data.values[:rows]).values
        np.testing.assert_allclose(
            predicted[10 : rows - LEADS], whole[10 : rows - LEADS], atol=1e-5
        )

    def test_a_backtest_knows_what_a_request_would_have_brought(
        self, data: SeriesData, forecaster: Forecaster
    ) -> None:
        row = len(data.times) - 1 - LEADS
        predicted = forecasts_at(forecaster, data, data.times[[row - 5, row]])
        whole = forecaster.outputs(data.times, data.values).values[[row - 5, row]]
        np.testing.assert_array_equal(predicted, whole)
        assert np.isfinite(predicted).all()

    def test_a_forecast_without_its_values_is_refused(
        self, data: SeriesData, forecaster: Forecaster
    ) -> None:
        state = run_one(forecaster.advance(forecaster.initial_state(), data.times, data.values))
        assert forecaster.known_future == ("promo",)
        for known in (None, np.ones((2, 1)), np.full((LEADS, 1), np.nan)):
            with pytest.raises(DataError, match="every known-future channel at every lead"):
                run_one(forecaster.forecast(state, known))

    def test_what_was_observed_after_an_origin_stands_for_the_request(
        self, data: SeriesData, forecaster: Forecaster
    ) -> None:
        state = run_one(
            forecaster.advance(forecaster.initial_state(), data.times[:CUT], data.values[:CUT])
        )
        later = slice(CUT, CUT + 2)
        found = forecaster.observed_future(state, data.times[later], data.values[later])
        np.testing.assert_array_equal(found[:2], data.values[later, 1:2])
        assert np.isnan(found[2])


class TestHolidaysAlone:
    def test_they_need_no_values_and_stream_like_the_whole_pass(self, data: SeriesData) -> None:
        fields = {**SMALL, "known_future": [], "holidays": ["DE-BY"], "features": ["y"]}
        forecaster = loaded(data, fields)
        values = data.values[:, [0]]
        whole = forecaster.outputs(data.times, values)
        assert np.isfinite(whole.values[6:]).all()
        state = run_one(
            forecaster.advance(forecaster.initial_state(), data.times[:-5], values[:-5])
        )
        for row in range(len(values) - 5, len(values)):
            state = run_one(
                forecaster.advance(state, data.times[row : row + 1], values[row : row + 1])
            )
            predicted = run_one(forecaster.forecast(state)).values
            np.testing.assert_allclose(predicted, whole.values[row], atol=1e-6)

    def test_a_session_that_is_a_holiday_is_known_as_one_before_it_fails_to_come(self) -> None:
        days = np.arange("2022-01-03", "2023-12-23", dtype="datetime64[D]")
        days = days[np.is_busday(days)]
        closed = np.array(["2022-12-26", "2023-04-10"], "datetime64[D]")
        times = days[~np.isin(days, closed)].astype("datetime64[us]")
        walk = np.cumsum(np.random.default_rng(0).normal(size=len(times)))
        data = SeriesData(
            "days",
            "generic",
            (Channel("y"),),
            times,
            walk[:, np.newaxis],
            "B",
            "sessions",
            "UTC",
        )
        spec = {**SMALL, "known_future": [], "holidays": "DE", "chunk": 12}
        prepared = prepare(
            resolve(Spec.model_validate(spec), SeriesProfile.from_data(data)), data
        ).dataset
        (friday,) = np.flatnonzero(times == np.datetime64("2022-12-23"))
        found = prepared.future_inputs(np.array([friday]))
        assert found is not None
        # Monday 26 and Tuesday 27 December, and Wednesday, as the usual week has them.
        assert found.reshape(LEADS, 3)[:, 0].tolist() == [1.0, 0.0, 0.0]


class TestResampled:
    def test_hours_of_ten_minutes_serve_what_they_trained_on(self, data: SeriesData) -> None:
        minutes = data.times[0] + np.arange(1200) * np.timedelta64(10, "m")
        fine = replace(data, times=minutes, cadence="10min")
        fields = {**SMALL, "cadence": "1h", "aggregate": "mean", "holidays": "DE", "chunk": 12}
        forecaster = loaded(fine, fields)
        whole = forecaster.outputs(fine.times, fine.values)
        stop = int(np.searchsorted(fine.times, whole.times[150], side="right"))
        state = run_one(
            forecaster.advance(forecaster.initial_state(), fine.times[:stop], fine.values[:stop])
        )
        known = forecaster.observed_future(state, fine.times[stop:], fine.values[stop:])
        assert known.shape == (LEADS, 1)
        predicted = run_one(forecaster.forecast(state, known))
        assert predicted.origin == whole.times[150]
        np.testing.assert_allclose(predicted.values, whole.values[150], atol=1e-6)
