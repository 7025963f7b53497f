"""The training engine: one compiled step around a network, on TensorFlow or JAX.

`Model.fit` spends as long around the step as in it. Here the step is compiled as a whole, and
the loop around it does nothing but feed it.
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
        network: From `[x, *states]` to `[y, *new states]`, with `future` after `x` if it has it.
        optimizer: A Keras optimizer that was not used yet.
        objective: What it is trained for. The penalties of the layers' regularizers are learnt from
            as well, but not reported: losses of training and validation, and of runs with and
            without them, can be compared.
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
            states: The recurrent states that the batch begins with; none if it has none.
            batch: Features, labels and weights, and the known future if the network reads it.

        Returns:
            The mean loss, and the states that the batch ends with.
        """

    @abstractmethod
    def test(self, states: list[Tensor], batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Compute the mean loss of a batch without learning from it, as `train` does."""

    def snapshot(self) -> dict[str, Arrays]:
        """All variables: weights, others (seeds of random masks) and the optimizer's."""
        return {name: _arrays(variables) for name, variables in self._groups().items()}

    def weights(self) -> Arrays:
        """The weights."""
        return _arrays(self.network.trainable_variables)

    def restore(self, snapshot: dict[str, Arrays]) -> None:
        """Go back to the variables of a snapshot."""
        for name, variables in self._groups().items():
            _assign(variables, snapshot[name])

    def finish(self, weights: Arrays) -> None:
        """Leave the network with these weights."""
        _assign(self.network.trainable_variables, weights)

    def set_learning_rate(self, rate: float) -> None:
        """Go on with another learning rate; the optimizer has no schedule of its own."""
        self.optimizer.learning_rate = rate

    def _groups(self) -> dict[str, list[keras.Variable]]:
        return {
            "trainable": self.network.trainable_variables,
            "other": self.network.non_trainable_variables,
            "optimizer": self.optimizer.variables,
        }


def zero_states(shapes: Sequence[tuple[str, int]], batch: int) -> list[Tensor]:
    """States at the beginning of a series, one tensor `(batch, units)` each."""
    return [ops.zeros((batch, units)) for _, units in shapes]


def mean_loss(penalty: Penalty, y: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of all penalties; 0 if nothing has a weight."""
    return ops.sum(penalty(y, labels) * weights) / ops.maximum(ops.sum(weights), 1.0)


def total_penalty(penalties: Sequence[Tensor]) -> Tensor:
    """The sum of the layers' penalties in float32, whatever they were computed in."""
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
