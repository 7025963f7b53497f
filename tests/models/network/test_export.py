"""The exported graph with a kept state, its check against Keras, and the network's shape.

What the graph computes is compared with a plain reference in `test_reference.py`.
"""

from typing import Any, Literal

import numpy as np
import pytest

from models.arrays import Floats
from models.errors import TrainingError
from models.network.builders import build_network, describe_network, state_shapes
from models.network.export import export_onnx, verify_export
from models.serving.session import open_session, run_session
from models.spec.spec import DenseSpec, HeadSpec, LayerSpec, Spec

Cell = Literal["rnn", "lstm", "gru"]
Mode = Literal["stateful", "windowed"]

FEATURES, UNITS, OUTPUTS = 3, 4, 2


def layer(cell: Cell, **fields: Any) -> LayerSpec:
    given = {"cell": cell, "units": UNITS, "bias_initializer": "random_normal", **fields}
    return LayerSpec.model_validate(given)


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


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
class TestCells:
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

    @pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
    def test_outputs_are_penalised_in_one_and_in_both_directions(self, cell: Cell) -> None:
        for both in (None, {"merge_mode": "concat"}):
            plain = layer(cell, activity_regularizer="l2", bidirectional=both)
            network = network_of(spec_of(plain, mode="windowed"))
            network([inputs()])
            assert len(network.losses) == (1 if both is None else 2)

    def test_dropout_may_follow_each_layer(self) -> None:
        layers = [layer("gru", output_dropout=0.5), layer("rnn", output_dropout=0.5)]
        modes: list[tuple[Mode, int]] = [("stateful", 9), ("windowed", 1)]
        for mode, steps in modes:
            network = network_of(spec_of(*layers, mode=mode))
            names = [each.name for each in network.layers if "dropout" in each.name]
            assert names == ["gru_0_dropout", "rnn_1_dropout"]
            ones = np.ones((4, 9, UNITS), np.float32)
            first = np.asarray(network.get_layer(names[0])(ones, training=True))
            np.testing.assert_array_equal(first, np.repeat(first[:, :1], 9, axis=1))
            last = ones if steps == 9 else ones[:, 0]
            dropped = np.asarray(network.get_layer(names[1])(last, training=True))
            assert 0 < (dropped == 0).mean() < 1

    def test_cudnn_is_insisted_on_in_vain_without_a_gpu(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("models.network.builders.device_name", lambda: "cpu")
        with pytest.raises(TrainingError, match="`use_cudnn` true needs a worker with a GPU"):
            network_of(spec_of(layer("gru", use_cudnn=True)))

    def test_both_directions_count_twice(self) -> None:
        both = layer("lstm", bidirectional={"merge_mode": "concat"})
        described = describe_network(network_of(spec_of(both, mode="windowed")))
        assert described["layers"][0] == {
            "name": "lstm_0",
            "cell": "lstm",
            "shape": [None, 8],
            "parameters": 256,
        }

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
