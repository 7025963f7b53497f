"""The training step on JAX: Keras' stateless calls, variables as arrays in and out."""

from typing import Any

import jax
import keras

from models.dataset import Batch
from models.engine import Arrays, Engine, Tensor, batch_tensors, mean_loss


def has_gpu() -> bool:
    """Whether JAX sees a GPU."""
    return any(device.platform == "gpu" for device in jax.devices())


class JaxEngine(Engine):
    """Holds the variables' values as arrays; the network's own are brought up to date when read."""

    def __init__(
        self, network: keras.Model, optimizer: keras.optimizers.Optimizer, loss: str
    ) -> None:
        super().__init__(network, optimizer, loss)
        self._held = self._read()
        self._train_step = jax.jit(self._train)
        self._test_step = jax.jit(self._test)

    def train(self, states: list[Tensor], batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Update the weights once; see `Engine.train`."""
        loss, states, self._held = self._train_step(self._held, states, *batch_tensors(batch))
        return loss, states

    def test(self, states: list[Tensor], batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Compute the mean loss; see `Engine.test`."""
        loss, states = self._test_step(self._held, states, *batch_tensors(batch))
        return loss, states

    def snapshot(self) -> dict[str, Arrays]:
        """All variables; see `Engine.snapshot`."""
        self._write()
        return super().snapshot()

    def weights(self) -> Arrays:
        """The weights."""
        self._write()
        return super().weights()

    def restore(self, snapshot: dict[str, Arrays]) -> None:
        """Go back to the variables of a snapshot."""
        super().restore(snapshot)
        self._held = self._read()

    def _train(
        self, held: dict[str, list[Any]], states: list[Tensor], *batch: Tensor
    ) -> tuple[Tensor, list[Tensor], dict[str, list[Any]]]:
        def loss_of(trainable: list[Any]) -> tuple[Tensor, tuple[list[Tensor], list[Any]]]:
            loss, states_after, other = self._loss(trainable, held["other"], states, batch, True)
            return loss, (states_after, other)

        (loss, (states_after, other)), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            held["trainable"]
        )
        trainable, optimizer = self.optimizer.stateless_apply(
            held["optimizer"], gradients, held["trainable"]
        )
        return loss, states_after, {"trainable": trainable, "other": other, "optimizer": optimizer}

    def _test(
        self, held: dict[str, list[Any]], states: list[Tensor], *batch: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        loss, states_after, _ = self._loss(held["trainable"], held["other"], states, batch, False)
        return loss, states_after

    def _loss(
        self,
        trainable: list[Any],
        other: list[Any],
        states: list[Tensor],
        batch: tuple[Any, ...],
        training: bool,
    ) -> tuple[Tensor, list[Tensor], list[Any]]:
        inputs, labels, weights = batch
        outputs, other = self.network.stateless_call(
            trainable, other, [*inputs, *states], training=training
        )
        y, *states_after = keras.tree.flatten(outputs)
        return mean_loss(self.penalty, y, labels, weights), states_after, other

    def _read(self) -> dict[str, list[Any]]:
        return {
            name: [variable.value for variable in variables]
            for name, variables in self._groups().items()
        }

    def _write(self) -> None:
        for name, variables in self._groups().items():
            for variable, value in zip(variables, self._held[name], strict=True):
                variable.assign(value)
