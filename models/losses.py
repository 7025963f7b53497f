"""Losses: what an error of one lead and target costs, on the Keras backend in use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from models.spec import Spec

# A tensor of the Keras backend in use: TensorFlow's or JAX's.
Tensor = Any
# From outputs and labels to penalties of the labels' shape.
Penalty = Callable[[Tensor, Tensor], Tensor]
MEDIAN = (0.5,)


def huber(delta: float) -> Callable[[Tensor], Tensor]:
    """Squares up to `delta`, a straight line beyond it (Huber 1964)."""

    def size_of(error: Tensor) -> Tensor:
        size = ops.abs(error)
        return ops.where(size <= delta, 0.5 * ops.square(error), delta * (size - 0.5 * delta))

    return size_of


def log_cosh(error: Tensor) -> Tensor:
    """`log(cosh(error))`, written so that large errors do not overflow."""
    return ops.logaddexp(error, -error) - float(np.log(2.0))


ERRORS: dict[str, Callable[[Tensor], Tensor]] = {
    "mae": ops.abs,
    "mse": ops.square,
    "huber": huber(1.0),
    "log_cosh": log_cosh,
}


def pinball(quantiles: Sequence[float]) -> Penalty:
    """The mean pinball loss of some quantiles (Koenker & Bassett 1978, doi:10.2307/1913643)."""
    levels = np.array(quantiles, np.float32)

    def penalty(y: Tensor, labels: Tensor) -> Tensor:
        said = ops.reshape(y, (*ops.shape(labels), len(levels)))
        error = ops.expand_dims(labels, -1) - said
        return ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=-1)

    return penalty


@dataclass(frozen=True, slots=True)
class Objective:
    """What a network is trained for.

    Args:
        penalty: Of outputs and labels, with the shape of the labels.
        members: Networks of an ensemble whose outputs lie side by side. Each learns on its own;
            what is reported of rows that are not learnt from is the loss of their mean.
    """

    penalty: Penalty
    members: int = 1

    def learnt(self, y: Tensor, labels: Tensor) -> Tensor:
        """The members' mean penalty; `y` is `(..., members * outputs)`."""
        if self.members == 1:
            return self.penalty(y, labels)
        said = ops.split(y, self.members, axis=-1)
        return ops.mean(ops.stack([self.penalty(each, labels) for each in said]), axis=0)

    def reported(self, y: Tensor, labels: Tensor) -> Tensor:
        """The penalty of the members' mean output."""
        if self.members == 1:
            return self.penalty(y, labels)
        return self.penalty(
            ops.mean(ops.stack(ops.split(y, self.members, axis=-1)), axis=0), labels
        )


def objective_of(spec: Spec) -> Objective:
    """What a resolved spec is trained for."""
    if spec.loss == "pinball":
        return Objective(pinball(spec.quantiles or MEDIAN), spec.ensemble)
    return Objective(of_error(spec.loss, spec.huber_delta), spec.ensemble)


def of_error(loss: str, huber_delta: float | None = None) -> Penalty:
    """A penalty that depends on the error alone.

    Args:
        loss: One of `ERRORS`.
        huber_delta: Where Huber's line begins, in scaled units; None for 1.
    """
    size = ERRORS[loss] if huber_delta is None else huber(huber_delta)
    return lambda y, labels: size(y - labels)
