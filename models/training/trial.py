"""One trial of a study: the epochs of a spec and nothing after them, judged by validation loss."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from models.errors import TrainingError
from models.series import SeriesData
from models.spec.spec import Spec
from models.training.fitting import AfterEpoch, Progress
from models.training.train import begin, fit, train


@dataclass(frozen=True, slots=True)
class Score:
    """What became of a trial.

    Args:
        value: What is minimised, after the epoch whose weights would be kept.
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
    """Train a spec as `models.training.train.train` does, but export and evaluate nothing.

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
        begin(spec, data),
        progress,
        checkpoint=checkpoint,
        save_checkpoint=save_checkpoint,
        after_epoch=after_epoch,
    ).run
    value = run.history[run.best_epoch - 1]["val_loss"]
    if value is None:
        raise TrainingError("No validation row has a known target within its leads.")
    return Score(value, run.epoch, run.seconds)


def run_measured_trial(
    spec: Spec,
    data: SeriesData,
    *,
    progress: Callable[[Progress], None],
    checkpoint: bytes | None = None,
    save_checkpoint: Callable[[bytes], None] | None = None,
) -> Score:
    """Train a spec to the end, and measure it as its report will: against the naive forecast.

    Arguments and errors are those of `run_trial`. The value is the mean absolute error on the
    validation part over the naive forecast's, all leads pooled, mean of the targets; of classes
    the log loss over that of the class prior.
    """
    trained = train(
        spec, data, progress=progress, checkpoint=checkpoint, save_checkpoint=save_checkpoint
    )
    ratios = [_ratio(figures) for figures in trained.metrics["validation"].values()]
    return Score(fmean(ratios), trained.training["epochs"], trained.training["fit_seconds"])


# What a forecaster's figure is divided by, by its name.
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
