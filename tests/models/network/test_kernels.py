"""The loops with gradients of their own against Keras' layers: the same numbers."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.network.builders import RECURRENT, STATES_PER_CELL, build_network, state_shapes
from models.network.kernels import has_kernel
from models.network.kernels_tensorflow import KernelLayer, with_kernels
from models.spec.spec import HeadSpec, LayerSpec

CELLS = tuple(STATES_PER_CELL)
TOLERANCE = 1e-5

Arrays = list[npt.NDArray[np.float32]]


def network_of(*layers: LayerSpec, features: int = 3, stateful: bool = True) -> keras.Model:
    network = build_network(
        list(layers), HeadSpec(), features=features, outputs=2, stateful=stateful, seed=0
    )
    # Biases begin as zeros: a kernel that forgot them would not be noticed.
    generator = np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign_add(0.3 * generator.normal(size=variable.shape))
    return network


def inputs_of(
    *layers: LayerSpec, batch: int = 2, steps: int = 5, features: int = 3, stateful: bool = True
) -> Arrays:
    generator = np.random.default_rng(2)
    widths = [units for _, units in state_shapes(list(layers))] if stateful else []
    shapes = [(batch, steps, features), *((batch, width) for width in widths)]
    return [generator.normal(size=shape).astype(np.float32) for shape in shapes]


def outputs_and_gradients(
    model: keras.Model, network: keras.Model, inputs: Arrays, *, training: bool = False
) -> tuple[list[Any], list[Any]]:
    """All outputs, and the gradients of a sum that weighs each of them differently."""
    tensors = [tf.convert_to_tensor(each) for each in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs = keras.tree.flatten(model(tensors, training=training))
        total = tf.add_n(
            [
                tf.reduce_sum(output * tf.reshape(tf.cos(tf.range(size, dtype=tf.float32)), shape))
                for output, shape, size in ((o, tf.shape(o), tf.size(o)) for o in outputs)
            ]
        )
    return outputs, tape.gradient(total, [*network.trainable_variables, *tensors])


def assert_same(found: list[Any], wanted: list[Any]) -> None:
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        scale = max(1.0, float(np.max(np.abs(theirs))))
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=TOLERANCE, rtol=0)


def assert_as_keras(
    network: keras.Model, inputs: Arrays, *, training: bool = False, kernels: int = 1
) -> None:
    ours = with_kernels(network)
    assert sum(isinstance(layer, KernelLayer) for layer in ours.layers) == kernels
    generators = [layer.cell.seed_generator.state for layer in network.layers if has_cell(layer)]
    seeds = [np.array(state) for state in generators]
    found = outputs_and_gradients(ours, network, inputs, training=training)
    for state, seed in zip(generators, seeds, strict=True):
        state.assign(seed)
    wanted = outputs_and_gradients(network, network, inputs, training=training)
    for mine, theirs in zip(found, wanted, strict=True):
        assert_same(mine, theirs)


def has_cell(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.RNN)


@pytest.mark.slow
class TestNumbers:
    @settings(max_examples=12)
    @given(
        layer=st.builds(
            LayerSpec,
            cell=st.sampled_from(CELLS),
            units=st.integers(1, 7),
            use_bias=st.booleans(),
        ),
        features=st.integers(1, 4),
        batch=st.integers(1, 4),
        steps=st.integers(1, 6),
    )
    def test_outputs_states_and_gradients_are_those_of_keras(
        self, layer: LayerSpec, features: int, batch: int, steps: int
    ) -> None:
        inputs = inputs_of(layer, batch=batch, steps=steps, features=features)
        assert_as_keras(network_of(layer, features=features), inputs)

    @pytest.mark.parametrize("cell", CELLS)
    def test_a_stack_is_that_of_keras(self, cell: Any) -> None:
        layers = (LayerSpec(cell=cell, units=4), LayerSpec(cell=cell, units=3))
        assert_as_keras(network_of(*layers), inputs_of(*layers), kernels=2)

    @pytest.mark.parametrize("cell", CELLS)
    def test_windows_read_backwards_are_those_of_keras(self, cell: Any) -> None:
        layer = LayerSpec(cell=cell, units=4, go_backwards=True)
        assert_as_keras(network_of(layer, stateful=False), inputs_of(layer, stateful=False))

    @pytest.mark.parametrize("cell", CELLS)
    def test_the_same_seed_drops_the_same_inputs(self, cell: Any) -> None:
        layer = LayerSpec(cell=cell, units=4, dropout=0.5)
        assert_as_keras(network_of(layer), inputs_of(layer), training=True)

    @pytest.mark.parametrize("cell", CELLS)
    def test_compiled_by_xla_they_are_still_those_of_keras(self, cell: Any) -> None:
        layer = LayerSpec(cell=cell, units=4)
        network, inputs = network_of(layer), inputs_of(layer, steps=9)
        compiled = tf.function(outputs_and_gradients, jit_compile=True, autograph=False)
        found = compiled(with_kernels(network), network, inputs)
        for mine, theirs in zip(
            found, outputs_and_gradients(network, network, inputs), strict=True
        ):
            assert_same(mine, theirs)

    @pytest.mark.parametrize("cell", CELLS)
    def test_steps_under_a_mask_are_left_out_as_keras_leaves_them_out(self, cell: Any) -> None:
        x = keras.Input((None, 2))
        layer = RECURRENT[cell](3, return_sequences=True)
        network = keras.Model([x], layer(keras.layers.Masking()(x)))
        inputs = np.array([[[1, 2], [0, 0], [3, 4]]], np.float32)
        assert_as_keras(network, [inputs])


class TestWhichLayers:
    @pytest.mark.parametrize(
        "arguments",
        [
            {"recurrent_dropout": 0.2},
            {"activation": "relu"},
            {"cell": "gru", "recurrent_activation": "hard_sigmoid"},
        ],
    )
    def test_others_run_as_keras_has_them(self, arguments: dict[str, Any]) -> None:
        layer = LayerSpec(units=3, **arguments)
        assert not has_kernel(layer)
        assert_as_keras(network_of(layer), inputs_of(layer), kernels=0)

    @pytest.mark.parametrize("cell", CELLS)
    def test_the_spec_and_the_network_agree_on_the_usual_ones(self, cell: Any) -> None:
        layer = LayerSpec(cell=cell, units=3, dropout=0.2)
        assert has_kernel(layer)
        assert any(isinstance(each, KernelLayer) for each in with_kernels(network_of(layer)).layers)

    def test_a_gru_that_resets_before_its_product_has_none(self) -> None:
        x = keras.Input((None, 2))
        network = keras.Model(x, keras.layers.GRU(3, reset_after=False)(x))
        assert not any(isinstance(layer, KernelLayer) for layer in with_kernels(network).layers)


class TestTheNetwork:
    def test_it_stays_a_plain_keras_model_with_its_own_variables(self, tmp_path: Any) -> None:
        layer = LayerSpec(cell="lstm", units=3)
        network, inputs = network_of(layer), inputs_of(layer)
        ours = with_kernels(network)
        assert [id(v) for v in ours.variables] == [id(v) for v in network.variables]
        network.save(tmp_path / "plain.keras")
        loaded = keras.models.load_model(tmp_path / "plain.keras")
        assert [type(each) for each in loaded.layers] == [type(each) for each in network.layers]
        assert_same(loaded(inputs), network(inputs))
