"""Recurrent layers as fused ONNX operators, with reordered gates and states as inputs and outputs.

Operators: https://onnx.ai/onnx/operators/onnx__LSTM.html, .../onnx__GRU.html, .../onnx__RNN.html.
"""

from typing import Any

import numpy as np

from models.arrays import Floats
from models.network.export_graph import GraphParts, tensor
from models.spec.layers import LayerSpec

OPERATORS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
# The order of the gates in the weights of Keras, and of ONNX.
KERAS_GATES = {"rnn": "h", "lstm": "ifco", "gru": "zrh"}
ONNX_GATES = {"rnn": "h", "lstm": "iofc", "gru": "zrh"}

# Name, alpha, beta of the recurrent operators' activations (Keras 3 definitions).
RECURRENT_ACTIVATIONS: dict[str, tuple[str, float | None, float | None]] = {
    "tanh": ("Tanh", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "relu": ("Relu", None, None),
    "leaky_relu": ("LeakyRelu", 0.2, None),
    "elu": ("Elu", 1.0, None),
    "softsign": ("Softsign", None, None),
    "softplus": ("Softplus", None, None),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "linear": ("Affine", 1.0, 0.0),
}


def add_recurrent(
    parts: GraphParts,
    sequence: str,
    index: int,
    layer: LayerSpec,
    *,
    weights: list[Floats],
    stateful: bool,
    last: bool,
) -> str:
    """Add one recurrent layer.

    Args:
        parts: The graph.
        sequence: Name of its input, `(time, batch, inputs)`.
        index: Its position in the stack.
        layer: Its spec.
        weights: Those of the Keras layer; of a bidirectional one the backward weights follow the
            forward ones.
        stateful: Whether its states are inputs and outputs of the graph.
        last: Whether it is the last of the stack.

    Returns:
        The name of its sequence `(time, batch, units)`, or of its last output `(batch, units)`
        if it is the last one and not stateful.
    """
    names = ("h", "c") if layer.cell == "lstm" else ("h",)
    if layer.go_backwards:
        sequence = _reversed(parts, sequence, index)
    initial = [_state_input(parts, f"{name}{index}", layer.units) for name in names if stateful]
    finals = [f"{name}{index}_last" for name in names]
    every = f"every_{index}"
    parts.node(
        OPERATORS[layer.cell],
        [sequence, *_operator_weights(parts, index, layer, weights), "", *initial],
        [every, *finals],
        hidden_size=layer.units,
        **_operator_attributes(layer),
    )
    if stateful:
        for name, final in zip(names, finals, strict=True):
            _state_output(parts, final, f"{name}{index}_next", layer.units)
    # The operator's outputs have an axis for the direction, before the batch.
    axis, source = (0, finals[0]) if last and not stateful else (1, every)
    if layer.bidirectional:
        return _merged(parts, source, axis, index, layer.bidirectional.merge_mode)
    output = f"layer_{index}"
    parts.node("Squeeze", [source, parts.weight(f"axis_{index}", np.array([axis]))], [output])
    return output


def _merged(parts: GraphParts, source: str, axis: int, index: int, mode: str) -> str:
    """Merge both directions as Bidirectional of Keras does."""
    output = f"layer_{index}"
    if mode == "concat":
        # The axis of directions after the batch; then the units of both directions in one axis.
        order, shape = ([1, 0, 2], [0, -1]) if axis == 0 else ([0, 2, 1, 3], [0, 0, -1])
        parts.node("Transpose", [source], [f"sides_{index}"], perm=order)
        flat = parts.weight(f"sides_shape_{index}", np.array(shape))
        parts.node("Reshape", [f"sides_{index}", flat], [output])
        return output
    ways = [f"way_0_{index}", f"way_1_{index}"]
    parts.node("Split", [source], ways, axis=axis)
    parts.node("Mul" if mode == "mul" else "Add", ways, [f"merged_{index}"])
    parts.node(
        "Squeeze", [f"merged_{index}", parts.weight(f"axis_{index}", np.array([axis]))], [output]
    )
    if mode != "ave":
        return output
    half = parts.weight(f"half_{index}", np.array(0.5, np.float32))
    parts.node("Mul", [output, half], [f"{output}_mean"])
    return f"{output}_mean"


def _state_input(parts: GraphParts, name: str, units: int) -> str:
    parts.inputs.append(tensor(name, ["batch", units]))
    axis = parts.weight(f"{name}_axis", np.array([0]))
    parts.node("Unsqueeze", [name, axis], [f"{name}_first"])
    return f"{name}_first"


def _state_output(parts: GraphParts, final: str, name: str, units: int) -> None:
    parts.outputs.append(tensor(name, ["batch", units]))
    parts.node("Squeeze", [final, parts.weight(f"{name}_axis", np.array([0]))], [name])


def _reversed(parts: GraphParts, sequence: str, index: int) -> str:
    """The sequence with its last step first, for `go_backwards`."""
    bounds = {"from": -1, "to": np.iinfo(np.int64).min, "axis": 0, "by": -1}
    constants = [
        parts.weight(f"reverse_{name}_{index}", np.array([value], np.int64))
        for name, value in bounds.items()
    ]
    parts.node("Slice", [sequence, *constants], [f"backwards_{index}"])
    return f"backwards_{index}"


def _operator_weights(
    parts: GraphParts, index: int, layer: LayerSpec, weights: list[Floats]
) -> list[str]:
    """Names of the operator's W, R and B: reordered gates, the first axis for directions."""
    count = len(weights) // (2 if layer.bidirectional else 1)
    ways = [weights[first : first + count] for first in range(0, len(weights), count)]
    return [
        parts.weight(f"W_{index}", np.concatenate([_gates_first(layer.cell, w[0]) for w in ways])),
        parts.weight(f"R_{index}", np.concatenate([_gates_first(layer.cell, w[1]) for w in ways])),
        parts.weight(f"B_{index}", np.concatenate([_bias(layer, w) for w in ways])),
    ]


def _gates_first(cell: str, matrix: Floats) -> Floats:
    """`(inputs, gates * units)` in Keras' gate order to `(1, gates * units, inputs)` in ONNX's."""
    gates = dict(
        zip(KERAS_GATES[cell], np.split(matrix, len(KERAS_GATES[cell]), axis=-1), strict=True)
    )
    return np.concatenate([gates[gate] for gate in ONNX_GATES[cell]], axis=-1).T[np.newaxis]


def _bias(layer: LayerSpec, weights: list[Floats]) -> Floats:
    """Input and recurrent bias, `(1, 2 * gates * units)`; most Keras cells have only the first."""
    width = weights[0].shape[-1]
    if not layer.use_bias:
        return np.zeros((1, 2 * width), np.float32)
    # Only a GRU that resets after the matrix product has both rows.
    rows = weights[2] if weights[2].ndim == 2 else [weights[2], np.zeros_like(weights[2])]
    ordered = [_gates_first(layer.cell, row[np.newaxis])[..., 0] for row in rows]
    return np.concatenate(ordered, axis=-1)


def _operator_attributes(layer: LayerSpec) -> dict[str, Any]:
    gate, inner = layer.gate_activation, layer.activation
    used = {"rnn": [inner], "gru": [gate, inner], "lstm": [gate, inner, inner]}[layer.cell]
    found = [RECURRENT_ACTIVATIONS[name] for name in used] * (2 if layer.bidirectional else 1)
    attributes: dict[str, Any] = {"activations": [name for name, _, _ in found]}
    if alphas := [alpha for _, alpha, _ in found if alpha is not None]:
        attributes["activation_alpha"] = alphas
    if betas := [beta for _, _, beta in found if beta is not None]:
        attributes["activation_beta"] = betas
    if layer.bidirectional:
        attributes["direction"] = "bidirectional"
    if layer.cell == "gru":
        attributes["linear_before_reset"] = int(layer.reset_after is not False)
    return attributes
