"""The handler of `check`: kept states compared with a replay, and made again where they differ."""

from typing import Any

from sqlalchemy.orm import Session

from app.live import checking
from app.worker.task import Publish, Task


def check_states(task: Task) -> Publish:
    """Check the kept states of a model, one after the other."""
    model, series = task.attempt.subject["model"], task.attempt.subject["series"]
    found = task.read(lambda session: checking.subjects(session, model, series))
    states = []
    for number, one in enumerate(found):
        task.report(phase="checking", fraction=number / len(found))
        states.append(_check(task, one))
    repaired = sum(state["repaired"] for state in states)
    result = {"model": model, "repaired": repaired, "states": states}

    def publish(_: Session) -> dict[str, Any]:
        return result

    return publish


def _check(task: Task, one: checking.Subject) -> dict[str, Any]:
    difference = task.read(lambda session: checking.difference(session, one))
    finding = checking.finding(one, difference)
    if finding["repaired"]:
        task.write(lambda session: checking.repair(session, one))
    return finding
