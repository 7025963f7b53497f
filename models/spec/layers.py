"""The recurrent layers and the head as data; names are those of the Keras arguments."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from models.spec.base import SpecPart

Rate = Annotated[float, Field(ge=0, lt=1)]
# Activations that the fused recurrent kernels of ONNX Runtime compute in the same way as Keras.
RecurrentActivation = Literal[
    "tanh", "sigmoid", "relu", "leaky_relu", "elu", "softsign", "softplus", "hard_sigmoid", "linear"
]
DenseActivation = Literal[
    RecurrentActivation,
    "gelu",
    "silu",
    "selu",
    "celu",
    "mish",
    "relu6",
    "hard_silu",
    "hard_tanh",
    "exponential",
    "log_sigmoid",
    "softmax",
    "log_softmax",
]


def _name_or_object(value: object) -> object:
    if isinstance(value, str | dict):
        return value
    raise PydanticCustomError("name_or_object", "Must be a name or an object {name, ...arguments}")


# `models.checks.layers` checks names and arguments, together with the other rules.
Named = Annotated[str | dict[str, Any], BeforeValidator(_name_or_object)]

_REGULARIZER = "`l1`, `l2`, `l1_l2`, `orthogonal_regularizer`, or an object `{name, ...arguments}`"
_CONSTRAINT = "`max_norm`, `min_max_norm`, `non_neg`, `unit_norm`, or `{name, ...arguments}`"
_INITIALIZER = "A name of Keras, or an object `{name, ...arguments}` such as "


class BidirectionalSpec(SpecPart):
    """A second copy of the layer, which reads the window backwards."""

    merge_mode: Literal["concat", "sum", "mul", "ave"] = "concat"


class LayerSpec(SpecPart):
    """One recurrent layer; names are those of the Keras arguments, `null` is Keras' default."""

    cell: Literal["rnn", "lstm", "gru"] = "lstm"
    units: int = Field(32, ge=1, le=4096)
    activation: RecurrentActivation = Field(
        "tanh", description="One of those that the recurrent kernels of ONNX Runtime can run."
    )
    recurrent_activation: RecurrentActivation | None = Field(
        None, description="Activation of the gates, sigmoid by default; an `rnn` has no gates."
    )
    use_bias: bool = True
    unit_forget_bias: bool | None = Field(
        None, description="`lstm` only: the forget gate's bias begins at one; true by default."
    )
    reset_after: bool | None = Field(
        None,
        description="`gru` only: the reset gate acts after the matrix product (true, the "
        "default, as cuDNN does) or before it (Cho et al. 2014, arXiv 1406.1078).",
    )
    kernel_initializer: Named = Field(
        "glorot_uniform", description=_INITIALIZER + '`{"name": "random_normal", "stddev": 0.01}`.'
    )
    recurrent_initializer: Named = Field(
        "orthogonal", description=_INITIALIZER + '`{"name": "identity", "gain": 1.0}`.'
    )
    bias_initializer: Named = Field(
        "zeros", description=_INITIALIZER + '`{"name": "constant", "value": 1.0}`.'
    )
    kernel_regularizer: Named | None = Field(None, description=_REGULARIZER)
    recurrent_regularizer: Named | None = Field(None, description=_REGULARIZER)
    bias_regularizer: Named | None = Field(
        None, description="`l1`, `l2`, `l1_l2`, or an object `{name, ...arguments}`."
    )
    activity_regularizer: Named | None = Field(
        None,
        description="`l1`, `l2`, `l1_l2`, or `{name, ...arguments}`, on the layer's outputs, "
        "summed over steps; in stateful mode on the states after each chunk as well.",
    )
    kernel_constraint: Named | None = Field(None, description=_CONSTRAINT)
    recurrent_constraint: Named | None = Field(None, description=_CONSTRAINT)
    bias_constraint: Named | None = Field(None, description=_CONSTRAINT)
    dropout: Rate = Field(0.0, description="Share of inputs dropped; one mask for all steps.")
    recurrent_dropout: Rate = Field(
        0.0, description="Share of the state dropped; one mask for all steps; rules out cuDNN."
    )
    output_dropout: Rate = Field(
        0.0, description="A Dropout layer after this one; one mask for all steps."
    )
    bidirectional: BidirectionalSpec | None = Field(
        None,
        description="Reads the window in both directions. Windowed mode only: a state carried "
        "forward cannot be read backwards.",
    )
    go_backwards: bool = Field(False, description="Windowed mode only; not with `bidirectional`.")
    stateful: bool | None = Field(None, description="Follows from `mode`; may only agree with it.")
    return_sequences: bool | None = Field(
        None,
        description="Follows from mode and position: every step, except in the last layer of a "
        "windowed stack; may only agree with it.",
    )
    return_state: bool | None = Field(
        None, description="Follows from `mode`: true in stateful mode; may only agree with it."
    )
    unroll: bool = Field(
        False,
        description="Unrolls the loop over at most 128 steps (`chunk`, or the samples of a "
        "window): uses more memory and is faster on some devices. The result is the same.",
    )
    use_cudnn: Literal["auto", True, False] | None = Field(
        None,
        description="`lstm` and `gru` only. By default cuDNN is used where there is a GPU and the "
        "arguments allow it; true requires it and fails on a worker without a GPU.",
    )
    zero_output_for_mask: bool = Field(
        False,
        description="Without effect: missing values are filled in, and steps are never masked.",
    )
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="Seed of the layer's dropout; follows from the spec's `seed`.",
    )

    @property
    def gate_activation(self) -> RecurrentActivation:
        """The gates' activation, with the Keras default filled in."""
        return self.recurrent_activation or "sigmoid"


class DenseSpec(SpecPart):
    """One dense layer between the recurrent stack and the output."""

    units: int = Field(ge=1, le=4096)
    activation: DenseActivation = "linear"
    dropout: Rate = 0.0


class HeadSpec(SpecPart):
    """The layers that map the recurrent stack's output to targets and leads."""

    dropout: Rate = Field(0.0, description="Dropout of the stack's output; one mask for all steps.")
    layers: list[DenseSpec] = Field(default_factory=list, max_length=16)
    activation: DenseActivation = Field(
        "linear",
        description="Activation of the output layer, in scaled units: tanh, for instance, keeps "
        "forecasts within one standard deviation of the training mean.",
    )
