"""The handler of `check`: compare stored states with a replay, and replace those that differ."""

from typing import Any

from app.errors import ServiceError
from app.jobs.task import Publish, Task, publish_result
from app.live import checking
from models.errors import ForecastingError


def check_states(task: Task) -> Publish:
    """Check the stored states of a model, one after the other."""
    model, series = task.attempt.subject["model"], task.attempt.subject["series"]
    stored = task.read(lambda session: checking.states_to_check(session, model, series))
    states = []
    for number, state in enumerate(stored):
        task.report(phase="checking", fraction=number / len(stored))
        states.append(_check(task, state))
    counts = {name: sum(state[name] for state in states) for name in ("repaired", "failed")}
    return publish_result({"model": model, **counts, "states": states})


def _check(task: Task, state: checking.CheckedState) -> dict[str, Any]:
    """Check one state; one that cannot be replayed does not stop the others."""
    try:
        difference = task.read(lambda session: checking.difference(session, state))
        finding = checking.finding(state, difference)
        if finding["repaired"]:
            task.write(lambda session: checking.repair(session, state))
    except (ForecastingError, ServiceError) as error:
        return checking.failure(state, error)
    return finding
