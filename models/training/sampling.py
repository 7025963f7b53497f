"""Sampling and pruning by Optuna, without its storage: a study is rebuilt from its trials.

The caller stores the trials. Each function here builds an Optuna study in memory from them, asks
it once and drops it, which takes milliseconds for a thousand trials. Only workers import this
module, because Optuna is slow to import.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from models.spec.search import Dimension, Parameters, Search

State = Literal["running", "complete", "pruned", "failed"]

_STATES = {
    "running": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
# Random trials before the first one that learns from others: Optuna's default, but at most a
# third of a small budget.
STARTUP_TRIALS = 10
# How often to draw again, so that a small space has no value tried twice before all are tried.
DRAWS = 20

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, slots=True)
class PastTrial:
    """A trial of a study, as sampling and pruning of other trials need it.

    Args:
        state: Its state; sampling ignores failed trials.
        parameters: Its values by JSON pointer, or None before they are drawn.
        value: The loss of a complete trial.
        losses: Validation losses by epoch, of the epochs that were reported.
        memory: The pruner's notes about it, stored as `should_prune` returned them.
    """

    state: State
    parameters: Parameters | None
    value: float | None = None
    losses: Mapping[int, float] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)


def suggest(search: Search, name: str, past: Sequence[PastTrial], number: int) -> Parameters:
    """Draw the parameters of a trial.

    Args:
        search: Method, space and seed.
        name: The study's name; only messages contain it.
        past: The other trials so far, running ones included.
        number: The trial's number; with the seed of the search it seeds the sampler.

    Returns:
        A value for every dimension of the space, by JSON pointer. If another trial has the same
        values, they are drawn again, `DRAWS` times in all.
    """
    seen = [trial.parameters for trial in past]
    study = _study(search, name, past, seed=_seed(search.seed, number))
    drawn: Parameters = {}
    for _ in range(DRAWS):
        asked = study.ask(_distributions(search))
        drawn = {
            pointer: _decode(dimension, asked.params[pointer])
            for pointer, dimension in search.space.items()
        }
        if drawn not in seen:
            break
    return drawn


def pruning_epochs(search: Search, epochs: int) -> list[int]:
    """The epochs after which a trial of `epochs` epochs may be pruned, without the last one."""
    if search.method != "hyperband":
        return []
    filled = search.filled()
    found, epoch = [], filled.min_epochs or 1
    while epoch < epochs:
        found.append(epoch)
        epoch *= filled.factor or 3
    return found


def should_prune(
    search: Search, name: str, past: Sequence[PastTrial], number: int, *, epochs: int
) -> tuple[bool, dict[str, Any]]:
    """Decide whether to prune a running trial after its last known epoch.

    Args:
        search: Its `factor` and `min_epochs` are those of Hyperband (Li et al. 2018, arXiv
            1603.06560).
        name: The study's name; with the number it determines the bracket of a trial.
        past: All trials in the order of their numbers, this one with its newest loss.
        number: The number of the trial in question.
        epochs: The epochs of a trial that is never pruned.

    Returns:
        Whether to prune, and the trial's new `memory`, which the caller stores.
    """
    study = _study(search, name, past, seed=0)
    filled = search.filled()
    pruner = optuna.pruners.HyperbandPruner(
        min_resource=filled.min_epochs or 1,
        max_resource=epochs,
        reduction_factor=filled.factor or 3,
    )
    prune = pruner.prune(study, study.trials[number])
    return prune, study.trials[number].system_attrs


def _study(
    search: Search, name: str, past: Iterable[PastTrial], *, seed: int
) -> optuna.study.Study:
    study = optuna.create_study(study_name=name, sampler=_sampler(search, seed))
    distributions = _distributions(search)
    for trial in past:
        study.add_trial(_frozen(search, trial, distributions))
    return study


def _sampler(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    if search.method != "bayesian":
        return optuna.samplers.RandomSampler(seed=seed)
    startup = min(STARTUP_TRIALS, max(2, search.trials // 3))
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)


def _frozen(
    search: Search, trial: PastTrial, distributions: dict[str, BaseDistribution]
) -> FrozenTrial:
    """The trial in Optuna's form; without parameters it is a failed one that holds its number."""
    if trial.parameters is None:
        return create_trial(state=TrialState.FAIL)
    values = trial.parameters
    return create_trial(
        state=_STATES[trial.state],
        value=trial.value if trial.state == "complete" else None,
        params={name: _encode(dim, values[name]) for name, dim in search.space.items()},
        distributions=distributions,
        intermediate_values=dict(trial.losses),
        system_attrs=dict(trial.memory),
    )


def _distributions(search: Search) -> dict[str, BaseDistribution]:
    return {pointer: _distribution(dimension) for pointer, dimension in search.space.items()}


def _distribution(dimension: Dimension) -> BaseDistribution:
    """Optuna draws positions of values if they can be counted, otherwise the values."""
    count = dimension.count
    if count is None:
        low, high = dimension.low or 0.0, dimension.high or 0.0
        return FloatDistribution(low, high, log=dimension.type == "log_float")
    if dimension.type == "choice":
        return CategoricalDistribution(range(count))
    return IntDistribution(0, count - 1)


def _encode(dimension: Dimension, value: Any) -> Any:
    return value if dimension.count is None else dimension.index(value)


def _decode(dimension: Dimension, drawn: Any) -> Any:
    return drawn if dimension.count is None else dimension.value(drawn)


def _seed(seed: int, number: int) -> int:
    """A different seed for every trial."""
    return (seed * 1_000_003 + number) % 2**32
