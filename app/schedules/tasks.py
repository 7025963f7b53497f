"""The handler of `promote`: promote the version that a schedule has trained, through the gate."""

from functools import partial
from typing import Any

from sqlalchemy.orm import Session

import app.aliases.service as aliases
from app.aliases.schemas import AliasSet
from app.aliases.service import Candidate
from app.jobs.task import Publish, Task, publish_result
from app.live.warming import make_ready
from app.schedules.outcomes import finish, lock_run
from app.settings import get_settings

DELETED = "The schedule was deleted meanwhile."


def promote_version(task: Task) -> Publish:
    """Promote the version of a run, or store the reason why not.

    The outcome is stored in the transaction that changes the alias, before the job ends: a later
    attempt finds the outcome and only ends the job.
    """
    name, alias = task.attempt.subject["model"], task.attempt.subject["alias"]
    request = _request(task)
    margin = get_settings().promotion_margin
    for _ in range(aliases.MOST_COMPARISONS):
        candidate = task.read(lambda s: aliases.examine(s, name, alias, request, margin))
        if not _unbeaten(candidate):
            # Before the alias changes, so that the next append does not read the whole series.
            make_ready(task.database, candidate.version_id)
        settle = partial(_settle, task=task, request=request, candidate=candidate)
        outcome = task.write(settle)
        if outcome is not None:
            return publish_result(outcome)
    raise aliases.changed_all_the_time(name)


def _settle(
    session: Session, task: Task, request: AliasSet, candidate: Candidate
) -> dict[str, Any] | None:
    """The run's outcome; None if the champion was changed by another client meanwhile."""
    subject = task.attempt.subject
    schedule: int = subject["schedule"]
    run = lock_run(session, schedule, subject["run"])
    if run is None:
        return {"promoted": False, "reason": DELETED}
    if run.finished_at is not None:
        return {"promoted": run.promoted, "reason": run.reason}
    evidence = None if candidate.verdict is None else candidate.verdict.to_json()
    unbeaten = _unbeaten(candidate)
    if unbeaten:
        reason = f"Version {run.version} does not beat {unbeaten}."
    else:
        to = (subject["model"], subject["alias"])
        if aliases.settle(session, *to, request, candidate, schedule=schedule) is None:
            return None
        reason = f"Version {run.version} is {subject['alias']} now."
    finish(run, promoted=not unbeaten, reason=reason, evidence=evidence)
    return {"promoted": run.promoted, "reason": run.reason}


def _request(task: Task) -> AliasSet:
    subject = task.attempt.subject
    reason = f"Schedule {subject['schedule']}, run {subject['run']}."
    return AliasSet(version=subject["version"], force=False, reason=reason)


def _unbeaten(candidate: Candidate) -> str:
    return "" if candidate.verdict is None else candidate.verdict.unbeaten
