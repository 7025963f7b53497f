"""Mixed precision: compute in 16 bits, with weights, states and forecasts in float32.

Training computes in float16 or bfloat16 and stores the weights in float32 (Micikevicius et al.
2018, arXiv 1710.03740). The exported network is a float32 network with the same weights.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from models.errors import TrainingError
from models.network.devices import Device
from models.spec.spec import Spec

Build = Callable[[], keras.Model]


def require_precision(spec: Spec, device: Device) -> None:
    """Refuse a precision that the device does not support.

    Raises:
        TrainingError: If a spec asks for float16 on a CPU, which would emulate it: slower and less
            exact than float32.
    """
    if spec.precision == "mixed_float16" and device == "cpu":
        raise TrainingError(
            "`precision` mixed_float16 needs a GPU: train with `device` gpu, or take "
            "mixed_bfloat16 or float32. Received: mixed_float16 on a cpu"
        )


def build_for_training(spec: Spec, build: Build) -> keras.Model:
    """The network to train: in the spec's precision, with inputs and outputs in float32."""
    if spec.precision == "float32":
        return build()
    with _policy(spec.precision):
        network = build()
    outputs = [keras.ops.cast(output, "float32") for output in network.outputs]
    return keras.Model(network.inputs, outputs, name=network.name)


def network_to_serve(spec: Spec, trained: keras.Model, build: Build) -> keras.Model:
    """The network to export: in float32, with the trained weights."""
    if spec.precision == "float32":
        return trained
    network = build()
    network.set_weights(trained.get_weights())
    return network


def scale_losses(spec: Spec, optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer, for float16 with dynamic loss scaling: small gradients would become zero."""
    if spec.precision != "mixed_float16":
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


@contextmanager
def _policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
