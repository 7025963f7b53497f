"""Activations of dense layers as ONNX operators, as Keras 3 defines them.

Definitions: https://keras.io/api/layers/activations/; operators: https://onnx.ai/onnx/operators/.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from models.network.export_graph import GraphParts

# One operator and its attributes.
_OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "elu": ("Elu", {"alpha": 1.0}),
    "softsign": ("Softsign", {}),
    "softplus": ("Softplus", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "linear": ("Identity", {}),
    # Klambauer et al. 2017 (arXiv 1706.02515).
    "selu": ("Selu", {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}),
    "celu": ("Celu", {"alpha": 1.0}),
    "hard_silu": ("HardSwish", {}),
    "exponential": ("Exp", {}),
    "softmax": ("Softmax", {"axis": -1}),
    "log_softmax": ("LogSoftmax", {"axis": -1}),
}


def add_activation(parts: GraphParts, source: str, name: str) -> str:
    """Add an activation and return the name of its output.

    Args:
        parts: The graph.
        source: Name of its input, whose last axis holds the layer's units.
        name: One of `models.spec.layers.DenseActivation`.
    """
    output = f"{source}_{name}"
    if name in _COMPOSED:
        _COMPOSED[name](parts, source, output)
    else:
        operator, attributes = _OPERATORS[name]
        parts.node(operator, [source], [output], **attributes)
    return output


def _silu(parts: GraphParts, source: str, output: str) -> None:
    """`x * sigmoid(x)`."""
    parts.node("Sigmoid", [source], [f"{output}_gate"])
    parts.node("Mul", [source, f"{output}_gate"], [output])


def _mish(parts: GraphParts, source: str, output: str) -> None:
    """`x * tanh(softplus(x))` (Misra 2019, arXiv 1908.08681)."""
    parts.node("Softplus", [source], [f"{output}_soft"])
    parts.node("Tanh", [f"{output}_soft"], [f"{output}_gate"])
    parts.node("Mul", [source, f"{output}_gate"], [output])


def _gelu(parts: GraphParts, source: str, output: str) -> None:
    """`x * (1 + erf(x / sqrt(2))) / 2`, exact (Hendrycks & Gimpel 2016, arXiv 1606.08415)."""
    root = parts.weight(f"{output}_root", np.array(math.sqrt(0.5), np.float32))
    parts.node("Mul", [source, root], [f"{output}_scaled"])
    parts.node("Erf", [f"{output}_scaled"], [f"{output}_erf"])
    parts.node("Mul", [source, f"{output}_erf"], [f"{output}_product"])
    parts.node("Add", [source, f"{output}_product"], [f"{output}_double"])
    half = parts.weight(f"{output}_half", np.array(0.5, np.float32))
    parts.node("Mul", [f"{output}_double", half], [output])


def _log_sigmoid(parts: GraphParts, source: str, output: str) -> None:
    """`-softplus(-x)`."""
    parts.node("Neg", [source], [f"{output}_negative"])
    parts.node("Softplus", [f"{output}_negative"], [f"{output}_soft"])
    parts.node("Neg", [f"{output}_soft"], [output])


def _clipped(low: float, high: float) -> Callable[[GraphParts, str, str], None]:
    def add(parts: GraphParts, source: str, output: str) -> None:
        bounds = [
            parts.weight(f"{output}_{side}", np.array(value, np.float32))
            for side, value in (("low", low), ("high", high))
        ]
        parts.node("Clip", [source, *bounds], [output])

    return add


_COMPOSED: dict[str, Callable[[GraphParts, str, str], None]] = {
    "silu": _silu,
    "mish": _mish,
    "gelu": _gelu,
    "log_sigmoid": _log_sigmoid,
    "relu6": _clipped(0.0, 6.0),
    "hard_tanh": _clipped(-1.0, 1.0),
}
