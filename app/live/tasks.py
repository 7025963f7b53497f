"""The handler of `check`: kept states compared with a replay, and made again where they differ."""

from typing import Any

from app.errors import ServiceError
from app.jobs.task import Publish, Task, publish_result
from app.live import checking
from models.errors import ForecastingError


def check_states(task: Task) -> Publish:
    """Check the kept states of a model, one after the other."""
    model, series = task.attempt.subject["model"], task.attempt.subject["series"]
    found = task.read(lambda session: checking.subjects(session, model, series))
    states = []
    for number, one in enumerate(found):
        task.report(phase="checking", fraction=number / len(found))
        states.append(_check(task, one))
    counts = {name: sum(state[name] for state in states) for name in ("repaired", "failed")}
    return publish_result({"model": model, **counts, "states": states})


def _check(task: Task, one: checking.Subject) -> dict[str, Any]:
    """What is found of a state; one that cannot be replayed does not hide the others."""
    try:
        difference = task.read(lambda session: checking.difference(session, one))
        finding = checking.finding(one, difference)
        if finding["repaired"]:
            task.write(lambda session: checking.repair(session, one))
    except (ForecastingError, ServiceError) as error:
        return checking.failure(one, error)
    return finding
