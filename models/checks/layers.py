"""Rules for the recurrent layers: refuse arguments that are impossible or have no effect."""

from collections.abc import Iterator
from typing import Any

from models.errors import Problem
from models.spec.keras_arguments import Role, complaints
from models.spec.spec import Spec

# Longer unrolled loops take minutes to compile; Keras recommends unrolling for short ones only.
MOST_UNROLLED_STEPS = 128

_CELLS_WITH = {
    "recurrent_activation": ("lstm", "gru"),
    "unit_forget_bias": ("lstm",),
    "reset_after": ("gru",),
    "use_cudnn": ("lstm", "gru"),
}
_NEED_BIAS: dict[str, Any] = {
    "bias_initializer": "zeros",
    "bias_regularizer": None,
    "bias_constraint": None,
    "unit_forget_bias": None,
}
# Field, role, and whether it applies to a matrix.
_NAMED: tuple[tuple[str, Role, bool], ...] = (
    ("kernel_initializer", "initializer", True),
    ("recurrent_initializer", "initializer", True),
    ("bias_initializer", "initializer", False),
    ("kernel_regularizer", "regularizer", True),
    ("recurrent_regularizer", "regularizer", True),
    ("bias_regularizer", "regularizer", False),
    ("activity_regularizer", "regularizer", False),
    ("kernel_constraint", "constraint", True),
    ("recurrent_constraint", "constraint", True),
    ("bias_constraint", "constraint", False),
)
# What cuDNN's fused kernels need (https://keras.io/api/layers/recurrent_layers/lstm/).
_CUDNN: dict[str, Any] = {
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "use_bias": True,
    "recurrent_dropout": 0,
    "unroll": False,
    "reset_after": True,
}


def layers_agree_with_the_mode(spec: Spec) -> Iterator[Problem]:
    """Fields that follow from mode and position may be given only with that value."""
    stateful = spec.mode == "stateful"
    layers = spec.layers or []
    for position, layer in enumerate(layers):
        follows = {
            "stateful": stateful,
            "return_state": stateful,
            "return_sequences": stateful or position < len(layers) - 1,
        }
        for field, value in follows.items():
            given = getattr(layer, field)
            if given is not None and given != value:
                where = "" if field != "return_sequences" else " at this position"
                yield Problem(
                    f"/layers/{position}/{field}",
                    f'`{field}` must be {_json(value)} in `mode` "{spec.mode}"{where}. '
                    f"Received: {_json(given)}",
                )


def directions_can_be_read(spec: Spec) -> Iterator[Problem]:
    """Reading backwards needs windows, and excludes a second reversal by `bidirectional`."""
    for position, layer in enumerate(spec.layers or []):
        given = {"go_backwards": layer.go_backwards, "bidirectional": layer.bidirectional}
        for field, value in given.items():
            if value and spec.mode == "stateful":
                yield Problem(
                    f"/layers/{position}/{field}",
                    f'`{field}` needs `mode` "windowed": a state carried forward cannot be read '
                    "backwards. Received: stateful",
                )
        if layer.go_backwards and layer.bidirectional:
            yield Problem(
                f"/layers/{position}/go_backwards",
                "`go_backwards` must be false with `bidirectional`, which reads both ways. "
                "Received: true",
            )


def arguments_suit_the_cell(spec: Spec) -> Iterator[Problem]:
    """Gates, forget gate, reset gate and fused kernel exist only in some cells."""
    for position, layer in enumerate(spec.layers or []):
        for field, cells in _CELLS_WITH.items():
            given = getattr(layer, field)
            if given is not None and layer.cell not in cells:
                yield Problem(
                    f"/layers/{position}/{field}",
                    f"`{field}` belongs to the cells {' and '.join(cells)}, not to {layer.cell}. "
                    f"Received: {_json(given)}",
                )


def biases_are_there(spec: Spec) -> Iterator[Problem]:
    """A bias is initialised, penalised and constrained only if there is one."""
    for position, layer in enumerate(spec.layers or []):
        for field, inert in _NEED_BIAS.items():
            given = getattr(layer, field)
            if not layer.use_bias and given != inert:
                yield Problem(
                    f"/layers/{position}/{field}",
                    f"`{field}` needs `use_bias` true. Received: {_json(given)}",
                )


def named_arguments_exist(spec: Spec) -> Iterator[Problem]:
    """Initializers, regularizers and constraints exist in Keras, with these arguments."""
    for position, layer in enumerate(spec.layers or []):
        for field, role, matrix in _NAMED:
            given = getattr(layer, field)
            if given is None:
                continue
            for where, sentence in complaints(role, given, matrix=matrix):
                name = f"{field}{where.replace('/', '.')}"
                yield Problem(f"/layers/{position}/{field}{where}", f"`{name}` {sentence}")


def rows_can_be_orthogonal(spec: Spec) -> Iterator[Problem]:
    """Orthogonality needs two rows: for a single one the Keras penalty would be 0 / 0."""
    for position, layer in enumerate(spec.layers or []):
        given = layer.recurrent_regularizer
        name = given.get("name") if isinstance(given, dict) else given
        if name == "orthogonal_regularizer" and layer.units == 1:
            yield Problem(
                f"/layers/{position}/recurrent_regularizer",
                "`recurrent_regularizer` orthogonal_regularizer needs at least 2 `units`. "
                "Received: 1",
            )


def loops_can_be_unrolled(spec: Spec) -> Iterator[Problem]:
    """Only short loops can be unrolled."""
    steps = steps_per_row(spec)
    for position, layer in enumerate(spec.layers or []):
        if layer.unroll and steps is not None and steps > MOST_UNROLLED_STEPS:
            yield Problem(
                f"/layers/{position}/unroll",
                f"`unroll` needs at most {MOST_UNROLLED_STEPS} steps, {_steps_come_from(spec)}. "
                f"Received: {steps} steps",
            )


def cudnn_can_run(spec: Spec) -> Iterator[Problem]:
    """Requiring cuDNN excludes arguments that its kernels do not support."""
    for position, layer in enumerate(spec.layers or []):
        if layer.use_cudnn is not True or layer.cell == "rnn":
            continue
        for field, needed in _CUDNN.items():
            given = getattr(layer, field)
            if given is not None and given != needed:
                yield Problem(
                    f"/layers/{position}/use_cudnn",
                    f"`use_cudnn` true needs `{field}` {_json(needed)}. Received: {_json(given)}",
                )


def steps_per_row(spec: Spec) -> int | None:
    """Steps that the network reads in one run: a chunk, or a window's samples.

    None before the spec's defaults are filled in.
    """
    if spec.mode == "stateful":
        return spec.chunk
    if spec.lookback is None:
        return None
    return max(1, spec.lookback // (spec.step or 1))


def _steps_come_from(spec: Spec) -> str:
    return "`chunk`" if spec.mode == "stateful" else "`lookback` / `step`"


def _json(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


LAYER_RULES = (
    layers_agree_with_the_mode,
    directions_can_be_read,
    arguments_suit_the_cell,
    biases_are_there,
    named_arguments_exist,
    rows_can_be_orthogonal,
    loops_can_be_unrolled,
    cudnn_can_run,
)
