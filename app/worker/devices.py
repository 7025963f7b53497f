"""The device of a worker: which are there, which one is meant, and what its children see."""

import os
from collections.abc import Mapping
from pathlib import Path

CPU = "cpu"
NODES = Path("/dev")


class NoSuchDevice(Exception):
    """A device that this machine does not have; the message is for who started the worker."""


def visible_gpus(environment: Mapping[str, str] = os.environ, nodes: Path = NODES) -> list[str]:
    """The NVIDIA GPUs that may be used, as CUDA names them, without loading anything.

    Whoever set `CUDA_VISIBLE_DEVICES` has chosen already; `gpu:0` is the first of those.
    """
    present = [str(index) for index, _ in enumerate(nodes.glob("nvidia[0-9]*"))]
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is None or not present:
        return present
    return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]


def default_device(gpus: list[str]) -> str:
    """The first GPU where there is one, else the CPU."""
    return "gpu:0" if gpus else CPU


def require_device(device: str | None, gpus: list[str]) -> str:
    """The device that was asked for, or the default one.

    Raises:
        NoSuchDevice: If it is a GPU that is not there.
    """
    if device is None:
        return default_device(gpus)
    if device != CPU and _index(device) >= len(gpus):
        there = f"{len(gpus)} GPU{'' if len(gpus) == 1 else 's'}" if gpus else "no GPU"
        raise NoSuchDevice(
            f"`--device` (STATECAST_DEVICE) must be a device of this machine, which has {there} "
            f"that can be used. Received: {device}"
        )
    return device


# OpenBLAS reads it when it is loaded.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}


def child_environment(device: str, gpus: list[str]) -> dict[str, str]:
    """The environment variables by which a child sees this device and no other.

    On a GPU both libraries take memory as they need it, not all there is: several children
    share it. NumPy's products run on one thread: then their last bits do not depend on the number
    of cores, and for the small matrices of a highway more threads only wait for each other.
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
