"""Jobs that ran out of memory: how that shows, and what their owner can make smaller."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.jobs.attempts import Attempt
from app.registry.tables import ModelVersion

# TensorFlow's and JAX's own name for it, in the class or in the message.
EXHAUSTED = ("ResourceExhausted", "RESOURCE_EXHAUSTED")
# For jobs that train nothing, and so have no sizes of their own.
REMEDIES = {
    "check": "check one `series` at a time",
    "clean": "clean one model at a time",
    "promote": "put the alias by hand, or give the worker more memory",
    "upload": "send the file in several parts",
}
SIZES = {
    "stateful": {"lanes": "fewer `lanes`", "chunk": "a shorter `chunk`"},
    "windowed": {"batch_size": "a smaller `batch_size`", "lookback": "a shorter `lookback`"},
}


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory did not suffice, the machine's or the GPU's."""
    said = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or any(word in said for word in EXHAUSTED)


def advice(session: Session, attempt: Attempt) -> str:
    """What to make smaller, with the present sizes where the job trains a version."""
    if attempt.kind in REMEDIES:
        return REMEDIES[attempt.kind]
    trained_by = attempt.subject.get("training_job", attempt.job_id)
    spec = session.scalar(sa.select(ModelVersion.spec).where(ModelVersion.job_id == trained_by))
    return "try a smaller network or less data" if spec is None else sizes_to_reduce(spec)


def sizes_to_reduce(spec: Mapping[str, Any]) -> str:
    """The sizes of a resolved spec that memory grows with: "try fewer `lanes` (now 64) ...".

    The memory of an update grows with steps times sequences times units.
    """
    names = SIZES[spec["mode"]]
    sizes = [f"{words} (now {spec[field]})" for field, words in names.items()]
    units = max(layer["units"] for layer in spec["layers"])
    return f"try {', '.join(sizes)} or fewer `units` (now {units})"
