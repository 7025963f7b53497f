"""The NumPy reference, the exported graph and Keras compute the same, cell by cell and at random.

Weights and inputs are float32 numbers that the reference reads as float64, so what is left is the
rounding of float32 arithmetic inside ONNX Runtime. Recurrent matrices are contractions
(orthogonal, gain 0.5) and inputs lie in -1..1, so rounding does not add up over steps and values
stay near 1, where a float32 is off by at most 6e-8: 1e-6 leaves room for a dozen roundings.
"""

from typing import Any, get_args

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.arrays import Floats
from models.network.builders import build_network, state_shapes
from models.network.export import export_onnx
from models.serving.session import open_session, run_session
from models.spec.layers import DenseActivation, RecurrentActivation
from models.spec.spec import DenseSpec, HeadSpec, LayerSpec, Spec
from tests.models.network.reference import DENSE, RECURRENT, exact, run_network

FEATURES, OUTPUTS, BATCH = 3, 2, 2
SMALL: dict[str, Any] = {
    "kernel_initializer": {"name": "random_uniform", "minval": -0.5, "maxval": 0.5},
    "recurrent_initializer": {"name": "orthogonal", "gain": 0.5},
    "bias_initializer": {"name": "random_uniform", "minval": -0.5, "maxval": 0.5},
}
CELLS = ("rnn", "lstm", "gru")
GATED = ("lstm", "gru")
RECURRENT_NAMES: tuple[str, ...] = get_args(RecurrentActivation)
DENSE_NAMES: tuple[str, ...] = get_args(DenseActivation)


def layer(cell: str, units: int = 4, **fields: Any) -> LayerSpec:
    biases = {} if fields.get("use_bias", True) else {"bias_initializer": "zeros"}
    return LayerSpec.model_validate({**SMALL, **biases, "cell": cell, "units": units, **fields})


def inputs(steps: int = 7, seed: int = 0) -> Floats:
    values = np.random.default_rng(seed).uniform(-1, 1, size=(BATCH, steps, FEATURES))
    return values.astype(np.float32)


def network_of(spec: Spec, seed: int = 0, steps: int | None = None) -> Any:
    return build_network(
        spec.layers or [],
        spec.head,
        features=FEATURES,
        outputs=OUTPUTS,
        stateful=spec.mode == "stateful",
        seed=seed,
        steps=steps,
    )


def first_states(spec: Spec) -> list[Floats]:
    shapes = state_shapes(spec.layers or []) if spec.mode == "stateful" else []
    return [np.zeros((BATCH, units), np.float32) for _, units in shapes]


def assert_all_agree(spec: Spec, x: Floats, seed: int = 0) -> None:
    """Reference, exported graph and Keras give the same outputs and last states."""
    network = network_of(spec, seed, steps=x.shape[1])
    states = first_states(spec)
    wanted = run_network(spec, network, exact([x])[0], exact(states))
    served = run_session(open_session(export_onnx(network, spec)), [x, *states])
    trained = keras.tree.flatten(network([x, *states], training=False))
    for oracle, graph, by_keras in zip(wanted, served, trained, strict=True):
        np.testing.assert_allclose(graph, oracle, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(np.asarray(by_keras), oracle, rtol=1e-6, atol=1e-6)


class TestActivations:
    def test_the_reference_has_every_one_that_a_spec_may_name(self) -> None:
        assert set(RECURRENT) == set(RECURRENT_NAMES)
        assert set(DENSE) == set(DENSE_NAMES)

    @pytest.mark.parametrize("name", DENSE_NAMES)
    def test_a_dense_layer_and_the_output_have_it(self, name: Any) -> None:
        head = HeadSpec(layers=[DenseSpec(units=3, activation=name)], activation=name)
        assert_all_agree(Spec(layers=[layer("rnn")], head=head), inputs())

    @pytest.mark.parametrize("name", RECURRENT_NAMES)
    @pytest.mark.parametrize("cell", CELLS)
    def test_a_cell_has_it(self, cell: str, name: str) -> None:
        assert_all_agree(Spec(layers=[layer(cell, activation=name)]), inputs())

    @pytest.mark.parametrize("name", RECURRENT_NAMES)
    @pytest.mark.parametrize("cell", GATED)
    def test_a_gate_has_it(self, cell: str, name: str) -> None:
        spec = Spec(layers=[layer(cell, activation="softsign", recurrent_activation=name)])
        assert_all_agree(spec, inputs())


class TestArguments:
    @pytest.mark.parametrize("reset_after", [True, False, None])
    @pytest.mark.parametrize("use_bias", [True, False])
    def test_a_gru_resets_after_or_before_the_product(
        self, reset_after: bool | None, use_bias: bool
    ) -> None:
        spec = Spec(layers=[layer("gru", reset_after=reset_after, use_bias=use_bias)])
        assert_all_agree(spec, inputs())

    @pytest.mark.parametrize("cell", CELLS)
    def test_a_stack_reads_backwards_at_any_place(self, cell: str) -> None:
        for turned in ([True, False], [False, True], [True, True]):
            layers = [layer(cell, go_backwards=backwards) for backwards in turned]
            assert_all_agree(Spec(mode="windowed", layers=layers), inputs())

    @pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave"])
    @pytest.mark.parametrize("cell", CELLS)
    def test_both_directions_are_merged(self, cell: str, mode: str) -> None:
        both = layer(cell, bidirectional={"merge_mode": mode}, activation="elu")
        for layers in ([both], [both, layer(cell)], [layer(cell), both]):
            assert_all_agree(Spec(mode="windowed", layers=layers), inputs())

    @pytest.mark.parametrize("cell", CELLS)
    def test_an_unrolled_loop_computes_the_same(self, cell: str) -> None:
        assert_all_agree(Spec(layers=[layer(cell, unroll=True)]), inputs())
        both = layer(cell, unroll=True, bidirectional={"merge_mode": "sum"})
        assert_all_agree(Spec(mode="windowed", layers=[both]), inputs())


@st.composite
def layers(draw: st.DrawFn, *, windowed: bool) -> LayerSpec:
    """Any layer that a spec of the mode may have."""
    cell = draw(st.sampled_from(CELLS))
    fields: dict[str, Any] = {
        "units": draw(st.integers(1, 6)),
        "activation": draw(st.sampled_from(RECURRENT_NAMES)),
        "use_bias": draw(st.booleans()),
    }
    if cell != "rnn":
        fields["recurrent_activation"] = draw(
            st.sampled_from(("sigmoid", "hard_sigmoid", "tanh", "softsign"))
        )
    if cell == "lstm" and fields["use_bias"]:
        fields["unit_forget_bias"] = draw(st.booleans())
    if cell == "gru":
        fields["reset_after"] = draw(st.booleans())
    if windowed:
        direction = draw(st.sampled_from((None, "back", "concat", "sum", "mul", "ave")))
        fields["go_backwards"] = direction == "back"
        if direction not in (None, "back"):
            fields["bidirectional"] = {"merge_mode": direction}
    return layer(cell, **fields)


@st.composite
def specs(draw: st.DrawFn, modes: tuple[str, ...] = ("stateful", "windowed")) -> Spec:
    """Any small network."""
    mode = draw(st.sampled_from(modes))
    stack = st.lists(layers(windowed=mode == "windowed"), min_size=1, max_size=3)
    activations = st.sampled_from(DENSE_NAMES)
    dense = [
        # A softmax over one unit is always 1, and Keras warns of it.
        {"units": draw(st.integers(2, 5)), "activation": draw(activations)}
        for _ in range(draw(st.integers(0, 2)))
    ]
    head = {"layers": dense, "activation": draw(activations)}
    return Spec.model_validate(
        {"mode": mode, "head": head, "layers": [each.model_dump() for each in draw(stack)]}
    )


@pytest.mark.slow
class TestRandomSpecs:
    @settings(max_examples=25)
    @given(spec=specs(), seed=st.integers(0, 1000), steps=st.integers(1, 9))
    def test_reference_graph_and_keras_agree(self, spec: Spec, seed: int, steps: int) -> None:
        assert_all_agree(spec, inputs(steps, seed), seed)

    @settings(max_examples=15)
    @given(spec=specs(modes=("stateful",)), cut=st.integers(1, 6), seed=st.integers(0, 1000))
    def test_steps_with_the_carried_state_equal_the_whole_sequence(
        self, spec: Spec, cut: int, seed: int
    ) -> None:
        x, network = inputs(7, seed), network_of(spec, seed)
        session = open_session(export_onnx(network, spec))
        whole, *last = run_session(session, [x, *first_states(spec)])
        _, *states = run_session(session, [x[:, :cut], *first_states(spec)])
        oracle = run_network(spec, network, exact([x])[0], exact(first_states(spec)))
        for step in range(cut, 7):
            y, *states = run_session(session, [x[:, step : step + 1], *states])
            np.testing.assert_allclose(y[:, 0], whole[:, step], rtol=1e-6, atol=1e-6)
        for kept, wanted, exactly in zip(states, last, oracle[1:], strict=True):
            np.testing.assert_allclose(kept, wanted, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(kept, exactly, rtol=1e-6, atol=1e-6)
