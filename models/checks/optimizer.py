"""Rules for the optimizer: refuse arguments that it or its schedule does not have."""

from collections.abc import Iterator

from models.errors import Problem
from models.spec.optimizer import OptimizerSpec, ScheduleSpec
from models.spec.spec import Spec

_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
# Arguments that only some optimizers have; a test compares the table with Keras.
OPTIMIZER_ARGUMENTS = {
    "sgd": {"momentum", "nesterov"},
    "rmsprop": {"rho", "momentum", "centered", "epsilon"},
    "adagrad": {"initial_accumulator_value", "epsilon"},
    "adam": {"beta_1", "beta_2", "epsilon", "amsgrad"},
    "adamw": {"beta_1", "beta_2", "epsilon", "amsgrad"},
    "nadam": {"beta_1", "beta_2", "epsilon"},
}
_DECAY = {"decay_rate", "decay_steps", "decay_epochs", "staircase"}
SCHEDULE_ARGUMENTS = {
    "constant": set[str](),
    "cosine": {"alpha", "warmup_epochs"},
    "exponential_decay": _DECAY,
    "inverse_time_decay": _DECAY,
    "reduce_on_plateau": {"factor", "patience", "min_delta", "min_lr"},
}


def gradients_are_clipped_in_one_way(spec: Spec) -> Iterator[Problem]:
    """Keras clips gradients in one way at a time."""
    clips = [field for field in _CLIPS if getattr(spec.optimizer, field) is not None]
    if len(clips) > 1:
        yield Problem(
            f"/optimizer/{clips[1]}",
            f"Only one of {', '.join(f'`{field}`' for field in _CLIPS)} may be given. "
            f"Received: {' and '.join(clips)}",
        )


def arguments_suit_the_optimizer(spec: Spec) -> Iterator[Problem]:
    """Arguments belong to the optimizer, and Nesterov's step needs a momentum."""
    optimizer = spec.optimizer
    yield from _foreign_arguments(optimizer, OPTIMIZER_ARGUMENTS, "/optimizer", "optimizers")
    if optimizer.nesterov and not optimizer.momentum:
        yield Problem(
            "/optimizer/nesterov",
            f"`nesterov` needs a `momentum` above 0. Received: {optimizer.momentum}",
        )


def arguments_suit_the_schedule(spec: Spec) -> Iterator[Problem]:
    """Arguments belong to the schedule."""
    schedule = spec.optimizer.schedule
    yield from _foreign_arguments(schedule, SCHEDULE_ARGUMENTS, "/optimizer/schedule", "schedules")
    if schedule.name in ("exponential_decay", "inverse_time_decay"):
        yield from _decay_problems(schedule)


def _foreign_arguments(
    given: OptimizerSpec | ScheduleSpec, known: dict[str, set[str]], at: str, kind: str
) -> Iterator[Problem]:
    """Arguments that are given but belong to others of the same kind."""
    for field in sorted(set[str]().union(*known.values()) - known[given.name]):
        if getattr(given, field) is not None:
            owners = ", ".join(sorted(name for name, fields in known.items() if field in fields))
            yield Problem(
                f"{at}/{field}",
                f"`{field}` needs one of the {kind} {owners}. Received: {given.name}",
            )


def _decay_problems(schedule: ScheduleSpec) -> Iterator[Problem]:
    if schedule.decay_rate is None:
        yield Problem(
            "/optimizer/schedule/decay_rate",
            f'The schedule "{schedule.name}" needs a `decay_rate`. Received: none',
        )
    spans = (schedule.decay_steps, schedule.decay_epochs)
    if sum(span is not None for span in spans) != 1:
        yield Problem(
            "/optimizer/schedule/decay_steps",
            f'The schedule "{schedule.name}" needs either `decay_steps` or `decay_epochs`. '
            f"Received: {spans[0]} and {spans[1]}",
        )


def rates_fit_the_run(spec: Spec) -> Iterator[Problem]:
    """The warm-up is shorter than the run, and the lowest rate lies below the first one."""
    optimizer, schedule = spec.optimizer, spec.optimizer.schedule
    if schedule.warmup_epochs and spec.epochs and schedule.warmup_epochs >= spec.epochs:
        yield Problem(
            "/optimizer/schedule/warmup_epochs",
            f"`warmup_epochs` must be below `epochs`, {spec.epochs}. "
            f"Received: {schedule.warmup_epochs}",
        )
    if schedule.min_lr is not None and schedule.min_lr >= optimizer.learning_rate:
        yield Problem(
            "/optimizer/schedule/min_lr",
            f"`min_lr` must be below `learning_rate`, {optimizer.learning_rate:g}. "
            f"Received: {schedule.min_lr:g}",
        )


OPTIMIZER_RULES = (
    gradients_are_clipped_in_one_way,
    arguments_suit_the_optimizer,
    arguments_suit_the_schedule,
    rates_fit_the_run,
)
