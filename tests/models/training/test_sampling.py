"""Drawing and pruning on objectives that can be checked by hand."""

from collections import Counter
from typing import Any

import pytest

from models.spec.search import Search
from models.training.sampling import PastTrial, pruning_epochs, should_prune, suggest

pytestmark = pytest.mark.unit

SPACE: dict[str, Any] = {
    "/x": {"type": "float", "low": -5, "high": 5},
    "/n": {"type": "int", "low": 0, "high": 10},
}


def search(**fields: Any) -> Search:
    return Search.model_validate({"space": SPACE, "trials": 40, **fields})


def loss(parameters: Any) -> float:
    """The least value, 0, lies at x = 2, n = 3."""
    return float((parameters["/x"] - 2) ** 2 + (parameters["/n"] - 3) ** 2)


def run(asked: Search, trials: int) -> list[PastTrial]:
    past: list[PastTrial] = []
    for number in range(trials):
        drawn = suggest(asked, "study", past, number)
        past.append(PastTrial("complete", drawn, loss(drawn)))
    return past


class TestSuggest:
    def test_bayesian_draws_come_closer_and_random_ones_do_not(self) -> None:
        def late_mean(method: str) -> float:
            late = [trial.value or 0 for trial in run(search(method=method), 40)[20:]]
            return sum(late) / len(late)

        assert late_mean("bayesian") < 0.5 * late_mean("random")

    @pytest.mark.parametrize("method", ["random", "hyperband", "bayesian"])
    def test_the_same_seed_and_past_draw_the_same(self, method: str) -> None:
        first = [trial.parameters for trial in run(search(method=method), 6)]
        assert [trial.parameters for trial in run(search(method=method), 6)] == first
        other = [trial.parameters for trial in run(search(method=method, seed=1), 6)]
        assert other != first

    def test_no_spec_is_tried_twice_while_there_are_others(self) -> None:
        space = {"/n": {"type": "int", "low": 1, "high": 6}}
        past = run_on(search(space=space, method="random"), 6)
        assert sorted(n for trial in past for n in trial.values()) == [1, 2, 3, 4, 5, 6]

    def test_a_space_that_is_used_up_is_drawn_from_again(self) -> None:
        space = {"/n": {"type": "int", "low": 1, "high": 2}}
        assert len(run_on(search(space=space, method="random"), 5)) == 5

    def test_trials_that_run_failed_or_wait_are_no_hindrance(self) -> None:
        drawn = suggest(search(), "study", [], 0)
        past = [
            PastTrial("running", drawn),
            PastTrial("failed", drawn),
            PastTrial("failed", None),
            PastTrial("pruned", drawn, losses={3: 1.0}),
        ]
        assert set(suggest(search(), "study", past, 4)) == {"/x", "/n"}


def run_on(asked: Search, trials: int) -> list[dict[str, Any]]:
    past: list[PastTrial] = []
    for number in range(trials):
        past.append(PastTrial("complete", suggest(asked, "study", past, number), 1.0))
    return [dict(trial.parameters or {}) for trial in past]


def run_hyperband(asked: Search, losses: list[float], epochs: int) -> list[PastTrial]:
    """Trials with the same loss in all epochs, one after the other."""
    past: list[PastTrial] = []
    for number, value in enumerate(losses):
        drawn = suggest(asked, "study", past, number)
        trial = PastTrial("running", drawn)
        for epoch in pruning_epochs(asked, epochs):
            known = {**trial.losses, epoch: value}
            trial = PastTrial("running", drawn, losses=known, memory=trial.memory)
            pruned, memory = should_prune(asked, "study", [*past, trial], number, epochs=epochs)
            trial = PastTrial("pruned" if pruned else "running", drawn, None, known, memory)
            if pruned:
                break
        else:
            trial = PastTrial("complete", drawn, value, trial.losses, trial.memory)
        past.append(trial)
    return past


class TestHyperband:
    def test_trials_may_be_pruned_after_powers_of_the_factor(self) -> None:
        assert pruning_epochs(search(method="hyperband"), 100) == [1, 3, 9, 27, 81]
        assert pruning_epochs(search(method="hyperband", min_epochs=2, factor=4), 33) == [2, 8, 32]
        assert pruning_epochs(search(method="hyperband"), 27) == [1, 3, 9]
        assert pruning_epochs(search(method="random"), 27) == []

    def test_about_one_in_factor_goes_on_at_each_step(self) -> None:
        asked = search(method="hyperband", trials=60)
        losses = [((7 * number) % 60) / 60 for number in range(60)]
        past = run_hyperband(asked, losses, 27)
        ends = Counter(max(trial.losses) for trial in past if trial.state == "pruned")
        assert set(ends) == {1, 3, 9}
        complete = [trial.value or 0 for trial in past if trial.state == "complete"]
        assert 4 <= len(complete) <= 30
        assert 0.0 in complete

    def test_a_trial_worse_than_all_others_is_pruned_at_its_first_step(self) -> None:
        asked = search(method="hyperband", trials=60)
        past = run_hyperband(asked, [1.0] * 30 + [9.0] * 10, 9)
        assert {trial.state for trial in past[30:]} == {"pruned"}
