"""The exported graph against the cells' equations and against Keras, and the network's shape."""

from typing import Any, Literal

import numpy as np
import pytest

from models.builders import build_network, describe_network, state_shapes
from models.errors import TrainingError
from models.export import export_onnx, verify_export
from models.runtime_session import open_session, run_session
from models.scaling import Floats
from models.spec import DenseSpec, HeadSpec, LayerSpec, Spec

Cell = Literal["rnn", "lstm", "gru"]
Mode = Literal["stateful", "windowed"]
Array = np.ndarray[Any, np.dtype[np.float64]]

FEATURES, UNITS, OUTPUTS = 3, 4, 2


def layer(cell: Cell, **fields: Any) -> LayerSpec:
    return LayerSpec(cell=cell, units=UNITS, bias_initializer="random_normal", **fields)


def spec_of(*layers: LayerSpec, mode: Mode = "stateful", head: HeadSpec | None = None) -> Spec:
    return Spec(mode=mode, layers=list(layers), head=head or HeadSpec())


def network_of(spec: Spec, seed: int = 0, future: int = 0) -> Any:
    return build_network(
        spec.layers or [],
        spec.head,
        features=FEATURES,
        outputs=OUTPUTS,
        stateful=spec.mode == "stateful",
        seed=seed,
        future=future,
    )


def inputs(batch: int = 2, steps: int = 7) -> Floats:
    return np.random.default_rng(0).normal(size=(batch, steps, FEATURES)).astype(np.float32)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def reference_step(cell: Cell, weights: list[Array], x: Array, states: list[Array]) -> list[Array]:
    """One step of Keras' cells: h' of a SimpleRNN or a GRU (reset_after), h' and c' of an LSTM."""
    kernel, recurrent, bias = weights
    h = states[0]
    if cell == "rnn":
        return [np.tanh(x @ kernel + h @ recurrent + bias)]
    if cell == "lstm":
        i, f, c, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
        kept = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(c)
        return [sigmoid(o) * np.tanh(kept), kept]
    from_x, from_h = x @ kernel + bias[0], h @ recurrent + bias[1]
    (xz, xr, xh), (hz, hr, hh) = np.split(from_x, 3, axis=-1), np.split(from_h, 3, axis=-1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    return [z * h + (1 - z) * np.tanh(xh + r * hh)]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
class TestCells:
    def test_one_step_at_a_time_equals_the_equations(self, cell: Cell) -> None:
        spec = spec_of(layer(cell))
        network = network_of(spec)
        session = open_session(export_onnx(network, spec))
        cell_weights = network.get_layer(f"{cell}_0").get_weights()
        kernel, bias = network.get_layer("output").get_weights()
        states = [np.zeros((2, units)) for _, units in state_shapes([layer(cell)])]
        served = [state.astype(np.float32) for state in states]
        for step in range(7):
            x = inputs()[:, step]
            states = reference_step(cell, cell_weights, x, states)
            y, *served = run_session(session, [x[:, np.newaxis], *served])
            np.testing.assert_allclose(y[:, 0], states[0] @ kernel + bias, atol=1e-6)
            for kept, wanted in zip(served, states, strict=True):
                np.testing.assert_allclose(kept, wanted, atol=1e-6)

    def test_steps_with_the_kept_state_equal_the_whole_sequence(self, cell: Cell) -> None:
        spec = spec_of(layer(cell), layer(cell))
        session = open_session(export_onnx(network_of(spec), spec))
        zeros = [np.zeros((2, units), np.float32) for _, units in state_shapes([layer(cell)] * 2)]
        whole, *last = run_session(session, [inputs(), *zeros])
        states = zeros
        for step in range(7):
            y, *states = run_session(session, [inputs()[:, step : step + 1], *states])
            np.testing.assert_array_equal(y[:, 0], whole[:, step])
        for kept, wanted in zip(states, last, strict=True):
            np.testing.assert_array_equal(kept, wanted)

    @pytest.mark.parametrize("mode", ["stateful", "windowed"])
    @pytest.mark.parametrize(
        "activation", ["relu", "leaky_relu", "elu", "softsign", "softplus", "hard_sigmoid"]
    )
    def test_every_activation_equals_keras(self, cell: Cell, mode: Mode, activation: Any) -> None:
        head = HeadSpec(layers=[DenseSpec(units=3, activation=activation)])
        first = layer(cell, activation=activation, recurrent_activation="hard_sigmoid")
        spec = spec_of(first, layer(cell, use_bias=False), mode=mode, head=head)
        network = network_of(spec)
        assert verify_export(network, export_onnx(network, spec), [inputs()]) <= 1e-5

    def test_a_layer_that_reads_backwards_equals_keras(self, cell: Cell) -> None:
        spec = spec_of(layer(cell, go_backwards=True), layer(cell), mode="windowed")
        network = network_of(spec)
        assert verify_export(network, export_onnx(network, spec), [inputs()]) <= 1e-5


class TestKnownFuture:
    @pytest.mark.parametrize("mode", ["stateful", "windowed"])
    @pytest.mark.parametrize("dense", [[], [DenseSpec(units=3, activation="relu")]])
    def test_the_graph_with_a_future_equals_keras(self, mode: Mode, dense: list[DenseSpec]) -> None:
        spec = spec_of(
            layer("lstm"), layer("gru"), mode=mode, head=HeadSpec(dropout=0.5, layers=dense)
        )
        network = network_of(spec, future=5)
        shape = (2, 7, 5) if mode == "stateful" else (2, 5)
        future = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        graph = export_onnx(network, spec)
        assert verify_export(network, graph, [inputs(), future]) <= 1e-5

    def test_states_never_see_the_future(self) -> None:
        spec = spec_of(layer("lstm"))
        session = open_session(export_onnx(network_of(spec, future=5), spec))
        zeros = [np.zeros((2, UNITS), np.float32)] * 2
        (y, *states), (other, *same) = (
            run_session(session, [inputs(), np.full((2, 7, 5), value, np.float32), *zeros])
            for value in (0.0, 1.0)
        )
        assert (y != other).all()
        np.testing.assert_array_equal(states, same)

    def test_the_head_drops_the_stack_and_not_the_future(self) -> None:
        network = network_of(spec_of(layer("gru"), head=HeadSpec(dropout=0.5)), future=5)
        described = describe_network(network)
        # 2 outputs of 4 units, 5 known numbers and a bias.
        assert described["layers"][-1]["parameters"] == 2 * (4 + 5 + 1)
        beside = network.get_layer("with_future").input
        assert [each.shape[-1] for each in beside] == [4, 5]
        assert beside[1].name == "future"


class TestVerify:
    def test_a_graph_of_other_weights_is_refused(self) -> None:
        spec = spec_of(layer("lstm"))
        graph = export_onnx(network_of(spec, seed=1), spec)
        with pytest.raises(TrainingError, match="must agree with Keras within 1e-05"):
            verify_export(network_of(spec, seed=2), graph, [inputs()])


class TestNetwork:
    def test_layers_shapes_and_parameters(self) -> None:
        head = HeadSpec(dropout=0.5, layers=[DenseSpec(units=5)])
        described = describe_network(network_of(spec_of(layer("lstm"), layer("gru"), head=head)))
        assert described["layers"] == [
            # 4 gates of (3 inputs + 4 units + 1) x 4 units.
            {"name": "lstm_0", "cell": "lstm", "shape": [None, None, 4], "parameters": 128},
            # 3 gates of (4 inputs + 4 units + 2) x 4 units.
            {"name": "gru_1", "cell": "gru", "shape": [None, None, 4], "parameters": 120},
            {"name": "head_dropout", "cell": "dropout", "shape": [None, None, 4], "parameters": 0},
            {"name": "dense_0", "cell": "dense", "shape": [None, None, 5], "parameters": 25},
            {"name": "output", "cell": "dense", "shape": [None, None, 2], "parameters": 12},
        ]
        assert described["parameters"] == 285

    def test_a_windowed_network_has_one_output_per_window(self) -> None:
        network = network_of(spec_of(layer("gru"), mode="windowed"))
        assert [tuple(each.shape) for each in network.outputs] == [(None, OUTPUTS)]
        assert len(network.inputs) == 1

    def test_the_seed_decides_the_weights(self) -> None:
        spec = spec_of(layer("gru"))
        first, same, other = (network_of(spec, seed).get_weights() for seed in (1, 1, 2))
        assert all((a == b).all() for a, b in zip(first, same, strict=True))
        assert any((a != b).any() for a, b in zip(first, other, strict=True))

    def test_dropout_has_one_mask_for_all_steps(self) -> None:
        network = network_of(spec_of(layer("gru"), head=HeadSpec(dropout=0.5)))
        ones = np.ones((4, 9, UNITS), np.float32)
        dropped = np.asarray(network.get_layer("head_dropout")(ones, training=True))
        assert 0 < (dropped == 0).mean() < 1
        np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], 9, axis=1))
