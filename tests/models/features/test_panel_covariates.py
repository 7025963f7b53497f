"""Panels with known-future covariates: each series' future, holidays and effects are its own."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.checks.resolve import SeriesProfile, resolve
from models.errors import SpecError
from models.features.dataset import Dataset, Track
from models.features.features import FeaturePipeline
from models.features.known_effects import KnownEffects
from models.features.known_future import FutureTable
from models.features.prepare import prepare
from models.features.scaling import TargetScaling
from models.features.series_fit import SeriesFit
from models.series import SeriesData
from models.serving.adaptation import fit_unseen
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster, State
from models.spec.spec import Spec
from models.training.train import train
from models.training.trained import Trained
from tests.models.training.test_covariates import LEADS, SMALL, make_promotions


def shop(name: str, rows: int = 900, scale: float = 1.0, timezone: str = "UTC") -> SeriesData:
    """Promotions that do the same everywhere, in proportion to the shop's size."""
    data = make_promotions(rows)
    values = data.values * [scale, 1.0, 1.0]
    return replace(data, name=name, values=values, timezone=timezone)


def spec_of(panel: list[SeriesData], **fields: Any) -> Spec:
    profiles = [SeriesProfile.from_data(each) for each in panel]
    return resolve(Spec.model_validate({**SMALL, **fields}), profiles)


@pytest.fixture(scope="module")
def panel() -> list[SeriesData]:
    return [shop("small", timezone="Europe/Berlin"), shop("large", 600, 1000.0, "Asia/Kolkata")]


@pytest.fixture(scope="module")
def trained(panel: list[SeriesData]) -> Trained:
    fields = {**SMALL, "holidays": "DE", "highway": {"lags": 24}, "epochs": 12}
    return train(Spec.model_validate(fields), panel)


@pytest.fixture(scope="module")
def forecaster(trained: Trained) -> Forecaster:
    return Forecaster.from_bundle(trained.bundle)


class TestFuture:
    def test_rows_of_every_series_see_what_they_see_alone(self, panel: list[SeriesData]) -> None:
        spec = spec_of(panel, holidays="DE", cadence="2h", aggregate="mean")
        joint, first = prepare(spec, panel).dataset, 0
        for data in panel:
            alone = prepare(spec, data).dataset
            rows = np.arange(len(alone.features))
            assert joint.future is not None
            assert alone.future is not None
            np.testing.assert_array_equal(
                joint.future.inputs(first + rows), alone.future.inputs(rows)
            )
            np.testing.assert_array_equal(
                joint.future.complete(first + rows), alone.future.complete(rows)
            )
            first += len(rows)
        assert first == len(joint.features)

    def test_nothing_known_is_no_table(self) -> None:
        assert FutureTable.joined([]) is None


class TestEffects:
    def test_they_are_found_over_all_series_and_taken_off_each_in_its_unit(self) -> None:
        rows, scales = 200, (1.0, 1000.0)
        known = np.random.default_rng(0).normal(size=(2 * rows, 1)).astype(np.float32)
        drift = np.concatenate([scale * 0.01 * np.arange(rows) for scale in scales])
        effect = np.concatenate([scale * np.full(rows, 2.0) for scale in scales]) * known[:, 0]
        values = (drift + effect)[:, np.newaxis]
        scalings = tuple(
            TargetScaling("delta", np.array([1]), np.zeros(1), np.array([[scale]]))
            for scale in scales
        )
        future = FutureTable(
            leads=np.array([1]),
            known=known,
            ends=np.array([rows, 2 * rows]),
            flags=np.empty((2, 0), np.float32),
            places=np.zeros(2 * rows, np.int64),
        )
        tracks = (Track(0, 150, 175, rows, 0), Track(rows, 350, 375, 2 * rows, 1))
        features = np.zeros((2 * rows, 1), np.float32)
        whole = Dataset(
            features, values, values, scalings[0], tracks, panel=scalings, future=future
        )
        found = KnownEffects.fit(whole)
        assert found is not None
        np.testing.assert_allclose(found.weights, [[2.0]], rtol=0.01)
        left = KnownEffects("delta", np.array([[2.0]])).removed_from(whole)
        np.testing.assert_allclose(left.base[:, 0], drift, atol=1e-9)
        np.testing.assert_array_equal(
            found.in_unit(np.array([1000.0])).weights, 1000 * found.weights
        )


class TestRules:
    def test_a_channel_may_stand_still_in_some_of_the_series(self) -> None:
        still = shop("still")
        still.values[:, 1] = 0.0
        assert spec_of([shop("a"), still]).known_future == ["promo"]
        assert (
            prepare(spec_of([still, shop("a")]), [still, shop("a")]).dataset.future_width == LEADS
        )

    def test_one_that_varies_nowhere_is_the_fault_of_the_spec(self) -> None:
        panel = [shop("a"), shop("b")]
        for each in panel:
            each.values[:, 1] = 0.0
        with pytest.raises(SpecError) as caught:
            spec_of(panel)
        assert "/known_future/0" in {problem.pointer for problem in caught.value.problems}

    def test_holidays_need_not_fall_into_every_series(self) -> None:
        # Two weeks of late January have no holiday in Germany, beside them either.
        quiet = shop("quiet", 1200)
        quiet = replace(quiet, times=quiet.times + np.timedelta64(14, "D"))
        cut = replace(quiet, times=quiet.times[:336], values=quiet.values[:336])
        with pytest.raises(SpecError):
            spec_of([cut], holidays="DE")
        assert spec_of([shop("a"), cut], holidays="DE").holidays == ["DE"]


class TestTraining:
    def test_the_promotions_of_every_series_are_known_ahead(self, trained: Trained) -> None:
        for scale, figures in zip((1.0, 1000.0), trained.metrics_by_series.values(), strict=True):
            # Without them the error is 2.4 at least: see `test_covariates`.
            assert figures["test"]["y"]["mae"] < scale
        assert trained.manifest["known_effects"] is not None

    def test_days_begin_where_the_series_is(self, trained: Trained) -> None:
        # In Berlin it is still 1 October, in Kolkata already the eve of the holiday on the third.
        moment = np.array([np.datetime64("2024-10-01T20:00", "us")])
        shared = FeaturePipeline.from_json(trained.manifest["features"])
        fits = [SeriesFit.from_json(each) for each in trained.manifest["panel"]]
        flags = [fit.pipeline(shared).flags(moment)[0].tolist() for fit in fits]
        assert flags == [[0, 0, 0], [0, 1, 0]]

    @pytest.mark.parametrize("name", ["small", "large", "new"])
    def test_streamed_equals_a_whole_pass(
        self, forecaster: Forecaster, panel: list[SeriesData], name: str
    ) -> None:
        new = shop("new", 700, 0.01, "America/New_York")
        data = {each.name: each for each in (*panel, new)}[name]
        if name == "new":
            own = forecaster.fitted(fit_unseen(forecaster.manifest, data))
        else:
            own = forecaster.for_series(name)
        columns = [data.channel_names.index(each) for each in forecaster.manifest["channels"]]
        values, row = data.values[:, columns], 500
        state, first = own.initial_state(), 0
        for stop in (1, 200, 201, row + 1):
            state = State.from_bytes(state.to_bytes())
            state = run_one(own.advance(state, data.times[first:stop], values[first:stop]))
            first = stop
        promo = data.values[row + 1 : row + 1 + LEADS, [1]]
        made, whole = (
            run_one(own.forecast(state, promo)),
            own.outputs(data.times, values, levels=(80.0,)),
        )
        near = {"rtol": 1e-6, "atol": 1e-6 * np.abs(made.values).max()}
        np.testing.assert_allclose(made.values, whole.values[row], **near)
        assert made.lower is not None
        np.testing.assert_allclose(made.lower[3], whole.lower[0, row], **near)
        # The effect of a promotion is taken off and put back in the unit of the series.
        truth = data.values[row + 1 : row + 1 + LEADS, :1]
        assert np.abs(made.values - truth).max() < 0.1 * np.abs(truth).max()
