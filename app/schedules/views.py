"""Turn schedules and their runs into answers."""

from typing import Any

from sqlalchemy.orm import Session

from app.aliases.schemas import EvidenceRead
from app.registry.tables import Model
from app.schedules.retrained_version import find_retrained_version
from app.schedules.schemas import DriftTrigger, GaugeRead, RunRead, ScheduleRead
from app.schedules.tables import Schedule, ScheduleRun
from app.schedules.triggers import measure

SETTINGS = (
    "cron",
    "timezone",
    "after_rows",
    "min_skill",
    "window_steps",
    "start",
    "alias",
    "enabled",
)


def read_schedule(session: Session, schedule: Schedule, model: Model) -> ScheduleRead:
    """A schedule with the present values of its triggers."""
    retrained = find_retrained_version(session, schedule)
    last = None if retrained is None else retrained.last_run
    gauges = [] if retrained is None else measure(session, schedule, retrained)
    return ScheduleRead(
        id=schedule.id,
        model=model.name,
        **settings_of(schedule),
        drift=DriftTrigger(**schedule.drift) if schedule.drift is not None else None,
        next_run_at=schedule.next_run_at,
        last_run_at=None if last is None else last.started_at,
        last_run=None if last is None else read_run(last),
        triggers=[
            GaugeRead(
                trigger=each.name,
                threshold=each.threshold,
                value=each.value,
                met=each.met,
                sentence=each.sentence,
            )
            for each in gauges
        ],
        created_at=schedule.created_at,
    )


def settings_of(schedule: Schedule) -> dict[str, Any]:
    """The fields that a client has set, except `drift`."""
    return {name: getattr(schedule, name) for name in SETTINGS}


def read_run(run: ScheduleRun) -> RunRead:
    """A run of a schedule."""
    evidence = run.evidence
    return RunRead(
        number=run.number,
        trigger=run.trigger,
        cause=run.cause,
        version=run.version,
        job=run.training_job,
        promotion_job=run.promotion_job,
        started_at=run.started_at,
        finished_at=run.finished_at,
        promoted=run.promoted,
        reason=run.reason,
        evidence=None if evidence is None else [EvidenceRead(**line) for line in evidence],
    )
