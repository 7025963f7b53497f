"""Which loop over time a recurrent layer is trained with on a CPU: ours, or Keras' own."""

from collections.abc import Mapping
from typing import Any

from models.spec.spec import LayerSpec


def has_kernel(layer: LayerSpec) -> bool:
    """Whether `kernels_tensorflow` trains a layer; Keras' own loop trains the others.

    Args:
        layer: A recurrent layer.
    """
    return is_covered(layer.model_dump())


def is_covered(arguments: Mapping[str, Any]) -> bool:
    """Whether the arguments of a Keras recurrent layer are those that the kernels know.

    They know what cuDNN knows, with or without a bias: the classic activations, no dropout
    between steps, and a GRU that resets after its matrix product.

    Args:
        arguments: Arguments by Keras' names; an absent one, or None, is Keras' default.
    """
    usual = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}
    absent = ("recurrent_dropout", "activity_regularizer", "bidirectional")
    return all(arguments.get(name) in (None, value) for name, value in usual.items()) and not any(
        arguments.get(name) for name in absent
    )
