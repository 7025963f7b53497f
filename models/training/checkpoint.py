"""Checkpoints: the state of a training run as bytes, from which it resumes after a crash."""

import json
from dataclasses import asdict, dataclass, field
from io import BytesIO
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

Arrays = dict[str, list[npt.NDArray[Any]]]

_GROUPS = ("trainable", "other", "optimizer", "best")


@dataclass
class TrainingRun:
    """The progress of a training run.

    Args:
        epoch: Completed epochs.
        history: One `{epoch, loss, val_loss, seconds}` for each epoch.
        best_epoch: The epoch with the smallest monitored loss; 0 before the first.
        best_loss: That loss, or None before the first epoch.
        best_weights: The weights after that epoch.
        seconds: Time spent in epochs.
    """

    epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float | None = None
    best_weights: list[npt.NDArray[Any]] = field(default_factory=list)
    seconds: float = 0.0


def write_checkpoint(fingerprint: str, run: TrainingRun, variables: Arrays) -> bytes:
    """Serialise a run: an uncompressed `npz` of numbers and one JSON text.

    Args:
        fingerprint: Identifies the spec and the training arrays that the run belongs to.
        run: Counters, history and best weights.
        variables: The engine's snapshot: weights, seeds of random masks, optimizer.
    """
    meta = asdict(run)
    meta.pop("best_weights")
    text = json.dumps({"fingerprint": fingerprint, "run": meta}).encode()
    groups = {**variables, "best": run.best_weights}
    arrays = {
        f"{group}_{index}": array for group in _GROUPS for index, array in enumerate(groups[group])
    }
    target = BytesIO()
    np.savez(target, allow_pickle=False, meta=np.frombuffer(text, np.uint8), **arrays)
    return target.getvalue()


def read_checkpoint(stored: bytes, fingerprint: str) -> tuple[TrainingRun, Arrays] | None:
    """Read a run back.

    Args:
        stored: What `write_checkpoint` returned.
        fingerprint: That of the run that is about to start.

    Returns:
        The run and its variables; None if the checkpoint is damaged or belongs to another spec
        or other data, so that training starts again instead of failing.
    """
    try:
        with np.load(BytesIO(stored), allow_pickle=False) as archive:
            meta = json.loads(archive["meta"].tobytes())
            groups = {group: _group(archive, group) for group in _GROUPS}
    except (BadZipFile, ValueError, KeyError, EOFError, OSError):
        return None
    if meta["fingerprint"] != fingerprint:
        return None
    best = groups.pop("best")
    return TrainingRun(**meta["run"], best_weights=best), groups


def _group(archive: Any, group: str) -> list[npt.NDArray[Any]]:
    count = sum(name.startswith(f"{group}_") for name in archive.files)
    return [archive[f"{group}_{index}"] for index in range(count)]
