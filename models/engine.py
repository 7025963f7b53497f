"""The compiled training step: Keras' stateless calls under XLA, on TensorFlow or JAX.

`Model.fit` spends as long around the step as in it. Here one compiled function takes all
variables as tensors and returns the new ones, and the loop around it does nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import keras
import numpy as np
from keras import ops

from models.dataset import Batch
from models.errors import TrainingError
from models.scaling import Floats
from models.spec import OptimizerSpec

# A tensor of the Keras backend in use: TensorFlow's or JAX's.
Tensor = Any
Step = Callable[..., Any]

LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "mae": ops.abs,
    "mse": ops.square,
    "huber": lambda error: ops.where(
        ops.abs(error) <= 1.0, 0.5 * ops.square(error), ops.abs(error) - 0.5
    ),
    "log_cosh": lambda error: ops.logaddexp(error, -error) - np.log(2.0).astype(np.float32),
}


@dataclass
class Variables:
    """Values of all variables as tensors, in the order of Keras' lists."""

    trainable: list[Tensor]
    other: list[Tensor]
    optimizer: list[Tensor]


class Engine:
    """Trains one network step by step; holds its variables between steps."""

    def __init__(
        self, network: keras.Model, optimizer: keras.optimizers.Optimizer, loss: str
    ) -> None:
        optimizer.build(network.trainable_variables)
        self._network = network
        self._optimizer = optimizer
        self._penalty = LOSSES[loss]
        self._variables = Variables(
            _tensors(network.trainable_variables),
            _tensors(network.non_trainable_variables),
            _tensors(optimizer.variables),
        )
        self._train_step = _compiled(self._train)
        self._test_step = _compiled(self._test)

    def train(self, states: list[Tensor], batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Update the weights once.

        Args:
            states: The recurrent states that the batch begins with; empty if it has none.
            batch: Features, labels and weights.

        Returns:
            The mean loss, and the states that the batch ends with.
        """
        held = self._variables
        loss, states, held.trainable, held.other, held.optimizer = self._train_step(
            held.trainable, held.other, held.optimizer, states, *_batch_tensors(batch)
        )
        return loss, states

    def test(self, states: list[Tensor], batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Compute the mean loss of a batch without learning from it; the same as `train` else."""
        held = self._variables
        loss, states = self._test_step(
            held.trainable, held.other, states, *_batch_tensors(batch)
        )
        return loss, states

    def _train(
        self,
        trainable: list[Tensor],
        other: list[Tensor],
        optimizer: list[Tensor],
        states: list[Tensor],
        features: Tensor,
        labels: Tensor,
        weights: Tensor,
    ) -> tuple[Tensor, list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        def loss_of(values: list[Tensor]) -> tuple[Tensor, tuple[list[Tensor], list[Tensor]]]:
            return self._loss(values, other, states, features, labels, weights, training=True)

        loss, (states, other), gradients = _value_and_gradients(loss_of, trainable)
        trainable, optimizer = self._optimizer.stateless_apply(optimizer, gradients, trainable)
        return loss, states, trainable, other, optimizer

    def _test(
        self,
        trainable: list[Tensor],
        other: list[Tensor],
        states: list[Tensor],
        features: Tensor,
        labels: Tensor,
        weights: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        loss, (states, _) = self._loss(
            trainable, other, states, features, labels, weights, training=False
        )
        return loss, states

    def _loss(
        self,
        trainable: list[Tensor],
        other: list[Tensor],
        states: list[Tensor],
        features: Tensor,
        labels: Tensor,
        weights: Tensor,
        *,
        training: bool,
    ) -> tuple[Tensor, tuple[list[Tensor], list[Tensor]]]:
        outputs, other = self._network.stateless_call(
            trainable, other, [features, *states], training=training
        )
        y, *states = keras.tree.flatten(outputs)
        penalties = self._penalty(y - labels) * weights
        loss = ops.sum(penalties) / ops.maximum(ops.sum(weights), 1.0)
        return loss, (states, other)

    def snapshot(self) -> dict[str, list[np.ndarray[Any, Any]]]:
        """All variables as NumPy arrays: weights, other variables (seeds), optimizer."""
        held = self._variables
        return {
            "trainable": _arrays(held.trainable),
            "other": _arrays(held.other),
            "optimizer": _arrays(held.optimizer),
        }

    def weights(self) -> list[np.ndarray[Any, Any]]:
        """The weights as NumPy arrays."""
        return _arrays(self._variables.trainable)

    def restore(self, snapshot: dict[str, list[np.ndarray[Any, Any]]]) -> None:
        """Go back to the variables of `snapshot`."""
        self._variables = Variables(
            _like(self._network.trainable_variables, snapshot["trainable"]),
            _like(self._network.non_trainable_variables, snapshot["other"]),
            _like(self._optimizer.variables, snapshot["optimizer"]),
        )

    def finish(self, weights: Sequence[np.ndarray[Any, Any]]) -> None:
        """Write weights into the network's own variables, for export."""
        for variable, value in zip(self._network.trainable_variables, weights, strict=True):
            variable.assign(value)


def zero_states(shapes: Sequence[tuple[str, int]], batch: int) -> list[Tensor]:
    """States at the beginning of a series, one tensor `(batch, units)` each."""
    return [ops.zeros((batch, units)) for _, units in shapes]


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
    classes: dict[str, type[keras.optimizers.Optimizer]] = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "nadam": keras.optimizers.Nadam,
        "rmsprop": keras.optimizers.RMSprop,
        "adagrad": keras.optimizers.Adagrad,
        "sgd": keras.optimizers.SGD,
    }
    return classes[spec.name](learning_rate=rate, **arguments)


def device_name() -> str:
    """The device that training runs on: `gpu` if the backend sees one, else `cpu`."""
    return "gpu" if _has_gpu() else "cpu"


def _has_gpu() -> bool:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    import jax

    return any(device.platform == "gpu" for device in jax.devices())


def _compiled(step: Step) -> Step:
    """Compile a step with XLA; with TensorFlow on a GPU without, because cuDNN is faster there."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return cast(Step, tf.function(step, jit_compile=not _has_gpu()))
    if keras.backend.backend() == "jax":
        import jax

        return cast(Step, jax.jit(step))
    raise TrainingError(
        "The Keras backend must be tensorflow or jax. "
        f"Received: {keras.backend.backend()} (KERAS_BACKEND)"
    )


def _value_and_gradients(
    loss_of: Callable[[list[Tensor]], tuple[Tensor, Any]], values: list[Tensor]
) -> tuple[Tensor, Any, list[Tensor]]:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(values)
            loss, rest = loss_of(values)
        return loss, rest, tape.gradient(loss, values)
    import jax

    (loss, rest), gradients = jax.value_and_grad(loss_of, has_aux=True)(values)
    return loss, rest, gradients


def _tensors(variables: Sequence[keras.Variable]) -> list[Tensor]:
    return [ops.convert_to_tensor(variable) for variable in variables]


def _like(variables: Sequence[keras.Variable], arrays: Sequence[Floats]) -> list[Tensor]:
    return [
        ops.convert_to_tensor(array, dtype=variable.dtype)
        for variable, array in zip(variables, arrays, strict=True)
    ]


def _arrays(tensors: Sequence[Tensor]) -> list[np.ndarray[Any, Any]]:
    return [np.array(ops.convert_to_numpy(tensor)) for tensor in tensors]


def _batch_tensors(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    return (
        ops.convert_to_tensor(batch.features),
        ops.convert_to_tensor(batch.labels),
        ops.convert_to_tensor(batch.weights),
    )
