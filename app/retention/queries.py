"""Needs: which versions and states something points to, goes back to or works with."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.forecasts.tables import StoredForecast
from app.jobs.tables import UNFINISHED, Job, JobState
from app.live.tables import KeptState
from app.registry.tables import Alias, AliasChange, Model, ModelVersion
from app.retention.conditions import Pair, old_states
from app.retention.policy import Policy

# Who forecasts with a version by its number needs it as one who gave it an alias.
IN_USE = timedelta(days=30)


def serving_versions(session: Session, model: Model, policy: Policy) -> set[int]:
    """The ids of versions whose states must be ready.

    Those that an alias points to or can be rolled back to, and the newest trained one, which
    serves where there is no champion.
    """
    return {
        *session.scalars(sa.select(Alias.version_id).where(Alias.model_id == model.id)),
        *_rolled_back_to(session, model, policy.rollbacks),
        *session.scalars(_newest(model, Job.state == JobState.SUCCEEDED)),
    }


def surplus_versions(session: Session, model: Model, policy: Policy, now: datetime) -> list[int]:
    """The ids of versions that may go, oldest first.

    Of the trained versions that nothing needs the newest are kept, as many as the policy says. One
    whose training failed or was cancelled goes once there are so many newer ones of any kind.
    """
    if policy.versions is None:
        return []
    serving = serving_versions(session, model, policy)
    needed = serving | _worked_with(session, model, serving, now)
    statement = (
        sa.select(ModelVersion.id, Job.state)
        .join(Job, Job.id == ModelVersion.job_id)
        .where(ModelVersion.model_id == model.id, ModelVersion.id.not_in(needed))
        .order_by(ModelVersion.number.desc())
    )
    found = []
    newer_trained = 0
    for newer, (version_id, state) in enumerate(session.execute(statement)):
        is_trained = state is JobState.SUCCEEDED
        if (newer_trained if is_trained else newer) >= policy.versions:
            found.append(version_id)
        newer_trained += is_trained
    return found[::-1]


def idle_states(session: Session, model: Model, policy: Policy, now: datetime) -> list[Pair]:
    """The versions and series whose kept states may go."""
    before = policy.states_before(now)
    if before is None:
        return []
    idle = set(versions_of(session, model.id)) - serving_versions(session, model, policy)
    return [
        Pair(version_id, series_id)
        for version_id in sorted(idle)
        for series_id in session.scalars(
            sa.select(KeptState.series_id).where(*old_states(version_id, before))
        )
    ]


def versions_of(session: Session, model_id: int) -> list[int]:
    """The ids of all versions of a model."""
    statement = sa.select(ModelVersion.id).where(ModelVersion.model_id == model_id)
    return list(session.scalars(statement.order_by(ModelVersion.id)))


def _worked_with(session: Session, model: Model, serving: set[int], now: datetime) -> set[int]:
    """Versions that somebody works with.

    They are being trained, an unfinished job names them (as backtests do), forecasts were made with
    them of late, or a training or verification begins with their weights. The version with the
    highest number stays in any case: its number would be given again, and histories tell versions
    apart by it.
    """
    by_number = _numbers_of_unfinished_jobs(session, model) | _starts(session, model, serving)
    mine = ModelVersion.model_id == model.id
    is_trained_now = sa.exists().where(Job.id == ModelVersion.job_id, Job.state.in_(UNFINISHED))
    was_used = sa.exists().where(
        StoredForecast.version_id == ModelVersion.id, StoredForecast.created_at > now - IN_USE
    )
    is_needed = sa.or_(is_trained_now, was_used, ModelVersion.number.in_(by_number))
    return {
        *session.scalars(sa.select(ModelVersion.id).where(mine, is_needed)),
        *session.scalars(_newest(model, sa.true())),
    }


def _numbers_of_unfinished_jobs(session: Session, model: Model) -> set[int]:
    statement = sa.select(Job.subject).where(
        Job.state.in_(UNFINISHED), Job.subject["model"].as_string() == model.name
    )
    numbers = (subject.get("version") for subject in session.scalars(statement))
    return {number for number in numbers if isinstance(number, int)}


def _starts(session: Session, model: Model, serving: set[int]) -> set[int]:
    """The numbers of versions whose weights others began with that serve or are being trained."""
    statement = (
        sa.select(ModelVersion.started_from)
        .join(Job, Job.id == ModelVersion.job_id)
        .where(
            ModelVersion.model_id == model.id,
            ModelVersion.started_from.is_not(None),
            sa.or_(ModelVersion.id.in_(serving), Job.state.in_(UNFINISHED)),
        )
    )
    return {number for number in session.scalars(statement) if number is not None}


def _newest(model: Model, condition: sa.ColumnElement[bool]) -> sa.Select[int]:
    return (
        sa.select(ModelVersion.id)
        .join(Job, Job.id == ModelVersion.job_id)
        .where(ModelVersion.model_id == model.id, condition)
        .order_by(ModelVersion.number.desc())
        .limit(1)
    )


def _rolled_back_to(session: Session, model: Model, rollbacks: int | None) -> set[int]:
    """The versions that so many rollbacks of each alias would lead to."""
    statement = sa.select(ModelVersion.number, ModelVersion.id).filter_by(model_id=model.id)
    ids = {row.number: row.id for row in session.execute(statement)}
    names = session.scalars(sa.select(Alias.name).where(Alias.model_id == model.id)).all()
    found = set()
    for name in names:
        there = (ids[each] for each in _past_numbers(session, model, name) if each in ids)
        for _, version_id in zip(range(rollbacks or len(ids)), there, strict=False):
            found.add(version_id)
    return found


def _past_numbers(session: Session, model: Model, alias: str) -> Iterator[int]:
    """The numbers that rollbacks of an alias lead to, one after the other."""
    changes = sa.select(AliasChange).filter_by(model_id=model.id, name=alias)
    by_number = {change.number: change for change in session.scalars(changes)}
    change = by_number[max(by_number)] if by_number else None
    while change is not None and change.before is not None:
        change = by_number[change.before]
        if change.version is not None:
            yield change.version
