"""Everything that depends on the Keras backend in use: engine, device, determinism."""

import keras

from models.errors import TrainingError
from models.network.devices import Device
from models.network.engine import Engine
from models.network.losses import Objective


def make_engine(
    network: keras.Model, optimizer: keras.optimizers.Optimizer, objective: Objective
) -> Engine:
    """The training engine for the Keras backend in use.

    Raises:
        TrainingError: If the backend is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from models.network.engine_tensorflow import TensorFlowEngine

        return TensorFlowEngine(network, optimizer, objective)
    if backend == "jax":
        from models.network.engine_jax import JaxEngine

        return JaxEngine(network, optimizer, objective)
    raise TrainingError(
        f"The Keras backend (KERAS_BACKEND) must be tensorflow or jax. Received: {backend}"
    )


def device_name() -> Device:
    """The device that training runs on: `gpu` if the backend sees one, else `cpu`."""
    return "cpu" if gpu_name() is None else "gpu"


def gpu_name() -> str | None:
    """The name of the GPU that the backend trains on; None if it trains on the CPU."""
    if keras.backend.backend() == "tensorflow":
        from models.network.engine_tensorflow import gpu_name as name
    else:
        from models.network.engine_jax import gpu_name as name
    return name()


def make_deterministic() -> None:
    """Make every operation of this process deterministic, also on a GPU.

    By default TensorFlow may add numbers in any order (see its documentation of
    `tf.config.experimental.enable_op_determinism`). JAX has no such switch within the process: on a
    GPU it needs the flag `--xla_gpu_deterministic_ops=true` in `XLA_FLAGS`, on a CPU nothing.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
