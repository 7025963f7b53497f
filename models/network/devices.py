"""The device and machine of a training, and which kernel runs a recurrent layer there."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from models.network.kernels import has_kernel
from models.spec.spec import LayerSpec

Device = Literal["cpu", "gpu"]

CPU_INFO = Path("/proc/cpuinfo")
# The libraries choose CPU kernels by these: another set may add numbers in another order.
INSTRUCTION_SETS = (
    "sse4_2", "avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16",
    "amx_tile", "amx_bf16", "asimd", "asimddp", "bf16", "sve", "sve2",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel that runs a recurrent layer: its name, and why it was chosen."""

    name: Literal["xla", "cudnn", "loop"]
    reason: str


def recurrent_kernel(layer: LayerSpec, device: Device, backend: str = "tensorflow") -> Kernel:
    """The kernel that runs a layer in training.

    The rule is that of Keras 3.15 (`cudnn_ok` in `keras/src/backend/*/rnn.py`): cuDNN supports
    LSTM and GRU with the default activations, with biases and without recurrent dropout.

    Args:
        layer: The layer.
        device: `cpu` or `gpu`.
        backend: The Keras backend, `tensorflow` or `jax`.
    """
    if device == "cpu":
        return _on_cpu(layer, backend)
    obstacles = list(_obstacles_to_cudnn(layer, backend))
    if not obstacles:
        return Kernel("cudnn", "The layer is one that cuDNN can run.")
    other: Literal["xla", "loop"] = "xla" if backend == "jax" else "loop"
    return Kernel(other, " ".join(obstacles))


def _on_cpu(layer: LayerSpec, backend: str) -> Kernel:
    if backend == "tensorflow" and has_kernel(layer):
        return Kernel("xla", "On a CPU XLA compiles the loop of this package over the steps.")
    return Kernel("xla", "On a CPU XLA compiles Keras' loop over the steps.")


def describe_kernels(layers: list[LayerSpec], device: Device, backend: str) -> list[dict[str, str]]:
    """One `{layer, name, reason}` for each recurrent layer."""
    kernels = [recurrent_kernel(layer, device, backend) for layer in layers]
    return [
        {"layer": f"{layer.cell}_{index}", "name": kernel.name, "reason": kernel.reason}
        for index, (layer, kernel) in enumerate(zip(layers, kernels, strict=True))
    ]


def machine_facts(gpu: str | None) -> dict[str, Any]:
    """The kind of machine: on two machines of one kind the same training gives the same weights.

    Args:
        gpu: Name of the GPU that training runs on; None for the CPU.

    Returns:
        `architecture`, `processor`, `instruction_sets`, `threads` (the number of CPUs that the
        process may use, and of threads that the libraries start) and `gpu`.
    """
    name, instruction_sets = read_cpu_info(CPU_INFO.read_text() if CPU_INFO.exists() else "")
    return {
        "architecture": platform.machine(),
        "processor": name or platform.processor() or None,
        "instruction_sets": instruction_sets,
        "threads": usable_cpus(),
        "gpu": gpu,
    }


def usable_cpus() -> int:
    """The number of CPUs that the process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_cpu_info(text: str) -> tuple[str | None, list[str]]:
    """A processor's name, None if absent, and instruction sets from Linux' `/proc/cpuinfo`."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    return fields.get("model name"), [known for known in INSTRUCTION_SETS if known in flags]


def _obstacles_to_cudnn(layer: LayerSpec, backend: str) -> Iterator[str]:
    if layer.cell == "rnn":
        yield "Keras has no cuDNN kernel for SimpleRNN: take `cell` lstm or gru."
        return
    if layer.cell == "gru" and backend == "jax":
        yield "Keras has no cuDNN kernel for GRU on JAX."
    for field, needed in _CUDNN_NEEDS.items():
        value = getattr(layer, field)
        # None is Keras' default, which is what cuDNN needs.
        if value is not None and value != needed:
            yield f"cuDNN needs `{field}` {_shown(needed)}. Received: {_shown(value)}."


_CUDNN_NEEDS: dict[str, Any] = {
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "use_bias": True,
    "recurrent_dropout": 0.0,
    "unroll": False,
    # Only of a GRU; other cells have None.
    "reset_after": True,
}


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
