"""Export: the trained network as an ONNX graph of fused recurrent operators.

The graph is built from the weights, not traced, so that a layer becomes one `LSTM`, `GRU` or
`RNN` operator whose first and last states are inputs and outputs of the graph.
Operators: https://onnx.ai/onnx/operators/
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.builders import FUTURE
from models.errors import TrainingError
from models.highway import Highway
from models.runtime_session import open_session, run_session
from models.scaling import Floats
from models.spec import LayerSpec, Spec

OPSET = 17
IR_VERSION = 8
LARGEST_DIFFERENCE = 1e-5

OPERATORS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
# Keras keeps gates side by side in this order; ONNX wants them in its own.
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


@dataclass
class GraphParts:
    """Nodes and weights of the graph while it is being built."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)

    def node(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        """Add one operator."""
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))

    def weight(self, name: str, value: np.ndarray[Any, Any]) -> str:
        """Add one constant and return its name."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def export_onnx(network: keras.Model, spec: Spec, highway: Highway | None = None) -> bytes:
    """Build the ONNX graph of a trained network.

    Args:
        network: What `build_network` returned, with trained weights.
        spec: The spec that it was built from.
        highway: What is added to the network's output, as by `add_highway`.

    Returns:
        The serialised graph. Inputs: `x` `(batch, time, features)`, `future`
        `(batch, time, known)` if the network reads it, with a highway `lags`
        `(batch, time, targets, lags)` (both without `time` if not stateful), and for a stateful
        network the states `(batch, units)`; outputs: `y` and the new states.
    """
    layers = spec.layers or []
    stateful = spec.mode == "stateful"
    parts = GraphParts()
    parts.inputs.append(_tensor("x", ["batch", "time", network.inputs[0].shape[-1]]))
    parts.node("Transpose", ["x"], ["sequence"], perm=[1, 0, 2])
    sequence = "sequence"
    for index, layer in enumerate(layers):
        last = index == len(layers) - 1
        weights = network.get_layer(f"{layer.cell}_{index}").get_weights()
        sequence = _recurrent(
            parts, sequence, index, layer, weights=weights, stateful=stateful, last=last
        )
    sequence = _with_future(parts, sequence, network, stateful=stateful)
    y = _head(parts, sequence, network, spec)
    if stateful:
        parts.node("Transpose", [y], ["batch_first"], perm=[1, 0, 2])
        y = "batch_first"
    parts.node(*_sum(parts, y, highway, stateful=stateful), ["y"])
    axes = ["batch", "time"] if stateful else ["batch"]
    parts.outputs.insert(0, _tensor("y", [*axes, network.outputs[0].shape[-1]]))
    return _serialised(parts)


def _serialised(parts: GraphParts) -> bytes:
    graph = helper.make_graph(
        parts.nodes, "forecaster", parts.inputs, parts.outputs, initializer=parts.weights
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _tensor(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _recurrent(
    parts: GraphParts,
    sequence: str,
    index: int,
    layer: LayerSpec,
    *,
    weights: list[Floats],
    stateful: bool,
    last: bool,
) -> str:
    """Add one recurrent layer; returns the name of its sequence, or of its last output."""
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
    axis, source = (0, finals[0]) if last and not stateful else (1, every)
    output = f"layer_{index}"
    parts.node("Squeeze", [source, parts.weight(f"axis_{index}", np.array([axis]))], [output])
    return output


def _state_input(parts: GraphParts, name: str, units: int) -> str:
    parts.inputs.append(_tensor(name, ["batch", units]))
    axis = parts.weight(f"{name}_axis", np.array([0]))
    parts.node("Unsqueeze", [name, axis], [f"{name}_first"])
    return f"{name}_first"


def _state_output(parts: GraphParts, final: str, name: str, units: int) -> None:
    parts.outputs.append(_tensor(name, ["batch", units]))
    parts.node("Squeeze", [final, parts.weight(f"{name}_axis", np.array([0]))], [name])


def _reversed(parts: GraphParts, sequence: str, index: int) -> str:
    """The sequence with its last step first, as `go_backwards` reads it."""
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
    """The operator's W, R and B: gates reordered, one leading axis for the direction."""
    kernel, recurrent = (_gates_first(layer.cell, matrix) for matrix in weights[:2])
    bias = _bias(layer, weights)
    return [
        parts.weight(f"W_{index}", kernel),
        parts.weight(f"R_{index}", recurrent),
        parts.weight(f"B_{index}", bias),
    ]


def _gates_first(cell: str, matrix: Floats) -> Floats:
    """`(inputs, gates * units)` in Keras' gate order to `(1, gates * units, inputs)` in ONNX's."""
    gates = dict(
        zip(KERAS_GATES[cell], np.split(matrix, len(KERAS_GATES[cell]), axis=-1), strict=True)
    )
    return np.concatenate([gates[gate] for gate in ONNX_GATES[cell]], axis=-1).T[np.newaxis]


def _bias(layer: LayerSpec, weights: list[Floats]) -> Floats:
    """Input and recurrent bias, `(1, 2 * gates * units)`; only Keras' GRU has the second."""
    width = weights[0].shape[-1]
    if not layer.use_bias:
        return np.zeros((1, 2 * width), np.float32)
    # A GRU with `reset_after` keeps both rows; the other cells have one, for the input.
    rows = weights[2] if layer.cell == "gru" else np.stack([weights[2], np.zeros_like(weights[2])])
    ordered = [_gates_first(layer.cell, row[np.newaxis])[..., 0] for row in rows]
    return np.concatenate(ordered, axis=-1)


def _operator_attributes(layer: LayerSpec) -> dict[str, Any]:
    gate, inner = layer.recurrent_activation, layer.activation
    used = {"rnn": [inner], "gru": [gate, inner], "lstm": [gate, inner, inner]}[layer.cell]
    found = [RECURRENT_ACTIVATIONS[name] for name in used]
    attributes: dict[str, Any] = {"activations": [name for name, _, _ in found]}
    if alphas := [alpha for _, alpha, _ in found if alpha is not None]:
        attributes["activation_alpha"] = alphas
    if betas := [beta for _, _, beta in found if beta is not None]:
        attributes["activation_beta"] = betas
    if layer.cell == "gru":
        attributes["linear_before_reset"] = 1
    return attributes


def _with_future(parts: GraphParts, sequence: str, network: keras.Model, *, stateful: bool) -> str:
    """Put what is known of the future beside the stack's output, if the network reads it."""
    known = next((each for each in network.inputs if each.name == FUTURE), None)
    if known is None:
        return sequence
    steps = ["time"] if stateful else []
    parts.inputs.insert(1, _tensor(FUTURE, ["batch", *steps, known.shape[-1]]))
    future = FUTURE
    if stateful:
        parts.node("Transpose", [future], ["future_sequence"], perm=[1, 0, 2])
        future = "future_sequence"
    parts.node("Concat", [sequence, future], ["with_future"], axis=-1)
    return "with_future"


def _head(parts: GraphParts, sequence: str, network: keras.Model, spec: Spec) -> str:
    """Add the dense layers; dropout does nothing at inference."""
    for index, dense in enumerate(spec.head.layers):
        weights = network.get_layer(f"dense_{index}").get_weights()
        sequence = _dense(parts, sequence, f"dense_{index}", weights)
        sequence = _activation(parts, sequence, dense.activation)
    return _dense(parts, sequence, "output", network.get_layer("output").get_weights())


def _sum(
    parts: GraphParts, y: str, highway: Highway | None, *, stateful: bool
) -> tuple[str, list[str]]:
    """The operator and the inputs that make up the graph's output."""
    if highway is None:
        return "Identity", [y]
    targets, lags, leads = highway.weights.shape
    steps = ["time"] if stateful else []
    place = 2 if parts.inputs[1:] and parts.inputs[1].name == FUTURE else 1
    parts.inputs.insert(place, _tensor("lags", ["batch", *steps, targets, lags]))
    # A row of lags for each target, times that target's own matrix.
    axis = parts.weight("lags_axis", np.array([-2]))
    parts.node("Unsqueeze", ["lags", axis], ["lags_row"])
    weights = parts.weight("highway", highway.weights)
    parts.node("MatMul", ["lags_row", weights], ["highway_row"])
    parts.node("Squeeze", ["highway_row", axis], ["highway_by_target"])
    order = [0, 1, 3, 2] if stateful else [0, 2, 1]
    parts.node("Transpose", ["highway_by_target"], ["highway_by_lead"], perm=order)
    shape = [0, 0, leads * targets] if stateful else [0, leads * targets]
    flat = parts.weight("highway_shape", np.array(shape))
    parts.node("Reshape", ["highway_by_lead", flat], ["highway_outputs"])
    return "Add", [y, "highway_outputs"]


def _dense(parts: GraphParts, source: str, name: str, weights: list[Floats]) -> str:
    kernel, bias = (
        parts.weight(f"{name}_kernel", weights[0]),
        parts.weight(f"{name}_bias", weights[1]),
    )
    parts.node("MatMul", [source, kernel], [f"{name}_product"])
    parts.node("Add", [f"{name}_product", bias], [f"{name}_sum"])
    return f"{name}_sum"


def _activation(parts: GraphParts, source: str, name: str) -> str:
    if name == "linear":
        return source
    operator, alpha, beta = RECURRENT_ACTIVATIONS[name]
    given = {"alpha": alpha, "beta": beta}
    attributes = {key: value for key, value in given.items() if value is not None}
    parts.node(operator, [source], [f"{source}_{name}"], **attributes)
    return f"{source}_{name}"


def verify_export(network: keras.Model, graph: bytes, inputs: Sequence[Floats]) -> float:
    """Compare the exported graph with Keras on held-out inputs.

    Args:
        network: The trained network.
        graph: What `export_onnx` returned.
        inputs: `x` `(batch, steps, features)`, and `future` and `lags` if the network has them.

    Returns:
        The largest absolute difference over outputs and new states, in scaled units; where
        an output exceeds 1, a share of the largest one, because float32 has seven digits.

    Raises:
        TrainingError: If it is above 1e-5, so that nothing wrong is ever served.
    """
    states = [
        np.zeros((len(inputs[0]), state.shape[-1]), np.float32)
        for state in network.inputs[len(inputs) :]
    ]
    wanted = keras.tree.flatten(network([*inputs, *states], training=False))
    got = run_session(open_session(graph), [*inputs, *states])
    differences = [
        _difference(keras.ops.convert_to_numpy(a), b) for a, b in zip(wanted, got, strict=True)
    ]
    # Python's max would pass over a NaN.
    largest = float(np.max(differences))
    if not largest <= LARGEST_DIFFERENCE:
        raise TrainingError(
            "The exported network must agree with Keras within "
            f"{LARGEST_DIFFERENCE:g}. Its largest difference is {largest:g}."
        )
    return largest


def _difference(wanted: Floats, got: Floats) -> float:
    return float(np.abs(wanted - got).max() / max(1.0, np.abs(wanted).max()))
