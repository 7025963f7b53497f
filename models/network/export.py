"""Export a trained network as an ONNX graph of fused recurrent operators.

The graph is built from the weights, not traced, so that a layer becomes one `LSTM`, `GRU` or
`RNN` operator whose initial and final states are inputs and outputs of the graph.
Operators: https://onnx.ai/onnx/operators/
"""

from collections.abc import Sequence

import keras
import numpy as np

from models.arrays import Floats
from models.errors import TrainingError
from models.features.highway import Highway
from models.network.builders import FUTURE, output_names
from models.network.export_activations import add_activation
from models.network.export_graph import GraphParts, serialised, tensor
from models.network.export_recurrent import add_recurrent
from models.network.losses import MEDIAN
from models.serving.session import open_session, run_session
from models.spec.spec import Spec

LARGEST_DIFFERENCE = 1e-5


def export_onnx(network: keras.Model, spec: Spec, highway: Highway | None = None) -> bytes:
    """Build the ONNX graph of a trained network.

    Args:
        network: What `build_network` returned, with trained weights.
        spec: The spec that it was built from.
        highway: The highway whose forecast is added to the output, as by `add_highway`.

    Returns:
        The serialised graph, all float32. Inputs: `x` `(batch, time, features)`, `future`
        `(batch, time, known)` if the network reads it, with a highway `lags`
        `(batch, time, targets, lags)` (both without `time` if not stateful), and for a stateful
        network the states `(batch, units)`. Outputs: `y` `(batch, time, outputs)`, without `time`
        if not stateful, and the new states.
    """
    stateful = spec.mode == "stateful"
    parts = GraphParts()
    parts.inputs.append(tensor("x", ["batch", "time", network.inputs[0].shape[-1]]))
    parts.node("Transpose", ["x"], ["sequence"], perm=[1, 0, 2])
    future = _future(parts, network, stateful=stateful)
    members = [_member(parts, network, spec, member, future) for member in range(spec.ensemble)]
    y = members[0]
    if len(members) > 1:
        y = "members_mean"
        parts.node("Mean", members, [y])
    if stateful:
        parts.node("Transpose", [y], ["batch_first"], perm=[1, 0, 2])
        y = "batch_first"
    parts.node(*_sum(parts, y, highway, spec), ["y"])
    axes = ["batch", "time"] if stateful else ["batch"]
    parts.outputs.insert(0, tensor("y", [*axes, network.outputs[0].shape[-1]]))
    return serialised(parts)


def _future(parts: GraphParts, network: keras.Model, *, stateful: bool) -> str | None:
    """Add the input of known future values if the network reads it; time is the first axis."""
    known = next((each for each in network.inputs if each.name == FUTURE), None)
    if known is None:
        return None
    steps = ["time"] if stateful else []
    parts.inputs.append(tensor(FUTURE, ["batch", *steps, known.shape[-1]]))
    if not stateful:
        return FUTURE
    parts.node("Transpose", [FUTURE], ["future_sequence"], perm=[1, 0, 2])
    return "future_sequence"


def _member(
    parts: GraphParts, network: keras.Model, spec: Spec, member: int, future: str | None
) -> str:
    """Add one network of the ensemble and return the name of its output."""
    layers = spec.layers or []
    sequence = "sequence"
    for position, layer in enumerate(layers):
        index = member * len(layers) + position
        sequence = add_recurrent(
            parts,
            sequence,
            index,
            layer,
            weights=network.get_layer(f"{layer.cell}_{index}").get_weights(),
            stateful=spec.mode == "stateful",
            last=position == len(layers) - 1,
        )
    if future is not None:
        parts.node("Concat", [sequence, future], [f"with_future_{member}"], axis=-1)
        sequence = f"with_future_{member}"
    return _head(parts, sequence, network, spec, member)


def _head(parts: GraphParts, sequence: str, network: keras.Model, spec: Spec, member: int) -> str:
    """Add the dense layers; dropout does nothing at inference."""
    for position, dense in enumerate(spec.head.layers):
        index = member * len(spec.head.layers) + position
        weights = network.get_layer(f"dense_{index}").get_weights()
        sequence = _dense(parts, sequence, f"dense_{index}", weights)
        sequence = add_activation(parts, sequence, dense.activation)
    name = output_names(spec.ensemble)[member]
    y = _dense(parts, sequence, name, network.get_layer(name).get_weights())
    return add_activation(parts, y, spec.network_head.activation)


def _sum(parts: GraphParts, y: str, highway: Highway | None, spec: Spec) -> tuple[str, list[str]]:
    """The operator and the inputs that compute the graph's output."""
    if highway is None:
        return "Identity", [y]
    stateful, quantiles = spec.mode == "stateful", len(spec.quantiles or MEDIAN)
    targets, lags, leads = highway.weights.shape
    steps = ["time"] if stateful else []
    place = 1 + any(each.name == FUTURE for each in parts.inputs)
    parts.inputs.insert(place, tensor("lags", ["batch", *steps, targets, lags]))
    # A row of lags for each target, times the matrix of that target.
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
    if quantiles == 1:
        return "Add", [y, "highway_outputs"]
    # All quantiles of a lead and target get the same highway forecast added.
    each = parts.weight("highway_each", np.repeat(np.arange(leads * targets), quantiles))
    parts.node("Gather", ["highway_outputs", each], ["highway_quantiles"], axis=-1)
    return "Add", [y, "highway_quantiles"]


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
        inputs: `x` `(batch, steps, features)` and, if the network has a highway, `lags`.

    Returns:
        The largest absolute difference over outputs and new states, in scaled units; if an
        output exceeds 1, relative to the largest one, because float32 has seven digits.

    Raises:
        TrainingError: If it is above 1e-5, so that a wrong graph is never served.
    """
    states = [
        np.zeros((len(inputs[0]), state.shape[-1]), np.float32)
        for state in network.inputs[len(inputs) :]
    ]
    expected = keras.tree.flatten(network([*inputs, *states], training=False))
    exported = run_session(open_session(graph), [*inputs, *states])
    differences = [
        _difference(keras.ops.convert_to_numpy(a), b)
        for a, b in zip(expected, exported, strict=True)
    ]
    # Python's max would ignore a NaN.
    largest = float(np.max(differences))
    if not largest <= LARGEST_DIFFERENCE:
        raise TrainingError(
            "The exported network must agree with Keras within "
            f"{LARGEST_DIFFERENCE:g}. Its largest difference is {largest:g}."
        )
    return largest


def _difference(expected: Floats, exported: Floats) -> float:
    return float(np.abs(expected - exported).max() / max(1.0, np.abs(expected).max()))
