"""The highway: which lags it reads, what it finds in known processes, and when there is none."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Values
from models.checks.resolve import SeriesProfile, resolve
from models.errors import SpecError
from models.features.dataset import Dataset, Track
from models.features.highway import Highway, LagReader
from models.features.highway_fitting import choose_highway
from models.features.lags import LagTable, LaidHighway
from models.features.prepare import prepare
from models.features.scaling import TargetScaling, Transform
from models.series import Channel, SeriesData
from models.serving.artefact import read_bundle
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster, State
from models.spec.spec import HighwaySpec, Spec
from models.training.trained import Trained
from tests.models.conftest import make_wave


def reader(transform: Transform = "delta", lags: int = 2, targets: int = 1) -> LagReader:
    return LagReader(transform, lags, np.zeros(targets), np.ones(targets))


def dataset_of(
    values: Values, leads: list[int], *, transform: Transform = "delta", validation: float = 0.2
) -> Dataset:
    """One track of values without gaps; the last rows are the test part."""
    rows = len(values)
    test = int(rows * 0.8)
    border = int(rows * (0.8 - validation))
    scaling = TargetScaling.fit(transform, leads, values[:border])
    features = np.zeros((rows, 1), np.float32)
    return Dataset(features, values, values, scaling, (Track(0, border, test, rows),))


def autoregressive(rows: int, targets: int = 1, seed: int = 0) -> Values:
    """y[t] = 1.2 y[t-1] - 0.5 y[t-2] + noise, for each target on its own."""
    generator = np.random.default_rng(seed)
    values = np.zeros((rows, targets))
    for row in range(2, rows):
        noise = generator.normal(size=targets)
        values[row] = 1.2 * values[row - 1] - 0.5 * values[row - 2] + noise
    return values


@pytest.mark.unit
class TestLags:
    def test_a_lag_is_the_change_back_from_the_last_value(self) -> None:
        filled = np.array([[1.0], [2.0], [4.0], [7.0]])
        lags = reader().inputs(reader().windows(filled))
        np.testing.assert_array_equal(lags, [[[-2, -3]], [[-3, -5]]])

    def test_without_a_change_a_lag_is_the_value_itself(self) -> None:
        filled = np.array([[1.0], [2.0], [4.0]])
        levels = reader("none")
        np.testing.assert_array_equal(levels.inputs(levels.windows(filled)), [[[4, 2]]])

    def test_log_returns_are_changes_of_logarithms(self) -> None:
        logs = reader("log_return", lags=1)
        found = logs.inputs(logs.windows(np.array([[np.e], [1.0]])))
        np.testing.assert_allclose(found, [[[1.0]]], atol=1e-7)

    def test_nothing_before_the_first_value_counts_as_no_change(self) -> None:
        filled = np.array([[np.nan], [np.nan], [5.0], [6.0]])
        lags = reader().inputs(reader().windows(filled))
        np.testing.assert_array_equal(lags, [[[0, 0]], [[-1, 0]]])

    def test_a_stored_reader_reads_the_same(self) -> None:
        stored = LagReader("none", 3, np.array([1.0]), np.array([2.0]))
        assert LagReader.from_json(stored.to_json()).to_json() == stored.to_json()

    @given(
        rows=st.lists(st.integers(1, 12), min_size=1, max_size=4),
        lags=st.integers(1, 6),
        transform=st.sampled_from(["none", "delta", "log_return"]),
    )
    def test_tracks_are_read_one_by_one(
        self, rows: list[int], lags: int, transform: Transform
    ) -> None:
        generator = np.random.default_rng(sum(rows))
        tracks = [generator.uniform(1, 9, size=(count, 2)) for count in rows]
        firsts = [0, *np.cumsum(rows)[:-1].tolist()]
        each = reader(transform, lags, targets=2)
        table = LagTable.of([each] * len(rows), np.concatenate(tracks), firsts)
        empty = np.full((lags, 2), np.nan)
        alone = [each.inputs(each.windows(np.concatenate([empty, track]))) for track in tracks]
        np.testing.assert_array_equal(table.inputs(np.arange(sum(rows))), np.concatenate(alone))


@pytest.mark.unit
class TestOutputs:
    def test_each_target_has_its_own_weights(self) -> None:
        weights = np.array([[[1.0, 2.0]], [[10.0, 20.0]]], np.float32)
        highway = Highway(reader(lags=1, targets=2), False, weights)
        lags = np.array([[[3.0], [0.5]]], np.float32)
        np.testing.assert_allclose(highway.outputs(lags), [[3, 5, 6, 10]])

    def test_labels_are_what_the_highway_leaves(self) -> None:
        values = autoregressive(60)
        plain = dataset_of(values, [1, 2])
        highway = Highway(reader(), False, np.ones((1, 2, 2), np.float32))
        laid = LaidHighway.over(highway, [highway.reader], values, plain.first_rows)
        whole = Dataset(values[:, :1].astype(np.float32), values, values, plain.scaling,
                        plain.tracks, laid)  # fmt: skip
        rows, ends = np.array([[10, 11], [20, 21]]), np.array([[50], [50]])
        (labels, _), (left, _) = plain.labels(rows, ends), whole.labels(rows, ends)
        predicted = highway.outputs(laid.table.inputs(rows.ravel())).reshape(2, 2, 2)
        np.testing.assert_allclose(labels - predicted, left, atol=1e-6)


@pytest.mark.unit
class TestFitting:
    def test_the_weights_of_a_known_process_are_found(self) -> None:
        dataset = dataset_of(autoregressive(20_000), [1])
        choice = choose_highway(dataset, HighwaySpec(lags=3), season=1, loss="mse")
        assert choice.highway is not None
        reader_, weights = choice.highway.reader, choice.highway.weights[0, :, 0]
        # y[t+1] - y[t] = 0.2 y[t] - 0.5 y[t-1]: changes alone cannot express this unless
        # the level is steady, so the truth is the best map of two changes, found by lstsq.
        values = dataset.actual[:, 0]
        rows = np.arange(3, 12_000 - 1)
        changes = np.stack([values[rows - lag] - values[rows] for lag in (1, 2, 3)], axis=1)
        wanted = np.linalg.lstsq(changes, values[rows + 1] - values[rows], rcond=None)[0]
        in_units = weights * dataset.scaling.scale[0, 0] / reader_.scale[0]
        np.testing.assert_allclose(in_units, wanted, atol=0.02)

    def test_a_seasonal_series_gets_a_highway_that_beats_having_none(self) -> None:
        hours = np.arange(3_000)
        noise = np.random.default_rng(0).normal(size=3_000)
        values = (5 * np.sin(2 * np.pi * hours / 24) + noise)[:, np.newaxis]
        choice = choose_highway(dataset_of(values, [1, 12]), HighwaySpec(), season=24, loss="mae")
        assert choice.highway is not None
        assert choice.report["lags"] in {24, 48, 96, 168}
        assert choice.report["error"] < 0.5 * choice.report["error_without"]
        assert choice.report["part"] == "validation"

    def test_a_random_walk_gets_none(self) -> None:
        walk = np.random.default_rng(0).normal(size=(4_000, 1)).cumsum(axis=0)
        choice = choose_highway(dataset_of(walk, [1, 5]), HighwaySpec(), season=1, loss="mae")
        assert choice.highway is None
        assert choice.report["lags"] is None
        assert len(choice.report["candidates"]) == 20

    def test_alike_targets_may_share_their_weights(self) -> None:
        dataset = dataset_of(autoregressive(400, targets=6), [1])
        choice = choose_highway(dataset, HighwaySpec(lags=4, shared=True), season=1, loss="mae")
        assert choice.highway is not None
        weights = choice.highway.weights
        assert all((weights[0] == each).all() for each in weights)

    def test_without_a_validation_part_the_end_of_training_decides(self) -> None:
        dataset = dataset_of(autoregressive(1_000), [1], validation=0.0)
        choice = choose_highway(dataset, HighwaySpec(), season=1, loss="mae")
        assert choice.report["part"] == "train"
        assert choice.highway is not None

    def test_outliers_move_robust_weights_less(self) -> None:
        values = autoregressive(4_000)
        spoilt = values.copy()
        spoilt[np.arange(50, 2_000, 100)] += 500
        found = {}
        for loss in ("mse", "mae"):
            clean, dirty = (
                choose_highway(dataset_of(each, [1]), HighwaySpec(lags=2), season=1, loss=loss)
                for each in (values, spoilt)
            )
            assert clean.highway is not None
            assert dirty.highway is not None
            in_units = [
                choice.highway.weights / choice.highway.reader.scale
                for choice in (clean, dirty)
                if choice.highway
            ]
            found[loss] = np.abs(in_units[0] - in_units[1]).max()
        assert found["mae"] < found["mse"]

    def test_what_lies_after_validation_changes_nothing(self) -> None:
        values = autoregressive(2_000)
        changed = values.copy()
        changed[1_600:] = 1e6
        one, other = (
            choose_highway(dataset_of(each, [1, 3]), HighwaySpec(), season=1, loss="mae")
            for each in (values, changed)
        )
        assert one.report == other.report
        assert one.highway is not None
        assert other.highway is not None
        np.testing.assert_array_equal(one.highway.weights, other.highway.weights)


TINY: dict[str, Any] = {
    "targets": ["value", "lead"],
    "horizon": 4,
    "layers": [{"cell": "lstm", "units": 4}],
    "epochs": 1,
    "highway": {"lags": 30},
}


def with_gaps() -> SeriesData:
    data = make_wave(400)
    values = data.values.copy()
    values[:7, 1] = np.nan
    values[100:130, 0] = np.nan
    return SeriesData(
        data.name, data.kind, data.channels, data.times, values, "1h", "continuous", "UTC"
    )


@pytest.fixture(scope="module", params=["stateful", "windowed"])
def trained(request: pytest.FixtureRequest) -> Trained:
    windowed = {"mode": "windowed", "lookback": 8, "steps_per_epoch": 2}
    mode = windowed if request.param == "windowed" else {}
    from models.training.train import train

    return train(Spec.model_validate({**TINY, **mode}), with_gaps())


class TestForecaster:
    def test_the_network_has_a_layer_of_that_name(self, trained: Trained) -> None:
        layers = {layer["name"]: layer for layer in trained.network["layers"]}
        assert layers["highway"]["cell"] == "highway"
        assert layers["highway"]["parameters"] == 2 * 30 * 4
        assert trained.training["highway"]["lags"] == 30

    def test_streamed_equals_a_whole_pass(self, trained: Trained) -> None:
        forecaster, data = Forecaster.from_bundle(trained.bundle), with_gaps()
        whole = forecaster.outputs(data.times, data.values)
        state = forecaster.initial_state()
        cuts = [0, 1, 3, 60, 110, 111, 140, 400]
        for first, stop in pairwise(cuts):
            state = State.from_bytes(state.to_bytes())
            state = run_one(
                forecaster.advance(state, data.times[first:stop], data.values[first:stop])
            )
            if stop >= 60:
                predicted = run_one(forecaster.forecast(state)).values
                np.testing.assert_allclose(predicted, whole.values[stop - 1], atol=1e-6)

    def test_the_state_keeps_the_lags(self, trained: Trained) -> None:
        forecaster = Forecaster.from_bundle(trained.bundle)
        assert forecaster.initial_state().tail.shape == (30, 2)

    def test_the_graph_reads_lags(self, trained: Trained) -> None:
        assert b"lags" in read_bundle(trained.bundle).onnx


@pytest.mark.slow
class TestShrinkage:
    def test_noise_is_shrunk_away(self) -> None:
        from models.training.train import train

        generator = np.random.default_rng(0)
        walk = 100 + generator.normal(size=(1_500, 1)).cumsum(axis=0)
        times = np.datetime64("2024-01-01", "us") + np.arange(1_500) * np.timedelta64(1, "h")
        data = SeriesData(
            "walk", "generic", (Channel("x"),), times, walk, "1h", "continuous", "UTC"
        )
        fields = {"horizon": 3, "epochs": 3, "highway": None, "early_stopping": None}
        spec = Spec.model_validate({**fields, "layers": [{"units": 16}]})
        shrunk, whole = (
            train(spec.model_copy(update={"shrinkage": wanted}), data) for wanted in (True, False)
        )
        assert whole.training["shares"] is None
        assert all(0 <= share <= 1 for share in shrunk.training["shares"])
        validation = [each.metrics["validation"]["x"]["mae"] for each in (shrunk, whole)]
        assert validation[0] <= validation[1] + 1e-9
        assert shrunk.metrics["test"]["x"]["skill"] > -0.02


class TestRules:
    @pytest.mark.unit
    def test_lags_leave_rows_to_learn_from(self) -> None:
        data = make_wave(200)
        with pytest.raises(SpecError, match="at most half of the 140 training rows") as caught:
            resolve(Spec(highway=HighwaySpec(lags=71)), SeriesProfile.from_data(data))
        assert caught.value.problems[0].pointer == "/highway/lags"

    def test_null_means_none(self) -> None:
        from models.training.train import fit_highway

        data = make_wave(300)
        spec = resolve(Spec(highway=None, horizon=2), SeriesProfile.from_data(data))
        prepared, choice = fit_highway(spec, prepare(spec, data))
        assert choice is None
        assert prepared.dataset.highway is None

    @pytest.mark.unit
    def test_windowed_models_have_one_only_if_asked(self) -> None:
        profile = SeriesProfile.from_data(make_wave(300))
        assert resolve(Spec(mode="windowed"), profile).highway is None
        asked = Spec(mode="windowed", highway=HighwaySpec(lags=5))
        assert resolve(asked, profile).highway == HighwaySpec(lags=5)
