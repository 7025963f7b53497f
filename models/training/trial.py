"""One trial of a study: train a spec and return its score on the validation part."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from models.errors import TrainingError
from models.series import SeriesData
from models.spec.spec import Spec
from models.training.fitting import AfterEpoch, Progress
from models.training.train import fit, prepare_training, train


@dataclass(frozen=True, slots=True)
class Score:
    """The result of a trial.

    Args:
        value: The minimised value, at the epoch whose weights would be served.
        epochs: How many epochs were run.
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
    """Train a spec as `models.training.train.train` does, without export and evaluation.

    Args:
        spec: A resolved spec with a validation part.
        data: The whole series.
        progress: Called at least twice a second.
        after_epoch: Called with the number and the validation loss of each epoch; an exception
            from it ends the trial.
        checkpoint: The last checkpoint of an interrupted run of the same trial.
        save_checkpoint: Stores a checkpoint after an epoch.

    Returns:
        The validation loss of the best epoch; without early stopping that of the last epoch,
        whose weights a training would use.

    Raises:
        TrainingError: If the loss becomes NaN or infinite, or no validation row has a label.
    """
    run = fit(
        spec,
        prepare_training(spec, data),
        progress,
        checkpoint=checkpoint,
        save_checkpoint=save_checkpoint,
        after_epoch=after_epoch,
    ).run
    value = run.history[run.best_epoch - 1]["val_loss"]
    if value is None:
        raise TrainingError("No validation row has a known target value within its leads.")
    return Score(value, run.epoch, run.seconds)


def run_measured_trial(
    spec: Spec,
    data: SeriesData,
    *,
    progress: Callable[[Progress], None],
    checkpoint: bytes | None = None,
    save_checkpoint: Callable[[bytes], None] | None = None,
) -> Score:
    """Train a spec with export and evaluation, and score it relative to a baseline.

    Arguments and errors are those of `run_trial`. The value is the ratio of the mean absolute
    error on the validation part to that of the naive forecast, over all leads, averaged over
    targets; of classes the ratio of the log loss to that of the class prior.
    """
    trained = train(
        spec, data, progress=progress, checkpoint=checkpoint, save_checkpoint=save_checkpoint
    )
    ratios = [_ratio(figures) for figures in trained.metrics["validation"].values()]
    return Score(fmean(ratios), trained.training["epochs"], trained.training["fit_seconds"])


# The figure that a forecaster's figure is divided by.
_REFERENCES = {"mae": "naive_mae", "log_loss": "class_prior_log_loss"}


def _ratio(figures: dict[str, Any]) -> float:
    name = "log_loss" if "log_loss" in figures else "mae"
    error, reference = figures.get(name), figures.get(_REFERENCES[name])
    if error is None or not reference:
        raise TrainingError(
            f"The validation part has no `{name}` to compare with `{_REFERENCES[name]}`. "
            f"Received: {error} and {reference}"
        )
    return float(error / reference)
