"""The device of a worker: find GPUs, select the device, and set the environment of children."""

import os
from collections.abc import Mapping
from pathlib import Path

CPU = "cpu"
NODES = Path("/dev")


class NoSuchDevice(Exception):
    """A device that this machine does not have; the message is for the user of the command line."""


def visible_gpus(environment: Mapping[str, str] = os.environ, nodes: Path = NODES) -> list[str]:
    """The usable NVIDIA GPUs by their CUDA names, found without loading a library.

    If `CUDA_VISIBLE_DEVICES` is set, `gpu:0` is the first of its devices.
    """
    present = [str(index) for index, _ in enumerate(nodes.glob("nvidia[0-9]*"))]
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is None or not present:
        return present
    return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]


def default_device(gpus: list[str]) -> str:
    """The first GPU if there is one, else the CPU."""
    return "gpu:0" if gpus else CPU


def require_device(device: str | None, gpus: list[str]) -> str:
    """The requested device, or the default one.

    Raises:
        NoSuchDevice: If it is a GPU that this machine does not have.
    """
    if device is None:
        return default_device(gpus)
    if device != CPU and _index(device) >= len(gpus):
        usable = f"{len(gpus)} usable GPU{'' if len(gpus) == 1 else 's'}"
        raise NoSuchDevice(
            f"`--device` (STATECAST_DEVICE) must be a device of this machine, which has {usable}. "
            f"Received: {device}"
        )
    return device


# OpenBLAS reads this variable when it is loaded.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}


def child_environment(device: str, gpus: list[str]) -> dict[str, str]:
    """The environment variables that make only this device visible to a child.

    On a GPU both libraries allocate memory as they need it, because several children share it.
    NumPy's matrix products run on one thread: their last bits then do not depend on the number of
    cores, and the small matrices of a highway are slower with more threads.
    """
    if device == CPU:
        return {**ONE_THREAD, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    index = _index(device)
    return {
        **ONE_THREAD,
        "CUDA_VISIBLE_DEVICES": gpus[index] if index < len(gpus) else str(index),
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }


def _index(device: str) -> int:
    return int(device.partition(":")[2])
