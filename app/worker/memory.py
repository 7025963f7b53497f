"""The memory of jobs: what a process uses, whether it ran out, and what to reduce."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.jobs.attempts import Attempt
from app.registry.tables import ModelVersion

# TensorFlow's and JAX's name for the error, in its class or in its message.
EXHAUSTED = ("ResourceExhausted", "RESOURCE_EXHAUSTED")
# Suggestions for jobs that do not train.
REMEDIES = {
    "check": "check one `series` at a time",
    "clean": "clean one model at a time",
    "promote": "point the alias with a request, or give the worker more memory",
    "upload": "send the file in several parts",
}
SIZES = {
    "stateful": {"lanes": "fewer `lanes`", "chunk": "a shorter `chunk`"},
    "windowed": {"batch_size": "a smaller `batch_size`", "lookback": "a shorter `lookback`"},
}


def resident_bytes(pid: int) -> int | None:
    """The memory of a process that is in use, from the kernel; None if it cannot be seen."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") or None


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error means that the machine or the GPU ran out of memory."""
    text = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or any(word in text for word in EXHAUSTED)


def advice(session: Session, attempt: Attempt) -> str:
    """What to reduce, with the present sizes if the job trains a version."""
    if attempt.kind in REMEDIES:
        return REMEDIES[attempt.kind]
    trained_by = attempt.subject.get("training_job", attempt.job_id)
    spec = session.scalar(sa.select(ModelVersion.spec).where(ModelVersion.job_id == trained_by))
    return "try a smaller network or less data" if spec is None else sizes_to_reduce(spec)


def sizes_to_reduce(spec: Mapping[str, Any]) -> str:
    """The sizes of a resolved spec that determine memory: "try fewer `lanes` (now 64) ...".

    The memory of an update is proportional to steps times sequences times units.
    """
    names = SIZES[spec["mode"]]
    sizes = [f"{words} (now {spec[field]})" for field, words in names.items()]
    units = max(layer["units"] for layer in spec["layers"])
    return f"try {', '.join(sizes)} or fewer `units` (now {units})"
