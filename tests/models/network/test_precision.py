"""Mixed precision: what is computed in half the bits, and what stays in float32."""

from typing import Any

import keras
import numpy as np
import pytest

from models.errors import TrainingError
from models.features.dataset import Batch
from models.network.backend import make_engine
from models.network.builders import build_network
from models.network.engine import zero_states
from models.network.losses import Objective, of_error
from models.network.precision import build_for_training, network_to_serve, scale_losses
from models.serving.artefact import read_bundle
from models.serving.forecaster import Forecaster
from models.spec.spec import HeadSpec, LayerSpec, Spec
from models.training.hashing import read_weights
from models.training.train import train
from tests.models.conftest import make_wave

LAYERS = [LayerSpec(cell="gru", units=6), LayerSpec(cell="lstm", units=4)]
SHAPES = [("h0", 6), ("h1", 4), ("c1", 4)]
SMALL: dict[str, Any] = {
    "targets": ["value"],
    "horizon": 3,
    "layers": [{"cell": "gru", "units": 6}],
    "chunk": 24,
    "lanes": 4,
    "burn_in": 6,
    "epochs": 12,
    "optimizer": {"learning_rate": 0.01, "clipnorm": 1.0},
}


def build() -> keras.Model:
    return build_network(LAYERS, HeadSpec(), features=2, outputs=3, stateful=True, seed=0)


def batch() -> Batch:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(4, 8, 2)).astype(np.float32)
    labels = generator.normal(size=(4, 8, 3)).astype(np.float32)
    return Batch(features, labels, np.ones_like(labels))


class TestNetwork:
    @pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
    def test_only_what_is_computed_is_short(self, precision: Any) -> None:
        network = build_for_training(Spec(precision=precision), build)
        assert {tensor.dtype for tensor in [*network.inputs, *network.outputs]} == {"float32"}
        assert {weight.dtype for weight in network.weights} == {"float32"}
        recurrent = [layer for layer in network.layers if layer.name in ("gru_0", "lstm_1")]
        assert {layer.compute_dtype for layer in recurrent} == {precision.removeprefix("mixed_")}
        assert keras.config.dtype_policy().name == "float32"

    def test_what_is_served_has_the_trained_weights_in_float32(self) -> None:
        spec = Spec(precision="mixed_bfloat16")
        trained = build_for_training(spec, build)
        for weight in trained.weights:
            weight.assign(weight + 0.5)
        served = network_to_serve(spec, trained, build)
        assert {layer.compute_dtype for layer in served.layers} == {"float32"}
        for mine, theirs in zip(served.get_weights(), trained.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)


class TestLossScaling:
    def test_gradients_are_scaled_back_and_the_loss_is_reported_as_it_is(self) -> None:
        losses = []
        for precision in ("float32", "mixed_float16"):
            spec = Spec.model_validate({"precision": precision})
            optimizer = scale_losses(spec, keras.optimizers.SGD(0.1))
            engine = make_engine(
                build_for_training(spec, build), optimizer, Objective(of_error("mse"))
            )
            seen = [engine.train(zero_states(SHAPES, 4), batch())[0] for _ in range(5)]
            losses.append([float(loss) for loss in seen])
        assert losses[0][-1] < losses[0][0]
        np.testing.assert_allclose(losses[1], losses[0], rtol=0.01)

    def test_only_float16_needs_it(self) -> None:
        optimizer = keras.optimizers.SGD(0.1)
        assert scale_losses(Spec(precision="mixed_bfloat16"), optimizer) is optimizer
        scaled = scale_losses(Spec(precision="mixed_float16"), optimizer)
        assert isinstance(scaled, keras.optimizers.LossScaleOptimizer)


class TestTraining:
    def test_bfloat16_learns_and_is_served_in_float32(self) -> None:
        trained = train(Spec.model_validate({**SMALL, "precision": "mixed_bfloat16"}), make_wave())
        test = trained.metrics["test"]["value"]
        assert test["mae"] < 0.6 * test["naive_mae"]
        assert trained.training["export_difference"] <= 1e-5
        weights = read_weights(read_bundle(trained.bundle).keras)
        assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
        assert Forecaster.from_bundle(trained.bundle).manifest["spec"]["precision"] == (
            "mixed_bfloat16"
        )

    def test_float16_on_a_cpu_is_refused(self) -> None:
        spec = Spec.model_validate({**SMALL, "precision": "mixed_float16"})
        with pytest.raises(TrainingError, match=r"needs a GPU.*Received: mixed_float16 on a cpu"):
            train(spec, make_wave())


def test_penalties_of_regularizers_are_added_in_float32() -> None:
    layers = [{"cell": "gru", "units": 6, "kernel_regularizer": "l2", "activity_regularizer": "l2"}]
    fields = {**SMALL, "layers": layers, "epochs": 1, "precision": "mixed_bfloat16"}
    history = train(Spec.model_validate(fields), make_wave()).history
    assert np.isfinite(history[0]["loss"])
