"""The training step on JAX: stateless calls of Keras that take and return variables as arrays."""

from typing import Any

import jax
import keras

from models.features.dataset import Batch
from models.network.engine import Arrays, Engine, batch_tensors, mean_loss, total_penalty
from models.network.losses import Objective, Tensor


def gpu_name() -> str | None:
    """The name of the GPU that JAX computes on; None if it computes on the CPU."""
    device = jax.devices()[0]
    return str(device.device_kind) if device.platform == "gpu" else None


class JaxEngine(Engine):
    """Stores the variables as arrays, and copies them into the network when they are read."""

    def __init__(
        self, network: keras.Model, optimizer: keras.optimizers.Optimizer, objective: Objective
    ) -> None:
        super().__init__(network, optimizer, objective)
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
        """The trainable weights; see `Engine.weights`."""
        self._write()
        return super().weights()

    def restore(self, snapshot: dict[str, Arrays]) -> None:
        """Set all variables; see `Engine.restore`."""
        super().restore(snapshot)
        self._held = self._read()

    def set_learning_rate(self, rate: float) -> None:
        """Change the learning rate; see `Engine.set_learning_rate`."""
        self._write()
        super().set_learning_rate(rate)
        self._held = self._read()

    def _train(
        self, held: dict[str, list[Any]], states: list[Tensor], *batch: Tensor
    ) -> tuple[Tensor, list[Tensor], dict[str, list[Any]]]:
        def loss_of(trainable: list[Any]) -> tuple[Tensor, tuple[Tensor, list[Tensor], list[Any]]]:
            loss, states_after, other, regularization = self._loss(
                trainable, held["other"], states, batch, True
            )
            learnt = self._scaled(loss + regularization, held["optimizer"])
            return learnt, (loss, states_after, other)

        (_, (loss, states_after, other)), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            held["trainable"]
        )
        trainable, optimizer = self.optimizer.stateless_apply(
            held["optimizer"], gradients, held["trainable"]
        )
        return loss, states_after, {"trainable": trainable, "other": other, "optimizer": optimizer}

    def _test(
        self, held: dict[str, list[Any]], states: list[Tensor], *batch: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        loss, states_after, _, _ = self._loss(
            held["trainable"], held["other"], states, batch, False
        )
        return loss, states_after

    def _loss(
        self,
        trainable: list[Any],
        other: list[Any],
        states: list[Tensor],
        batch: tuple[Any, ...],
        training: bool,
    ) -> tuple[Tensor, list[Tensor], list[Any], Tensor]:
        inputs, labels, weights = batch
        outputs, other, losses = self.network.stateless_call(
            trainable, other, [*inputs, *states], training=training, return_losses=True
        )
        y, *states_after = keras.tree.flatten(outputs)
        penalty = self.objective.learnt if training else self.objective.reported
        loss = mean_loss(penalty, y, labels, weights)
        return loss, states_after, other, total_penalty(losses)

    def _scaled(self, loss: Tensor, optimizer: list[Any]) -> Tensor:
        """The loss that the optimizer differentiates: scaled if gradients are float16."""
        values = list(zip(self.optimizer.variables, optimizer, strict=True))
        with keras.StatelessScope(state_mapping=values):
            return self.optimizer.scale_loss(loss)

    def _read(self) -> dict[str, list[Any]]:
        return {
            name: [variable.value for variable in variables]
            for name, variables in self._groups().items()
        }

    def _write(self) -> None:
        for name, variables in self._groups().items():
            for variable, value in zip(variables, self._held[name], strict=True):
                variable.assign(value)
