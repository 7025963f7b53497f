"""Networks: a functional Keras model whose states are inputs and outputs.

No layer keeps a state of its own. The stateful network reads `x` and the states and returns
`y` and the new states, so that training, serving and tests carry the state in plain sight.
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
# Nothing is learnt there, and nothing is done that a reader must know of.
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
        head: What follows it.
        features: Inputs per step.
        outputs: Leads times targets times quantiles.
        stateful: Whether states are inputs and outputs, with an output at every step.
            Otherwise states start from zero and only the last step has an output.
        seed: The same seed gives the same weights.
        steps: Steps per batch. Only layers that unroll their loop need to know it, and then the
            network reads so many and no others.
        members: Networks of an ensemble, each with layers, states and outputs of its own. Their
            layers are numbered on, as those of one stack.
        future: Numbers that are known of the steps ahead, for the heads of all members.

    Returns:
        A model from `[x, *states]` to `[y, *new states]`. `x` is `(batch, steps, features)`,
        a state `(batch, units)`, `y` `(batch, steps, members * outputs)`, or
        `(batch, members * outputs)` if not stateful. If anything is known of the future there is
        an input `future` after `x`, `(batch, steps, future)`, or `(batch, future)` if not stateful.

    Raises:
        TrainingError: If a layer insists on cuDNN and there is no GPU.
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
    said = []
    for member, name in enumerate(output_names(members)):
        y, states, after = _member(
            x, layers, head, member, output=(name, outputs), stateful=stateful, future=known
        )
        said.append(y)
        inputs += states
        new_states += after
    y = said[0] if members == 1 else keras.layers.Concatenate(name="members")(said)
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
    """One network of an ensemble: its output, its states and its new states."""
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
    """A network whose output is the mean of its members'; the layers are shared."""
    if members == 1:
        return network
    said = [network.get_layer(name).output for name in output_names(members)]
    mean = keras.layers.Average(name="mean")(said)
    return keras.Model(network.inputs, [mean, *network.outputs[1:]], name="forecaster")


def add_highway(network: keras.Model, highway: Highway, quantiles: int = 1) -> keras.Model:
    """Put a fitted highway beside a network.

    Args:
        network: What `build_network` returned.
        highway: Its weights are copied.
        quantiles: Outputs for each lead and target, all moved alike.

    Returns:
        A model from `[x, lags, *states]` to `[y, *new states]` that shares the layers of
        `network`; a known `future` stays after `x`. `lags` is
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
    """Multiply every output of a network that ends in linear layers.

    Args:
        network: What `build_network` returned; its last layers are changed in place.
        shares: `(outputs,)`.
        members: Networks of the ensemble.
    """
    for name in output_names(members):
        layer = network.get_layer(name)
        layer.set_weights([weight * shares for weight in layer.get_weights()])


def start_outputs(network: keras.Model, biases: Floats, members: int = 1) -> None:
    """Let an untrained network say some numbers, but for what its random weights add.

    Args:
        network: What `build_network` returned; its last layers are changed in place.
        biases: `(outputs,)`.
        members: Networks of the ensemble.
    """
    for name in output_names(members):
        layer = network.get_layer(name)
        kernel, _ = layer.get_weights()
        layer.set_weights([kernel, biases])


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
            '`use_cudnn` true needs a worker with a GPU; "auto" uses one where there is one. '
            "Received: a worker without"
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
        # Keras 3.15's SimpleRNN takes this argument and forgets it.
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

    What is known of the future is not dropped.
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
    """Layers with cell (as in the spec), output shape and parameters, and the total of them."""
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
    """The cell of a recurrent layer, read in one direction or in both; else Keras' name."""
    inner = layer.forward_layer if isinstance(layer, keras.layers.Bidirectional) else layer
    cell: str = CELL_NAMES.get(type(inner), type(inner).__name__.lower())
    return cell


def _output_shape(layer: keras.layers.Layer) -> list[int | None]:
    output = layer.output[0] if isinstance(layer.output, list | tuple) else layer.output
    return [None, *output.shape[1:]]
