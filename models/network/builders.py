"""Build networks as functional Keras models whose states are inputs and outputs.

Layers do not store states. The stateful network reads `x` and the states and returns `y` and the
new states, so that training, serving and tests pass the states explicitly.
"""

from typing import Any

import keras

from models.arrays import Floats
from models.errors import TrainingError
from models.features.highway import Highway
from models.network.backend import device_name
from models.network.keras_objects import layer_arguments
from models.spec.spec import HeadSpec, LayerSpec

RECURRENT: dict[str, type[keras.layers.Layer]] = {
    "rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
}
CELL_NAMES = {keras.layers.EinsumDense: "highway"} | {
    layer: cell for cell, layer in RECURRENT.items()
}
# Layers without weights that a description of the network leaves out.
UNLISTED = (
    keras.layers.InputLayer,
    keras.layers.Reshape,
    keras.layers.Add,
    keras.layers.Average,
    keras.layers.Concatenate,
)
HIGHWAY = "highway"
FUTURE = "future"
STATES_PER_CELL = {"rnn": ("h",), "lstm": ("h", "c"), "gru": ("h",)}


def build_network(
    layers: list[LayerSpec],
    head: HeadSpec,
    *,
    features: int,
    outputs: int,
    stateful: bool,
    seed: int,
    steps: int | None = None,
    members: int = 1,
    future: int = 0,
) -> keras.Model:
    """Build the network of a spec.

    Args:
        layers: The recurrent stack.
        head: Dropout, dense layers and activation after the stack.
        features: Inputs per step.
        outputs: Outputs per step: leads times targets times quantiles or class scores.
        stateful: Whether states are inputs and outputs, with an output at every step.
            Otherwise states start from zero and only the last step has an output.
        seed: The same seed gives the same weights.
        steps: Steps per batch. Only layers with an unrolled loop need it; the network then reads
            exactly this many steps.
        members: Networks of an ensemble, each with separate layers, states and outputs. Their
            layers are numbered consecutively, as if they were one stack.
        future: Known future inputs per step, for the heads of all members.

    Returns:
        A model from `[x, *states]` to `[y, *new states]`. `x` is `(batch, steps, features)`,
        a state `(batch, units)`, `y` `(batch, steps, members * outputs)`, or
        `(batch, members * outputs)` if not stateful. With known future inputs there is an input
        `future` after `x`, `(batch, steps, future)`, or `(batch, future)` if not stateful. All
        are float32.

    Raises:
        TrainingError: If a layer requires cuDNN and the worker has no GPU.
    """
    _check_cudnn(layers)
    keras.utils.set_random_seed(seed)
    fixed = steps if any(layer.unroll for layer in layers) else None
    x = keras.Input(shape=(fixed, features), name="x")
    inputs: list[Any] = [x]
    known = None
    if future:
        known = keras.Input(shape=(*((None,) if stateful else ()), future), name=FUTURE)
        inputs.append(known)
    new_states: list[Any] = []
    member_outputs = []
    for member, name in enumerate(output_names(members)):
        y, states, after = _member(
            x, layers, head, member, output=(name, outputs), stateful=stateful, future=known
        )
        member_outputs.append(y)
        inputs += states
        new_states += after
    y = member_outputs[0]
    if members > 1:
        y = keras.layers.Concatenate(name="members")(member_outputs)
    return keras.Model(inputs, [y, *new_states], name="forecaster")


def _member(
    x: Any,
    layers: list[LayerSpec],
    head: HeadSpec,
    member: int,
    *,
    output: tuple[str, int],
    stateful: bool,
    future: Any,
) -> tuple[Any, list[Any], list[Any]]:
    """One network of an ensemble: its output, its state inputs and its new states."""
    sequence = x
    inputs: list[Any] = []
    new_states: list[Any] = []
    for position, layer in enumerate(layers):
        index = member * len(layers) + position
        states = _state_inputs(layer, index) if stateful else []
        every_step = stateful or position < len(layers) - 1
        recurrent = _recurrent_layer(layer, index, every_step=every_step, stateful=stateful)
        result = recurrent(sequence, initial_state=states) if stateful else recurrent(sequence)
        sequence, *after = result if stateful else (result,)
        sequence = _dropped(
            sequence, layer.output_dropout, f"{layer.cell}_{index}_dropout", every_step
        )
        inputs += states
        new_states += after
    y = _head(sequence, head, member, output, every_step=stateful, future=future)
    return y, inputs, new_states


def output_names(members: int) -> list[str]:
    """The names of the members' last layers."""
    return ["output"] if members == 1 else [f"output_{member}" for member in range(members)]


def average_members(network: keras.Model, members: int) -> keras.Model:
    """A network whose output is the mean of its members' outputs; it shares their layers."""
    if members == 1:
        return network
    outputs = [network.get_layer(name).output for name in output_names(members)]
    mean = keras.layers.Average(name="mean")(outputs)
    return keras.Model(network.inputs, [mean, *network.outputs[1:]], name="forecaster")


def add_highway(network: keras.Model, highway: Highway, quantiles: int = 1) -> keras.Model:
    """Add a fitted highway to the output of a network.

    Args:
        network: What `build_network` returned.
        highway: Its weights are copied.
        quantiles: Outputs for each lead and target; all get the same highway forecast added.

    Returns:
        A model from `[x, lags, *states]` to `[y, *new states]` that shares the layers of
        `network`; an input `future` stays after `x`. `lags` is
        `(batch, steps, targets, lags)`, or `(batch, targets, lags)` if `network` has an output
        for the last step only.
    """
    first = [each for each in network.inputs if each.name in ("x", FUTURE)]
    states = network.inputs[len(first) :]
    y, *after = network.outputs
    targets, count, leads = highway.weights.shape
    every_step = y.ndim == 3
    lags = keras.Input(shape=(*((None,) if every_step else ()), targets, count), name="lags")
    axes = "btcl,clh->bthc" if every_step else "bcl,clh->bhc"
    sizes = (None, leads, targets) if every_step else (leads, targets)
    layer = keras.layers.EinsumDense(axes, output_shape=sizes, name=HIGHWAY)
    flat = keras.layers.Reshape(
        (*((-1,) if every_step else ()), leads * targets), name="highway_outputs"
    )
    moved = flat(layer(lags))
    if quantiles > 1:
        moved = keras.ops.repeat(moved, quantiles, axis=-1)
    total = keras.layers.Add(name="sum")([y, moved])
    layer.set_weights([highway.weights])
    return keras.Model([*first, lags, *states], [total, *after], name="forecaster")


def scale_outputs(network: keras.Model, shares: Floats, members: int = 1) -> None:
    """Multiply every output of a network whose last layers are linear.

    Args:
        network: What `build_network` returned; its last layers are changed in place.
        shares: `(outputs,)`.
        members: Networks of the ensemble.
    """
    for layer in _output_layers(network, members):
        layer.set_weights([weight * shares for weight in layer.get_weights()])


def start_outputs(network: keras.Model, biases: Floats, members: int = 1) -> None:
    """Set the biases of an untrained network's last layers, so that its outputs start near them.

    Args:
        network: What `build_network` returned; its last layers are changed in place.
        biases: `(outputs,)`.
        members: Networks of the ensemble.
    """
    for layer in _output_layers(network, members):
        kernel, _ = layer.get_weights()
        layer.set_weights([kernel, biases])


def _output_layers(network: keras.Model, members: int) -> list[keras.layers.Layer]:
    """The last layer of every member."""
    return [network.get_layer(name) for name in output_names(members)]


def state_shapes(layers: list[LayerSpec]) -> list[tuple[str, int]]:
    """Name and units of every state of a stack, in the order of the network's inputs."""
    return [
        (f"{state}{index}", layer.units)
        for index, layer in enumerate(layers)
        for state in STATES_PER_CELL[layer.cell]
    ]


def _state_inputs(layer: LayerSpec, index: int) -> list[Any]:
    return [
        keras.Input(shape=(layer.units,), name=f"{state}{index}")
        for state in STATES_PER_CELL[layer.cell]
    ]


def _check_cudnn(layers: list[LayerSpec]) -> None:
    if any(layer.use_cudnn is True for layer in layers) and device_name() != "gpu":
        raise TrainingError(
            '`use_cudnn` true needs a worker with a GPU; "auto" uses cuDNN if there is one. '
            "Received: a worker without a GPU"
        )


def _recurrent_layer(
    layer: LayerSpec, index: int, *, every_step: bool, stateful: bool
) -> keras.layers.Layer:
    name, arguments = f"{layer.cell}_{index}", layer_arguments(layer)
    made = RECURRENT[layer.cell](
        **arguments, return_sequences=every_step, return_state=stateful, name=name
    )
    directions = [made]
    if layer.bidirectional is not None:
        made = keras.layers.Bidirectional(made, layer.bidirectional.merge_mode, name=name)
        directions = [made.forward_layer, made.backward_layer]
    for direction in directions:
        # SimpleRNN of Keras 3.15 accepts this argument and ignores it.
        direction.activity_regularizer = arguments.get("activity_regularizer")
    return made


def _head(
    sequence: Any,
    head: HeadSpec,
    member: int,
    output: tuple[str, int],
    *,
    every_step: bool,
    future: Any,
) -> Any:
    """Dropout, dense layers and the output layer, given by its name and width.

    Known future inputs get no dropout.
    """
    name, outputs = output
    y = _dropped(sequence, head.dropout, f"{name.replace('output', 'head')}_dropout", every_step)
    if future is not None:
        y = keras.layers.Concatenate(name=name.replace("output", "with_future"))([y, future])
    for position, dense in enumerate(head.layers):
        index = member * len(head.layers) + position
        y = keras.layers.Dense(dense.units, dense.activation, name=f"dense_{index}")(y)
        y = _dropped(y, dense.dropout, f"dense_dropout_{index}", every_step)
    return keras.layers.Dense(outputs, head.activation, name=name)(y)


def _dropped(sequence: Any, rate: float, name: str, every_step: bool) -> Any:
    """Dropout with one mask for all steps (Gal and Ghahramani 2016, arXiv 1512.05287)."""
    if rate == 0:
        return sequence
    noise_shape = (None, 1, sequence.shape[-1]) if every_step else None
    return keras.layers.Dropout(rate, noise_shape=noise_shape, name=name)(sequence)


def describe_network(network: keras.Model) -> dict[str, Any]:
    """`{layers: [{name, cell, shape, parameters}], parameters}`; `cell` is that of the spec."""
    layers = [
        {
            "name": layer.name,
            "cell": _cell_name(layer),
            "shape": _output_shape(layer),
            "parameters": int(layer.count_params()),
        }
        for layer in network.layers
        if not isinstance(layer, UNLISTED)
    ]
    return {"layers": layers, "parameters": int(network.count_params())}


def _cell_name(layer: keras.layers.Layer) -> str:
    """The cell of a recurrent layer, also of a bidirectional one; else the name of the class."""
    inner = layer.forward_layer if isinstance(layer, keras.layers.Bidirectional) else layer
    cell: str = CELL_NAMES.get(type(inner), type(inner).__name__.lower())
    return cell


def _output_shape(layer: keras.layers.Layer) -> list[int | None]:
    output = layer.output[0] if isinstance(layer.output, list | tuple) else layer.output
    return [None, *output.shape[1:]]
