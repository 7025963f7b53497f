"""Directions and numbered classes: coding, training, calibration, figures, streaming."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.checks.resolve import SeriesProfile, resolve
from models.errors import DataError, SpecError
from models.evaluation.class_metrics import (
    baseline_figures,
    calibration_table,
    class_rows,
    figures_of,
)
from models.evaluation.temperature import fit_temperatures
from models.features.class_balance import ClassBalance
from models.features.classes import ClassCoding
from models.features.prepare import prepare
from models.network.losses import binary_cross_entropy, cross_entropy, objective_of, weighted
from models.series import Channel, SeriesData
from models.serving.artefact import read_bundle
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster
from models.spec.spec import Spec
from models.training.train import prepare_training, train
from models.training.trained import Trained
from tests.models.conftest import make_wave, steps_compiled

SMALL: dict[str, Any] = {
    "task": "direction",
    "targets": ["value"],
    "horizon": 2,
    "layers": [{"cell": "gru", "units": 8}],
    "epochs": 12,
    "optimizer": {"learning_rate": 0.02, "clipnorm": 1.0},
    "early_stopping": None,
}


def resolved(data: SeriesData | None = None, **fields: Any) -> Spec:
    profile = SeriesProfile.from_data(data or make_wave())
    return resolve(Spec.model_validate({**SMALL, **fields}), profile)


def coding(**fields: Any) -> ClassCoding:
    found = ClassCoding.of(resolved(**fields))
    assert found is not None
    return found


def pointers(data: SeriesData | None = None, **fields: Any) -> list[str]:
    with pytest.raises(SpecError) as refused:
        resolved(data, **fields)
    return [problem.pointer for problem in refused.value.problems]


def coded(rows: int = 900, classes: int = 3) -> SeriesData:
    """A noisy channel and, in another one, which third of its range it was in an hour before."""
    generator = np.random.default_rng(1)
    level = generator.uniform(size=rows)
    code = np.floor(classes * np.roll(level, 1))
    code[0] = np.nan
    return SeriesData(
        name="coded",
        kind="generic",
        channels=(Channel("level"), Channel("code")),
        times=np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(1, "h"),
        values=np.stack([level, code], axis=1),
        cadence="1h",
        calendar="continuous",
        timezone="UTC",
    )


class TestCoding:
    def test_without_a_band_an_unchanged_value_has_no_class(self) -> None:
        found = coding().encode(np.array([[[9.0], [10.0]], [[11.0], [np.nan]]]), np.array([[10.0]]))
        np.testing.assert_array_equal(found[..., 0], [[0, np.nan], [1, np.nan]])

    def test_a_band_in_units_is_flat_up_to_its_edge(self) -> None:
        band = coding(dead_band={"size": 0.5, "unit": "units"})
        actual = np.array([9.0, 9.5, 10.0, 10.5, 10.6])[:, np.newaxis, np.newaxis]
        found = band.encode(actual, np.array([[10.0]]))
        assert band.names == ("down", "flat", "up")
        assert found.ravel().tolist() == [0, 1, 1, 1, 2]

    def test_a_band_in_basis_points_grows_with_the_value(self) -> None:
        band = coding(dead_band={"size": 10})
        base = np.array([[[1000.0]], [[10.0]]])
        found = band.encode(base + 0.9, base)
        assert found.ravel().tolist() == [1, 2]

    def test_codes_are_whole_numbers_below_the_number_of_classes(self) -> None:
        codes = ClassCoding(("0", "1"), False, None, "units", False)
        found = codes.encode(np.array([0.0, 1.0, 2.0, 0.5, -1.0, np.nan]), np.array(0.0))
        np.testing.assert_array_equal(found, [0, 1, np.nan, np.nan, np.nan, np.nan])

    @given(arrays.arrays(float, (4, 3), elements=st.floats(-500, 500)))
    def test_probabilities_are_at_least_zero_and_have_the_sum_one(self, scores: Any) -> None:
        found = coding(dead_band={"size": 1}).probabilities(scores)
        assert (found >= 0).all()
        np.testing.assert_allclose(found.sum(axis=-1), 1)

    def test_a_single_score_is_that_of_the_second_class(self) -> None:
        single = coding(head={"activation": "sigmoid"})
        found = single.probabilities(np.array([[0.0], [np.log(3)]]))
        np.testing.assert_allclose(found, [[0.5, 0.5], [0.25, 0.75]])

    def test_it_survives_json(self) -> None:
        band = coding(dead_band={"size": 10})
        assert ClassCoding.from_json(band.to_json()) == band


class TestLosses:
    def test_they_are_keras_cross_entropies(self) -> None:
        generator = np.random.default_rng(0)
        scores = generator.normal(size=(5, 4, 3)).astype(np.float32)
        labels = generator.integers(0, 3, size=(5, 4)).astype(np.float32)
        wanted = keras.losses.sparse_categorical_crossentropy(labels, scores, from_logits=True)
        found = cross_entropy(3)(scores.reshape(5, 12), labels)
        np.testing.assert_allclose(found, wanted, rtol=1e-5)

        ones = (labels > 0).astype(np.float32)
        wanted = keras.ops.binary_crossentropy(ones, scores[..., 0], from_logits=True)
        np.testing.assert_allclose(
            binary_cross_entropy(scores[..., 0], ones), wanted, rtol=1e-5, atol=1e-6
        )

    def test_weights_count_by_the_label(self) -> None:
        scores, labels = np.zeros((1, 4), np.float32), np.array([[0.0, 1.0]], np.float32)
        weights = np.array([[3.0, 1.0], [1.0, 5.0]])
        found = weighted(cross_entropy(2), weights)(scores, labels)
        np.testing.assert_allclose(found, np.log(2) * np.array([[3.0, 5.0]]), rtol=1e-6)

    def test_what_is_reported_is_not_weighted(self) -> None:
        objective = objective_of(resolved(class_weights=[1, 9]), np.array([[1.0, 9.0]] * 2))
        scores, labels = np.zeros((1, 4), np.float32), np.ones((1, 2), np.float32)
        ratio = objective.learnt(scores, labels) / objective.reported(scores, labels)
        np.testing.assert_allclose(ratio, 9)


class TestBalance:
    def balance(self, **fields: Any) -> tuple[Spec, ClassBalance]:
        spec = resolved(**fields)
        found = ClassBalance.of(prepare(spec, make_wave()).dataset)
        assert found is not None
        return spec, found

    def test_balanced_weights_let_every_class_count_the_same(self) -> None:
        spec, balance = self.balance(
            dead_band={"size": 1, "unit": "units"}, class_weights="balanced"
        )
        weights = balance.weights(spec)
        assert weights is not None
        counted = weights * balance.counts
        np.testing.assert_allclose(counted, np.tile(counted[:, :1], 3))
        np.testing.assert_allclose(counted.sum(axis=1), balance.counts.sum(axis=1))

    def test_labels_of_later_parts_are_not_counted(self) -> None:
        _, balance = self.balance()
        rows = 600 - 2 * 90
        np.testing.assert_array_equal(balance.counts.sum(axis=1), [rows - 1, rows - 2])

    def test_an_untrained_network_says_the_frequencies(self) -> None:
        spec, balance = self.balance(dead_band={"size": 1, "unit": "units"})
        scores = balance.first_scores.reshape(2, 3).astype(float)
        found = ClassCoding.of(spec)
        assert found is not None
        shares = balance.counts / balance.counts.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found.probabilities(scores), shares, atol=0.01)

    def test_a_single_class_cannot_be_learnt(self) -> None:
        spec = resolved(dead_band={"size": 9.9, "unit": "units"})
        with pytest.raises(DataError, match=r"down 0, flat \d+, up 0\. A smaller `dead_band`"):
            prepare_training(spec, make_wave())


class TestFigures:
    predicted = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.6, 0.2]])
    actual = np.array([0, 1, 1, 2])

    def test_by_hand(self) -> None:
        found = figures_of(self.predicted, self.actual)
        assert found["accuracy"] == 0.5
        assert found["balanced_accuracy"] == pytest.approx((1 + 0.5 + 0) / 3)
        assert found["log_loss"] == pytest.approx(-np.log([0.7, 0.8, 0.3, 0.2]).mean())
        squares = [0.3**2 + 0.2**2 + 0.1**2, 0.06, 0.3**2 + 0.7**2 + 0.4**2, 0.04 + 0.36 + 0.64]
        assert found["brier"] == pytest.approx(np.mean(squares))

    def test_the_class_prior(self) -> None:
        shares = np.tile([0.5, 0.3, 0.2], (4, 1))
        found = baseline_figures(shares, self.actual)
        assert found["majority_accuracy"] == 0.25
        assert found["class_prior_accuracy"] == pytest.approx((0.5 + 0.3 + 0.3 + 0.2) / 4)
        assert found["class_prior_log_loss"] == pytest.approx(-np.log([0.5, 0.3, 0.3, 0.2]).mean())

    def test_the_rows_of_the_classes(self) -> None:
        down, flat, up = class_rows(("down", "flat", "up"), self.predicted, self.actual)
        assert (down["share"], down["said_share"], down["precision"], down["recall"]) == (
            0.25,
            0.25,
            1.0,
            1.0,
        )
        assert (flat["precision"], flat["recall"]) == (0.5, 0.5)
        assert (up["precision"], up["recall"]) == (0.0, 0.0)

    def test_nothing_was_observed(self) -> None:
        empty, none = np.empty((0, 2)), np.empty(0, np.int64)
        assert set(figures_of(empty, none).values()) == {None}
        assert set(baseline_figures(empty, none).values()) == {None}
        assert calibration_table(empty, none) == {"expected_calibration_error": None, "bins": []}

    def test_the_calibration_table_compares_confidence_with_accuracy(self) -> None:
        predicted = np.array([[0.95, 0.05]] * 4 + [[0.45, 0.55]] * 2)
        found = calibration_table(predicted, np.array([0, 0, 0, 1, 1, 1]))
        low, high = found["bins"]
        assert (low["from"], low["origins"], low["accuracy"]) == (0.5, 2, 1.0)
        assert (high["from"], high["origins"], high["accuracy"]) == (0.9, 4, 0.75)
        error = (4 * abs(0.95 - 0.75) + 2 * abs(0.55 - 1)) / 6
        assert found["expected_calibration_error"] == pytest.approx(error)


class TestTemperature:
    def test_it_finds_how_much_too_sure_scores_are(self) -> None:
        generator = np.random.default_rng(0)
        true = generator.normal(size=(4_000, 1, 3))
        spec = coding(dead_band={"size": 1})
        shares = spec.probabilities(true)[:, 0]
        labels = (generator.uniform(size=(4_000, 1)) > shares.cumsum(axis=1)).sum(axis=1)
        predicted = (3 * true).astype(np.float32)
        found = fit_temperatures(
            spec,
            predicted,
            labels[:, np.newaxis].astype(np.float32),
            np.ones((4_000, 1), np.float32),
        )
        assert found[0] == pytest.approx(3, rel=0.15)

    def test_a_few_labels_teach_nothing(self) -> None:
        known = np.zeros((100, 1), np.float32)
        known[:20] = 1
        scores = np.ones((100, 1, 2), np.float32)
        found = fit_temperatures(coding(), scores, np.zeros((100, 1), np.float32), known)
        assert found.tolist() == [1.0]


@pytest.fixture(scope="module")
def trained() -> Trained:
    band = {"size": 0.5, "unit": "units"}
    return train(Spec.model_validate({**SMALL, "dead_band": band}), make_wave())


@pytest.mark.slow
class TestDirection:
    def test_it_learns_what_can_be_known(self, trained: Trained) -> None:
        figures = trained.metrics["test"]["value"]
        assert figures["accuracy"] > figures["majority_accuracy"] + 0.2
        assert figures["skill"] > 0.4
        assert figures["significance"]["class_prior"]["p_value"] < 0.01
        assert [row["class"] for row in figures["leads"][1]["classes"]] == ["down", "flat", "up"]

    def test_the_report_says_how_well_probabilities_come_true(self, trained: Trained) -> None:
        table = trained.diagnostics["calibration"]["test"]["value"][0]
        assert sum(each["origins"] for each in table["bins"]) == 90 - 2
        assert len(trained.training["temperatures"]) == 2
        shares = trained.diagnostics["baselines"]["frequencies"]["value"][0]
        assert shares["down"] + shares["flat"] + shares["up"] == pytest.approx(1)
        assert trained.diagnostics["residuals"] is None

    def test_the_defaults_are_those_of_classes(self, trained: Trained) -> None:
        assert trained.spec["loss"] == "sparse_categorical_crossentropy"
        assert trained.spec["head"]["activation"] == "softmax"
        assert (trained.spec["highway"], trained.spec["shrinkage"]) == (None, False)
        assert trained.network["layers"][-1]["shape"][-1] == 2 * 3

    def test_streamed_is_replayed_is_keras(self, trained: Trained) -> None:
        forecaster, data = Forecaster.from_bundle(trained.bundle), make_wave()
        state = forecaster.initial_state()
        for piece in np.array_split(np.arange(600), 7):
            state = run_one(forecaster.advance(state, data.times[piece], data.values[piece]))
        streamed = run_one(forecaster.forecast(state))
        replayed = forecaster.outputs(data.times, data.values, at=np.array([599]))
        assert streamed.classes == ("down", "flat", "up")
        assert streamed.probabilities is not None
        assert replayed.probabilities is not None
        np.testing.assert_allclose(streamed.probabilities, replayed.probabilities[0], atol=1e-6)
        assert np.isnan(streamed.values).all()
        assert (streamed.lower, forecaster.intervals) == (None, None)

    def test_the_audit_looks_at_probabilities(self, trained: Trained) -> None:
        codes = {check["code"]: check for check in trained.diagnostics["audit"]["checks"]}
        assert "of the 64 forecasts" in codes["future_probe_forecasts"]["sentence"]

    def test_the_same_spec_gives_the_same_weights(self, trained: Trained) -> None:
        again = train(Spec.model_validate(trained.spec), make_wave())
        assert again.training["weights_sha256"] == trained.training["weights_sha256"]

    def test_two_sides_by_a_sigmoid(self) -> None:
        spec = Spec.model_validate({**SMALL, "head": {"activation": "sigmoid"}})
        found = train(spec, make_wave())
        assert found.spec["loss"] == "binary_crossentropy"
        assert found.network["layers"][-1]["shape"][-1] == 2
        assert found.metrics["test"]["value"]["accuracy"] > 0.8

    def test_members_of_an_ensemble_and_weights_go_together(self) -> None:
        fields = {"ensemble": 2, "class_weights": "balanced", "dead_band": {"size": 20}}
        found = train(Spec.model_validate({**SMALL, **fields}), make_wave())
        assert found.metrics["test"]["value"]["balanced_accuracy"] > 0.5

    def test_a_panel_shares_classes(self) -> None:
        panel = [make_wave(), replace(make_wave(seed=1), name="other")]
        with steps_compiled(with_xla=True):
            found = train(Spec.model_validate(SMALL), panel)
        assert found.metrics["test"]["value"]["accuracy"] > 0.7
        assert found.metrics_by_series["other"]["test"]["value"]["skill"] > 0.2
        assert set(found.diagnostics["calibration"]) == {"wave", "other"}


@pytest.mark.slow
class TestClassification:
    def test_codes_are_found_and_distinguished(self) -> None:
        spec = {**SMALL, "task": "classification", "targets": ["code"], "horizon": 1}
        found = train(Spec.model_validate({**spec, "epochs": 25}), coded())
        assert (found.spec["classes"], found.spec["transform"]) == (3, "none")
        assert found.metrics["test"]["code"]["accuracy"] > 0.85

    def test_sequences_with_a_label_each(self) -> None:
        """Rising and falling sequences of 8 rows; the kind stands in the row after each."""
        generator = np.random.default_rng(2)
        kinds = generator.integers(0, 2, size=120)
        slopes = np.where(kinds, 1.0, -1.0)[:, np.newaxis] * np.linspace(-1, 1, 8)
        signal = (slopes + 0.5 * generator.normal(size=slopes.shape)).ravel()
        label = np.full(len(signal), np.nan)
        label[8::8] = kinds[:-1]
        data = replace(
            coded(len(signal)),
            channels=(Channel("signal"), Channel("kind")),
            values=np.stack([signal, label], axis=1),
        )
        spec = Spec.model_validate(
            {
                "mode": "windowed",
                "task": "classification",
                "features": ["signal"],
                "lookback": 8,
                "delay": 1,
                "calendar_features": [],
                "layers": [{"cell": "lstm", "units": 8}],
                "epochs": 40,
                "batch_size": 16,
                "optimizer": {"learning_rate": 0.02},
                "early_stopping": None,
            }
        )
        found = train(spec, data)
        assert found.spec["targets"] == ["kind"]
        assert found.metrics["test"]["kind"]["accuracy"] > 0.85
        forecaster = Forecaster.from_bundle(found.bundle)
        state = run_one(forecaster.advance(forecaster.initial_state(), data.times, data.values))
        assert run_one(forecaster.forecast(state)).classes == ("0", "1")


class TestRules:
    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"quantiles": [0.1]}, "/quantiles"),
            ({"highway": {}}, "/highway"),
            ({"shrinkage": True}, "/shrinkage"),
            ({"loss": "mae"}, "/loss"),
            ({"loss": "binary_crossentropy"}, "/loss"),
            ({"loss": "huber", "huber_delta": 2}, "/huber_delta"),
            ({"head": {"activation": "tanh"}}, "/head/activation"),
            (
                {"head": {"activation": "sigmoid"}, "dead_band": {"size": 1}},
                "/head/activation",
            ),
            ({"class_weights": [1, 2, 3]}, "/class_weights"),
            ({"classes": 2}, "/classes"),
            ({"task": "regression", "dead_band": {"size": 1}}, "/dead_band"),
            ({"task": "regression", "class_weights": "balanced"}, "/class_weights"),
            ({"task": "regression", "loss": "categorical_crossentropy"}, "/loss"),
            ({"task": "classification"}, "/targets/0"),
        ],
    )
    def test_what_cannot_work_is_refused_where_it_is(
        self, fields: dict[str, Any], pointer: str
    ) -> None:
        assert pointer in pointers(**fields)

    def test_basis_points_need_values_above_zero(self) -> None:
        wave = make_wave()
        below = replace(wave, values=wave.values - 20)
        assert pointers(below, dead_band={"size": 1}) == ["/dead_band/unit"]
        assert resolved(below, dead_band={"size": 1, "unit": "units"}).dead_band is not None

    def test_a_band_is_narrower_than_all_that_ever_moved(self) -> None:
        assert pointers(dead_band={"size": 100, "unit": "units"}) == ["/dead_band/size"]
        assert pointers(dead_band={"size": 50_000}) == ["/dead_band/size"]
        assert resolved(dead_band={"size": 5, "unit": "units"}).dead_band is not None

    def test_there_are_as_many_classes_as_codes(self) -> None:
        fields = {"task": "classification", "targets": ["code"]}
        assert pointers(coded(), **fields, classes=2) == ["/classes"]
        assert resolved(coded(), **fields, classes=5).classes == 5

    def test_resolving_again_changes_nothing(self) -> None:
        spec = resolved(dead_band={"size": 3})
        assert resolve(spec, SeriesProfile.from_data(make_wave())) == spec

    def test_the_bundle_says_what_the_classes_are(self, trained: Trained) -> None:
        stored = read_bundle(trained.bundle).manifest["targets"]["classes"]
        assert stored["names"] == ["down", "flat", "up"]
        assert (stored["band"], stored["unit"]) == (0.5, "units")
