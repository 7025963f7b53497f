"""The training engine: one compiled step around a network, on TensorFlow or JAX.

`Model.fit` spends as long around the step as in it. Here the step is compiled as a whole, and
the loop around it does nothing but feed it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from models.dataset import Batch
from models.errors import TrainingError
from models.spec import OptimizerSpec

# A tensor of the Keras backend in use: TensorFlow's or JAX's.
Tensor = Any
Penalty = Callable[[Tensor], Tensor]
Arrays = list[npt.NDArray[Any]]

LOSSES: dict[str, Penalty] = {
    "mae": ops.abs,
    "mse": ops.square,
    "huber": lambda error: ops.where(
        ops.abs(error) <= 1.0, 0.5 * ops.square(error), ops.abs(error) - 0.5
    ),
    "log_cosh": lambda error: ops.logaddexp(error, -error) - float(np.log(2.0)),
}

OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "nadam": keras.optimizers.Nadam,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "sgd": keras.optimizers.SGD,
}


class Engine(ABC):
    """Trains one network step by step.

    Args:
        network: From `[x, *states]` to `[y, *new states]`, with `future` after `x` if it has it.
        optimizer: A Keras optimizer that was not used yet.
        loss: One of `LOSSES`.
    """

    def __init__(
        self, network: keras.Model, optimizer: keras.optimizers.Optimizer, loss: str
    ) -> None:
        optimizer.build(network.trainable_variables)
        self.network = network
        self.optimizer = optimizer
        self.penalty = LOSSES[loss]

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

    def _groups(self) -> dict[str, list[keras.Variable]]:
        return {
            "trainable": self.network.trainable_variables,
            "other": self.network.non_trainable_variables,
            "optimizer": self.optimizer.variables,
        }


def make_engine(network: keras.Model, optimizer: keras.optimizers.Optimizer, loss: str) -> Engine:
    """The engine of the Keras backend in use.

    Raises:
        TrainingError: If there is none for it.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from models.engine_tensorflow import TensorFlowEngine

        return TensorFlowEngine(network, optimizer, loss)
    if backend == "jax":
        from models.engine_jax import JaxEngine

        return JaxEngine(network, optimizer, loss)
    raise TrainingError(
        f"The Keras backend (KERAS_BACKEND) must be tensorflow or jax. Received: {backend}"
    )


def make_optimizer(spec: OptimizerSpec, updates: int) -> keras.optimizers.Optimizer:
    """The Keras optimizer of a spec.

    Args:
        spec: Name and arguments.
        updates: Updates over the whole training, for schedules that end with it.
    """
    rate: Any = spec.learning_rate
    if spec.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(spec.learning_rate, max(1, updates))
    names = {"clipnorm", "clipvalue", "global_clipnorm", "momentum", "weight_decay"}
    arguments = spec.model_dump(include=names, exclude_none=True)
    return OPTIMIZERS[spec.name](learning_rate=rate, **arguments)


def zero_states(shapes: Sequence[tuple[str, int]], batch: int) -> list[Tensor]:
    """States at the beginning of a series, one tensor `(batch, units)` each."""
    return [ops.zeros((batch, units)) for _, units in shapes]


def mean_loss(penalty: Penalty, y: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of the penalties of all errors; 0 if nothing has a weight."""
    return ops.sum(penalty(y - labels) * weights) / ops.maximum(ops.sum(weights), 1.0)


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


def device_name() -> str:
    """The device that training runs on: `gpu` if the backend sees one, else `cpu`."""
    if keras.backend.backend() == "tensorflow":
        from models.engine_tensorflow import has_gpu
    else:
        from models.engine_jax import has_gpu
    return "gpu" if has_gpu() else "cpu"
