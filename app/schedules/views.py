"""How schedules look to a client."""

from typing import Any

from sqlalchemy.orm import Session

from app.aliases.schemas import EvidenceRead
from app.registry.tables import Model
from app.schedules.retrained_version import find_subject
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
    """A schedule with what its triggers measure now."""
    subject = find_subject(session, schedule)
    last = None if subject is None else subject.last_run
    gauges = [] if subject is None else measure(session, schedule, subject)
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
    """What a client has set, but for `drift`."""
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
