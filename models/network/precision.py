"""Precision: training in half the bits, with weights, states and forecasts in float32.

Mixed precision computes in float16 or bfloat16 and keeps the weights in float32 (Micikevicius
et al. 2018, arXiv 1710.03740). What is exported is the float32 network with those weights.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from models.errors import TrainingError
from models.network.devices import Device
from models.spec.spec import Spec

Build = Callable[[], keras.Model]


def require_precision(spec: Spec, device: Device) -> None:
    """Refuse what the device is no good for.

    Raises:
        TrainingError: If float16 is asked for on a CPU, which has no arithmetic for it: it would
            be emulated, slower and less exact than float32.
    """
    if spec.precision == "mixed_float16" and device == "cpu":
        raise TrainingError(
            "`precision` mixed_float16 needs a GPU: train with `device` gpu, or take "
            "mixed_bfloat16 or float32. Received: mixed_float16 on a cpu"
        )


def build_for_training(spec: Spec, build: Build) -> keras.Model:
    """The network that is trained: in the spec's precision, its inputs and outputs in float32."""
    if spec.precision == "float32":
        return build()
    with _policy(spec.precision):
        network = build()
    outputs = [keras.ops.cast(output, "float32") for output in network.outputs]
    return keras.Model(network.inputs, outputs, name=network.name)


def network_to_serve(spec: Spec, trained: keras.Model, build: Build) -> keras.Model:
    """The network that is exported: float32 with the trained weights."""
    if spec.precision == "float32":
        return trained
    network = build()
    network.set_weights(trained.get_weights())
    return network


def scale_losses(spec: Spec, optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer with dynamic loss scaling, without which small float16 gradients are zero."""
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
