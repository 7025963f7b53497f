"""Which loop over time trains a recurrent layer on a CPU: that of this package, or of Keras."""

from collections.abc import Mapping
from typing import Any

from models.spec.spec import LayerSpec


def has_kernel(layer: LayerSpec) -> bool:
    """Whether `kernels_tensorflow` trains a layer; the loop of Keras trains the others.

    Args:
        layer: A recurrent layer.
    """
    return is_covered(layer.model_dump())


def is_covered(arguments: Mapping[str, Any]) -> bool:
    """Whether the kernels support a Keras recurrent layer with these arguments.

    They support what cuDNN supports, with or without a bias: the default activations, no dropout
    between steps, and a GRU that resets after its matrix product.

    Args:
        arguments: Arguments by their names in Keras; an absent one, or None, is the default.
    """
    usual = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}
    absent = ("recurrent_dropout", "activity_regularizer", "bidirectional")
    return all(arguments.get(name) in (None, value) for name, value in usual.items()) and not any(
        arguments.get(name) for name in absent
    )
