"""One trial of a study: the epochs of a spec and nothing after them, judged by validation loss."""

from collections.abc import Callable
from dataclasses import dataclass

from models.errors import TrainingError
from models.fitting import AfterEpoch, Progress
from models.series import SeriesData
from models.spec import Spec
from models.train import fit


@dataclass(frozen=True, slots=True)
class Score:
    """What became of a trial.

    Args:
        value: The validation loss of the epoch whose weights would be kept.
        epochs: Epochs that were run.
        seconds: Time spent in them.
    """

    value: float
    epochs: int
    seconds: float


def run_trial(
    spec: Spec,
    data: SeriesData,
    *,
    progress: Callable[[Progress], None],
    after_epoch: AfterEpoch = lambda epoch, val_loss: None,
    checkpoint: bytes | None = None,
    save_checkpoint: Callable[[bytes], None] | None = None,
) -> Score:
    """Train a spec as `models.train.train` does, but export and evaluate nothing.

    Args:
        spec: A resolved spec with a validation part.
        data: The whole series.
        progress: Called at least twice a second.
        after_epoch: Called with the number and the validation loss of each epoch; what it
            raises ends the trial.
        checkpoint: What an interrupted run of the same trial saved last.
        save_checkpoint: Takes a checkpoint after an epoch.

    Returns:
        The trial's score. Without early stopping that of the last epoch, as its weights are
        the ones a training keeps.

    Raises:
        TrainingError: If the loss stops being a number, or no validation row has a label.
    """
    run = fit(
        spec,
        data,
        progress,
        checkpoint=checkpoint,
        save_checkpoint=save_checkpoint,
        after_epoch=after_epoch,
    ).run
    value = run.history[run.best_epoch - 1]["val_loss"]
    if value is None:
        raise TrainingError("No validation row has a known target within its leads.")
    return Score(value, run.epoch, run.seconds)
