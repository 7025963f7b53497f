"""The training step on TensorFlow: updates variables in place, compiled with XLA on the CPU."""

import keras
import tensorflow as tf

from models.features.dataset import Batch
from models.network.engine import Engine, batch_tensors, mean_loss, total_penalty
from models.network.kernels_tensorflow import with_kernels
from models.network.losses import Objective, Tensor


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def gpu_name() -> str | None:
    """The name of the GPU that TensorFlow computes on; None if it computes on the CPU."""
    if not has_gpu():
        return None
    gpu = tf.config.list_physical_devices("GPU")[0]
    return str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))


def uses_xla() -> bool:
    """Whether steps are compiled with XLA: on the CPU, where this is up to three times as fast.

    On a GPU recurrent layers run in cuDNN, which XLA cannot compile and is not slower.
    """
    return not has_gpu()


class TensorFlowEngine(Engine):
    """Updates variables in place, because Keras has no `stateless_apply` on TensorFlow."""

    def __init__(
        self, network: keras.Model, optimizer: keras.optimizers.Optimizer, objective: Objective
    ) -> None:
        super().__init__(network, optimizer, objective)
        self._computed = with_kernels(network) if uses_xla() else network
        self._train_step = tf.function(self._train, jit_compile=uses_xla(), autograph=False)
        self._test_step = tf.function(self._test, jit_compile=uses_xla(), autograph=False)

    def train(self, states: list[Tensor], batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Update the weights once; see `Engine.train`."""
        loss, states = self._train_step(states, *batch_tensors(batch))
        return loss, states

    def test(self, states: list[Tensor], batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Compute the mean loss; see `Engine.test`."""
        loss, states = self._test_step(states, *batch_tensors(batch))
        return loss, states

    def _train(
        self, states: list[Tensor], inputs: list[Tensor], labels: Tensor, weights: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            outputs = self._computed([*inputs, *states], training=True)
            y, *states = keras.tree.flatten(outputs)
            loss = mean_loss(self.objective.learnt, y, labels, weights)
            learnt = self.optimizer.scale_loss(loss + total_penalty(self.network.losses))
        self.optimizer.apply(tape.gradient(learnt, variables), variables)
        return loss, states

    def _test(
        self, states: list[Tensor], inputs: list[Tensor], labels: Tensor, weights: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        outputs = self._computed([*inputs, *states], training=False)
        y, *states = keras.tree.flatten(outputs)
        return mean_loss(self.objective.reported, y, labels, weights), states
