"""SimpleRNN, LSTM and GRU in plain NumPy and float64: the oracle for Keras and ONNX Runtime.

Written from the papers and from Keras' documentation, sharing no code with `models/`:
Hochreiter and Schmidhuber 1997 (LSTM, with the forget gate of Gers et al. 2000); Cho et al. 2014,
arXiv 1406.1078 (GRU, reset before the product) and its cuDNN variant (reset after it).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from models.spec.layers import LayerSpec
from models.spec.spec import Spec

Array = npt.NDArray[np.float64]
States = list[Array]
Weights = list[Array]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softplus(x: Array) -> Array:
    return np.logaddexp(x, 0.0)


def elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(x))


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def normal_cdf(x: Array) -> Array:
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


RECURRENT: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": elu,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softplus": softplus,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "linear": lambda x: x,
}
DENSE: dict[str, Callable[[Array], Array]] = {
    **RECURRENT,
    "gelu": lambda x: x * normal_cdf(x),
    "silu": lambda x: x * sigmoid(x),
    "selu": lambda x: np.where(
        x > 0, 1.0507009873554805 * x, 1.0507009873554805 * 1.6732632423543772 * np.expm1(x)
    ),
    "celu": elu,
    "mish": lambda x: x * np.tanh(softplus(x)),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "exponential": np.exp,
    "log_sigmoid": lambda x: -softplus(-x),
    "softmax": softmax,
    "log_softmax": lambda x: np.log(softmax(x)),
}


def step(layer: LayerSpec, weights: Weights, x: Array, states: States) -> States:
    """One step of a cell: `x` `(batch, inputs)`, states `(batch, units)`, h first."""
    kernel, recurrent = weights[:2]
    width = kernel.shape[-1]
    bias = weights[2] if layer.use_bias else np.zeros(width)
    act, gate = RECURRENT[layer.activation], RECURRENT[layer.recurrent_activation or "sigmoid"]
    h = states[0]
    if layer.cell == "rnn":
        return [act(x @ kernel + bias + h @ recurrent)]
    if layer.cell == "lstm":
        i, f, c, o = np.split(x @ kernel + bias + h @ recurrent, 4, axis=-1)
        kept = gate(f) * states[1] + gate(i) * act(c)
        return [gate(o) * act(kept), kept]
    from_input, from_state = bias if bias.ndim == 2 else (bias, np.zeros(width))
    xz, xr, xh = np.split(x @ kernel + from_input, 3, axis=-1)
    uz, ur, uh = np.split(recurrent, 3, axis=-1)
    bz, br, bh = np.split(from_state, 3)
    z, r = gate(xz + h @ uz + bz), gate(xr + h @ ur + br)
    before_or_after = (r * h) @ uh if layer.reset_after is False else r * (h @ uh + bh)
    return [z * h + (1 - z) * act(xh + before_or_after)]


def run(layer: LayerSpec, weights: Weights, x: Array, states: States) -> tuple[Array, States]:
    """A layer in one direction: `(batch, steps, units)` in the order it was read, last states."""
    rows = []
    for each in range(x.shape[1]):
        states = step(layer, weights, x[:, each], states)
        rows.append(states[0])
    return np.stack(rows, axis=1), states


def run_layer(
    layer: LayerSpec, weights: Weights, x: Array, states: States | None = None
) -> tuple[Array, Array, States]:
    """A layer as the spec has it: its sequence, its last output and its last states."""
    if states is None:
        count = 2 if layer.cell == "lstm" else 1
        states = [np.zeros((len(x), layer.units))] * count
    if layer.bidirectional is None:
        sequence, states = run(layer, weights, x[:, ::-1] if layer.go_backwards else x, states)
        return sequence, sequence[:, -1], states
    half = len(weights) // 2
    there, _ = run(layer, weights[:half], x, states)
    back, _ = run(layer, weights[half:], x[:, ::-1], states)
    merge = {
        "concat": lambda a, b: np.concatenate([a, b], axis=-1),
        "sum": lambda a, b: a + b,
        "mul": lambda a, b: a * b,
        "ave": lambda a, b: (a + b) / 2,
    }[layer.bidirectional.merge_mode]
    return merge(there, back[:, ::-1]), merge(there[:, -1], back[:, -1]), []


def run_network(
    spec: Spec, network: Any, x: Array, states: list[Array] | None = None
) -> list[Array]:
    """The whole network of a spec with Keras' weights: `[y, *last states]`."""
    stateful = spec.mode == "stateful"
    after: list[Array] = []
    sequence, last = x, x[:, -1]
    for index, layer in enumerate(spec.layers or []):
        count = (2 if layer.cell == "lstm" else 1) if stateful else 0
        own = states[len(after) : len(after) + count] if states else None
        weights = exact(network.get_layer(f"{layer.cell}_{index}").get_weights())
        sequence, last, finals = run_layer(layer, weights, sequence, own)
        after += finals[:count]
    y = sequence if stateful else last
    for index, dense in enumerate(spec.head.layers):
        kernel, bias = exact(network.get_layer(f"dense_{index}").get_weights())
        y = DENSE[dense.activation](y @ kernel + bias)
    kernel, bias = exact(network.get_layer("output").get_weights())
    return [DENSE[spec.head.activation](y @ kernel + bias), *after]


def exact(arrays: list[Any]) -> list[Array]:
    """The same numbers in float64: float32 weights lose nothing."""
    return [np.asarray(array, np.float64) for array in arrays]
