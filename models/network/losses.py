"""Losses of one lead and target as functions on the Keras backend in use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from models.arrays import Values
from models.features.classes import ClassCoding
from models.spec.spec import Spec

# A tensor of the Keras backend in use: TensorFlow's or JAX's.
Tensor = Any
# From outputs and labels to losses of the labels' shape.
Penalty = Callable[[Tensor, Tensor], Tensor]
MEDIAN = (0.5,)


def huber(delta: float) -> Callable[[Tensor], Tensor]:
    """Half the square up to `delta`, linear beyond it (Huber 1964, doi:10.1214/aoms/1177703732)."""

    def size_of(error: Tensor) -> Tensor:
        size = ops.abs(error)
        return ops.where(size <= delta, 0.5 * ops.square(error), delta * (size - 0.5 * delta))

    return size_of


def log_cosh(error: Tensor) -> Tensor:
    """`log(cosh(error))`, computed so that large errors do not overflow."""
    return ops.logaddexp(error, -error) - float(np.log(2.0))


ERRORS: dict[str, Callable[[Tensor], Tensor]] = {
    "mae": ops.abs,
    "mse": ops.square,
    "huber": huber(1.0),
    "log_cosh": log_cosh,
}


def pinball(quantiles: Sequence[float]) -> Penalty:
    """The mean pinball loss over quantiles (Koenker & Bassett 1978, doi:10.2307/1913643)."""
    levels = np.array(quantiles, np.float32)

    def penalty(y: Tensor, labels: Tensor) -> Tensor:
        predicted = ops.reshape(y, (*ops.shape(labels), len(levels)))
        error = ops.expand_dims(labels, -1) - predicted
        return ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=-1)

    return penalty


def cross_entropy(classes: int) -> Penalty:
    """Negative log-likelihood of the label under a softmax of scores, in nats."""

    def penalty(y: Tensor, labels: Tensor) -> Tensor:
        scores = ops.reshape(y, (*ops.shape(labels), classes))
        chosen = ops.one_hot(ops.cast(labels, "int32"), classes, dtype=scores.dtype)
        return -ops.sum(chosen * ops.log_softmax(scores, axis=-1), axis=-1)

    return penalty


def binary_cross_entropy(y: Tensor, labels: Tensor) -> Tensor:
    """Negative log-likelihood where the logistic function of a score is the probability of 1."""
    return ops.softplus(y) - labels * y


def weighted(penalty: Penalty, weights: Values) -> Penalty:
    """A penalty multiplied by the weight of the label's class.

    Args:
        penalty: The penalty without weights.
        weights: `(outputs, classes)`, the weight of each class for each output.
    """
    table = weights.astype(np.float32)

    def penalty_of(y: Tensor, labels: Tensor) -> Tensor:
        chosen = ops.one_hot(ops.cast(labels, "int32"), table.shape[-1], dtype=labels.dtype)
        return ops.sum(chosen * table, axis=-1) * penalty(y, labels)

    return penalty_of


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss that a network is trained with, and the one that is reported.

    Args:
        penalty: From outputs and labels to losses of the labels' shape.
        members: Networks of an ensemble whose outputs are concatenated. Each is trained
            separately; the reported loss of validation rows is that of their mean.
        learning: The penalty of training rows, if it is a different one.
    """

    penalty: Penalty
    members: int = 1
    learning: Penalty | None = None

    def learnt(self, y: Tensor, labels: Tensor) -> Tensor:
        """The mean of the members' penalties; `y` is `(..., members * outputs)`."""
        penalty = self.learning or self.penalty
        if self.members == 1:
            return penalty(y, labels)
        outputs = ops.split(y, self.members, axis=-1)
        return ops.mean(ops.stack([penalty(each, labels) for each in outputs]), axis=0)

    def reported(self, y: Tensor, labels: Tensor) -> Tensor:
        """The penalty of the members' mean output."""
        if self.members == 1:
            return self.penalty(y, labels)
        return self.penalty(
            ops.mean(ops.stack(ops.split(y, self.members, axis=-1)), axis=0), labels
        )


def objective_of(spec: Spec, class_weights: Values | None = None) -> Objective:
    """The objective of a resolved spec.

    Args:
        spec: The spec.
        class_weights: `(outputs, classes)`, the weight of each class in training; None weighs all
            classes the same.
    """
    penalty = _penalty_of(spec)
    learning = None if class_weights is None else weighted(penalty, class_weights)
    return Objective(penalty, spec.ensemble, learning)


def _penalty_of(spec: Spec) -> Penalty:
    coding = ClassCoding.of(spec)
    if coding is not None:
        return binary_cross_entropy if coding.single else cross_entropy(len(coding.names))
    if spec.loss == "pinball":
        return pinball(spec.quantiles or MEDIAN)
    return of_error(spec.loss, spec.huber_delta)


def outputs_per_label(spec: Spec) -> int:
    """Outputs of a network for each lead of a target: its quantiles, or class scores."""
    coding = ClassCoding.of(spec)
    return len(spec.quantiles or MEDIAN) if coding is None else coding.outputs


def of_error(loss: str, huber_delta: float | None = None) -> Penalty:
    """A penalty that depends only on the error.

    Args:
        loss: One of `ERRORS`.
        huber_delta: The error from which the Huber loss is linear, in scaled units; None for 1.
    """
    size = ERRORS[loss] if huber_delta is None else huber(huber_delta)
    return lambda y, labels: size(y - labels)
