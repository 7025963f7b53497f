"""Batches of a stateful run: row i of a batch goes on where row i of the one before it ended.

The layout is that of Keras' `stateful=True`: with 7 rows a batch, the rows are 7 segments of the
series that are read side by side, and the order of the batches is the order of time.
"""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from models.features.dataset import Batch
from models.features.lanes import LaneLoader, LaneSizes
from models.network.backend import make_engine
from models.network.builders import build_network, state_shapes
from models.network.engine import zero_states
from models.network.losses import Objective, of_error
from models.network.optimizers import make_optimizer
from models.spec.spec import HeadSpec, LayerSpec, OptimizerSpec
from tests.models.features.test_lanes import counting

ROWS, CHUNK, UNITS = 7, 5, 4


def layers(cell: Any) -> list[LayerSpec]:
    return [LayerSpec(cell=cell, units=UNITS), LayerSpec(cell=cell, units=3)]


def network_of(cell: Any) -> Any:
    return build_network(layers(cell), HeadSpec(), features=1, outputs=1, stateful=True, seed=3)


def chunks(loader: LaneLoader) -> list[Batch]:
    return list(loader.train_batches(1))


def carried(network: Any, batches: list[Batch], cell: Any) -> list[Any]:
    """Outputs of batch after batch, each begun with the states that the last one left."""
    states: list[Any] = zero_states(state_shapes(layers(cell)), ROWS)
    outputs = []
    for each in batches:
        y, *states = network([keras.ops.convert_to_tensor(each.features), *states])
        outputs.append(np.asarray(y))
    return outputs


@pytest.fixture
def loader() -> LaneLoader:
    rows = ROWS * CHUNK * 3
    wave = np.sin(np.arange(rows, dtype=np.float32))[:, np.newaxis]
    dataset = replace(counting(rows, rows, rows), features=wave)
    return LaneLoader.of(dataset, LaneSizes(CHUNK, ROWS, 0), [])


class TestOrder:
    def test_each_row_reads_on_where_it_stopped(self, loader: LaneLoader) -> None:
        for chunk in range(loader.training.chunks - 1):
            here, there = loader.training.rows(chunk), loader.training.rows(chunk + 1)
            assert here.shape == (ROWS, CHUNK)
            np.testing.assert_array_equal(there[:, 0], here[:, -1] + 1)

    def test_every_epoch_has_the_same_order(self, loader: LaneLoader) -> None:
        for one, other in zip(loader.train_batches(1), loader.train_batches(2), strict=True):
            np.testing.assert_array_equal(one.features, other.features)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
class TestState:
    def test_row_i_continues_row_i_as_if_read_in_one_go(
        self, loader: LaneLoader, cell: Any
    ) -> None:
        network, batches = network_of(cell), chunks(loader)
        parts = np.concatenate(carried(network, batches, cell), axis=1)
        whole = Batch(
            np.concatenate([each.features for each in batches], axis=1), np.empty(0), np.empty(0)
        )
        (in_one_go,) = carried(network, [whole], cell)
        np.testing.assert_allclose(parts, in_one_go, atol=1e-6)

    def test_another_order_of_batches_gives_other_outputs(
        self, loader: LaneLoader, cell: Any
    ) -> None:
        network, (first, second, third) = network_of(cell), chunks(loader)
        straight = carried(network, [first, second, third], cell)
        turned = carried(network, [second, first, third], cell)
        assert np.abs(straight[2] - turned[2]).max() > 1e-4

    def test_it_is_what_keras_calls_stateful(self, loader: LaneLoader, cell: Any) -> None:
        network, batches = network_of(cell), chunks(loader)
        inside = keras.Sequential([keras.Input(batch_shape=(ROWS, CHUNK, 1))])
        for index in range(2):
            own = network.get_layer(f"{cell}_{index}")
            config = own.get_config() | {"stateful": True, "return_state": False}
            copy = type(own).from_config(config)
            inside.add(copy)
            copy.set_weights(own.get_weights())
        inside.add(keras.layers.Dense(1))
        inside.layers[-1].set_weights(network.get_layer("output").get_weights())
        for each, y in zip(batches, carried(network, batches, cell), strict=True):
            np.testing.assert_allclose(np.asarray(inside(each.features)), y, atol=1e-6)

    def test_the_engine_carries_it_through_training(self, loader: LaneLoader, cell: Any) -> None:
        network = network_of(cell)
        still = make_optimizer(
            OptimizerSpec(name="sgd", learning_rate=1e-12), epochs=1, updates_per_epoch=3
        )
        engine = make_engine(network, still, Objective(of_error("mse")))
        states: list[Any] = zero_states(state_shapes(layers(cell)), ROWS)
        wanted: list[Any] = states
        for each in chunks(loader):
            _, states = engine.train(states, each)
            _, *wanted = network([keras.ops.convert_to_tensor(each.features), *wanted])
            for state, should_be in zip(states, wanted, strict=True):
                np.testing.assert_allclose(np.asarray(state), np.asarray(should_be), atol=1e-5)
