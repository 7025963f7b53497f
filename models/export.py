"""Export: the trained network as an ONNX graph of fused recurrent operators.

The graph is built from the weights, not traced, so that a layer becomes one `LSTM`, `GRU` or
`RNN` operator whose first and last states are inputs and outputs of the graph.
Operators: https://onnx.ai/onnx/operators/
"""

from collections.abc import Sequence

import keras
import numpy as np

from models.builders import FUTURE
from models.errors import TrainingError
from models.export_activations import add_activation
from models.export_graph import GraphParts, serialised, tensor
from models.export_recurrent import add_recurrent
from models.highway import Highway
from models.runtime_session import open_session, run_session
from models.scaling import Floats
from models.spec import Spec

LARGEST_DIFFERENCE = 1e-5


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
    parts.inputs.append(tensor("x", ["batch", "time", network.inputs[0].shape[-1]]))
    parts.node("Transpose", ["x"], ["sequence"], perm=[1, 0, 2])
    sequence = "sequence"
    for index, layer in enumerate(layers):
        last = index == len(layers) - 1
        weights = network.get_layer(f"{layer.cell}_{index}").get_weights()
        sequence = add_recurrent(
            parts, sequence, index, layer, weights=weights, stateful=stateful, last=last
        )
    sequence = _with_future(parts, sequence, network, stateful=stateful)
    y = _head(parts, sequence, network, spec)
    if stateful:
        parts.node("Transpose", [y], ["batch_first"], perm=[1, 0, 2])
        y = "batch_first"
    parts.node(*_sum(parts, y, highway, stateful=stateful), ["y"])
    axes = ["batch", "time"] if stateful else ["batch"]
    parts.outputs.insert(0, tensor("y", [*axes, network.outputs[0].shape[-1]]))
    return serialised(parts)


def _with_future(parts: GraphParts, sequence: str, network: keras.Model, *, stateful: bool) -> str:
    """Put what is known of the future beside the stack's output, if the network reads it."""
    known = next((each for each in network.inputs if each.name == FUTURE), None)
    if known is None:
        return sequence
    steps = ["time"] if stateful else []
    parts.inputs.insert(1, tensor(FUTURE, ["batch", *steps, known.shape[-1]]))
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
        sequence = add_activation(parts, sequence, dense.activation)
    y = _dense(parts, sequence, "output", network.get_layer("output").get_weights())
    return add_activation(parts, y, spec.head.activation)


def _sum(
    parts: GraphParts, y: str, highway: Highway | None, *, stateful: bool
) -> tuple[str, list[str]]:
    """The operator and the inputs that make up the graph's output."""
    if highway is None:
        return "Identity", [y]
    targets, lags, leads = highway.weights.shape
    steps = ["time"] if stateful else []
    place = 2 if parts.inputs[1:] and parts.inputs[1].name == FUTURE else 1
    parts.inputs.insert(place, tensor("lags", ["batch", *steps, targets, lags]))
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
