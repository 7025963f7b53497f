"""The training engine: one compiled step around a network, on TensorFlow or JAX.

`Model.fit` spends as much time between steps as in them. Here the whole step is compiled, and
the loop around it only passes batches to it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from models.features.dataset import Batch
from models.network.losses import Objective, Penalty, Tensor

Arrays = list[npt.NDArray[Any]]


class Engine(ABC):
    """Trains one network step by step.

    Args:
        network: From `[x, *states]` to `[y, *new states]`, with `future` after `x` if it reads it.
        optimizer: A Keras optimizer that was not used yet.
        objective: The loss. The penalties of the layers' regularizers are minimised too but not
            reported, so that losses of training and validation, and of runs with and without
            regularizers, can be compared.
    """

    def __init__(
        self, network: keras.Model, optimizer: keras.optimizers.Optimizer, objective: Objective
    ) -> None:
        optimizer.build(network.trainable_variables)
        self.network = network
        self.optimizer = optimizer
        self.objective = objective

    @abstractmethod
    def train(self, states: list[Tensor], batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Update the weights once.

        Args:
            states: The recurrent states at the start of the batch, `(batch, units)` each; empty
                for a network without states.
            batch: Features, labels and weights, and known future inputs if the network reads them.

        Returns:
            The mean loss, and the states at the end of the batch.
        """

    @abstractmethod
    def test(self, states: list[Tensor], batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Compute mean loss and states of a batch as `train` does, without changing the weights."""

    def snapshot(self) -> dict[str, Arrays]:
        """All variables: `trainable` weights, `other` (seeds of random masks) and `optimizer`."""
        return {name: _arrays(variables) for name, variables in self._groups().items()}

    def weights(self) -> Arrays:
        """The trainable weights."""
        return _arrays(self.network.trainable_variables)

    def restore(self, snapshot: dict[str, Arrays]) -> None:
        """Set all variables to those of a snapshot."""
        for name, variables in self._groups().items():
            _assign(variables, snapshot[name])

    def set_weights(self, weights: Arrays) -> None:
        """Set the trainable weights of the network."""
        _assign(self.network.trainable_variables, weights)

    def set_learning_rate(self, rate: float) -> None:
        """Change the learning rate of an optimizer without a schedule."""
        self.optimizer.learning_rate = rate

    def _groups(self) -> dict[str, list[keras.Variable]]:
        return {
            "trainable": self.network.trainable_variables,
            "other": self.network.non_trainable_variables,
            "optimizer": self.optimizer.variables,
        }


def zero_states(shapes: Sequence[tuple[str, int]], batch: int) -> list[Tensor]:
    """Zero states for the start of a series, a tensor `(batch, units)` for each."""
    return [ops.zeros((batch, units)) for _, units in shapes]


def mean_loss(penalty: Penalty, y: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of all penalties; 0 if all weights are 0."""
    return ops.sum(penalty(y, labels) * weights) / ops.maximum(ops.sum(weights), 1.0)


def total_penalty(penalties: Sequence[Tensor]) -> Tensor:
    """The sum of the layers' penalties in float32, also in mixed precision."""
    return sum((ops.cast(each, "float32") for each in penalties), ops.zeros(()))


def batch_tensors(batch: Batch) -> tuple[list[Tensor], Tensor, Tensor]:
    """The network's inputs, labels and weights on the device."""
    return (
        [ops.convert_to_tensor(each) for each in batch.inputs],
        ops.convert_to_tensor(batch.labels),
        ops.convert_to_tensor(batch.weights),
    )


def _arrays(variables: Sequence[keras.Variable]) -> Arrays:
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: Sequence[keras.Variable], values: Arrays) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
