"""Losses: what an error of one lead and target costs, on the Keras backend in use."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

# A tensor of the Keras backend in use: TensorFlow's or JAX's.
Tensor = Any
Penalty = Callable[[Tensor], Tensor]


def huber(delta: float) -> Penalty:
    """Squares up to `delta`, a straight line beyond it (Huber 1964)."""

    def penalty(error: Tensor) -> Tensor:
        size = ops.abs(error)
        return ops.where(size <= delta, 0.5 * ops.square(error), delta * (size - 0.5 * delta))

    return penalty


def log_cosh(error: Tensor) -> Tensor:
    """`log(cosh(error))`, written so that large errors do not overflow."""
    return ops.logaddexp(error, -error) - float(np.log(2.0))


LOSSES: dict[str, Penalty] = {
    "mae": ops.abs,
    "mse": ops.square,
    "huber": huber(1.0),
    "log_cosh": log_cosh,
}


def penalty_of(loss: str, huber_delta: float | None = None) -> Penalty:
    """The penalty of a spec's loss.

    Args:
        loss: One of `LOSSES`.
        huber_delta: Where Huber's line begins, in scaled units; None for 1.
    """
    return LOSSES[loss] if huber_delta is None else huber(huber_delta)
