"""Keras optimizers of specs, and learning rates that depend on losses."""

from collections.abc import Sequence
from typing import Any

import keras

from models.spec.optimizer import OptimizerSpec, ScheduleSpec

OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "nadam": keras.optimizers.Nadam,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "sgd": keras.optimizers.SGD,
}
_DECAYS = {
    "exponential_decay": keras.optimizers.schedules.ExponentialDecay,
    "inverse_time_decay": keras.optimizers.schedules.InverseTimeDecay,
}


def make_optimizer(
    spec: OptimizerSpec, *, epochs: int, updates_per_epoch: int
) -> keras.optimizers.Optimizer:
    """The Keras optimizer of a spec.

    Args:
        spec: Name and arguments; `null` means the default of Keras.
        epochs: The largest number of epochs of the run, for schedules that end with it.
        updates_per_epoch: Updates per epoch, for schedules that count epochs.
    """
    rate = _rate(spec, epochs, updates_per_epoch)
    arguments = spec.model_dump(exclude={"name", "learning_rate", "schedule"}, exclude_none=True)
    return OPTIMIZERS[spec.name](learning_rate=rate, **arguments)


def _rate(spec: OptimizerSpec, epochs: int, updates_per_epoch: int) -> Any:
    schedule, first = spec.schedule, spec.learning_rate
    if schedule.name == "cosine":
        warm_up = (schedule.warmup_epochs or 0) * updates_per_epoch
        return keras.optimizers.schedules.CosineDecay(
            0.0 if warm_up else first,
            max(1, epochs * updates_per_epoch - warm_up),
            alpha=schedule.alpha or 0.0,
            warmup_target=first if warm_up else None,
            warmup_steps=warm_up,
        )
    if schedule.name in _DECAYS:
        return _DECAYS[schedule.name](
            first,
            schedule.decay_steps or (schedule.decay_epochs or 1) * updates_per_epoch,
            schedule.decay_rate,
            staircase=bool(schedule.staircase),
        )
    return first


def plateau_rate(spec: OptimizerSpec, losses: Sequence[float]) -> float:
    """The learning rate after some epochs, by the rule of ReduceLROnPlateau of Keras.

    It depends only on the losses, so a run that resumes from a checkpoint needs nothing but its
    history.

    Args:
        spec: Its schedule is `reduce_on_plateau`; missing arguments have the defaults of Keras.
        losses: The monitored loss of every epoch so far.

    Example:
        >>> halved = {"name": "reduce_on_plateau", "factor": 0.5, "patience": 2}
        >>> spec = OptimizerSpec(learning_rate=0.1, schedule=ScheduleSpec(**halved))
        >>> plateau_rate(spec, [1.0, 0.8, 0.9, 0.8])
        0.05
    """
    schedule = _with_defaults(spec.schedule)
    rate, best, waited = spec.learning_rate, float("inf"), 0
    for loss in losses:
        if loss < best - schedule["min_delta"]:
            best, waited = loss, 0
            continue
        waited += 1
        if waited >= schedule["patience"]:
            rate, waited = max(rate * schedule["factor"], schedule["min_lr"]), 0
    return rate


def _with_defaults(schedule: ScheduleSpec) -> dict[str, Any]:
    defaults = {"factor": 0.1, "patience": 10, "min_delta": 1e-4, "min_lr": 0.0}
    return defaults | schedule.model_dump(include=set(defaults), exclude_none=True)
