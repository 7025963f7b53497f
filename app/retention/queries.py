"""Queries for the versions and states of a model that must stay or may be deleted."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.forecasts.tables import StoredForecast
from app.jobs.tables import UNFINISHED, Job, JobState
from app.live.tables import KeptState
from app.registry.tables import Alias, AliasChange, Model, ModelVersion
from app.retention.conditions import Pair, is_old_state
from app.retention.policy import Policy

# A version that made forecasts within this time counts as needed, even without an alias.
IN_USE = timedelta(days=30)


def serving_versions(session: Session, model: Model, policy: Policy) -> set[int]:
    """The ids of versions whose states must be ready.

    These are the versions that an alias points to or can be rolled back to, and the newest trained
    one, which serves a model without a champion.
    """
    return {
        *session.scalars(sa.select(Alias.version_id).where(Alias.model_id == model.id)),
        *_rolled_back_to(session, model, policy.rollbacks),
        *session.scalars(_newest(model, Job.state == JobState.SUCCEEDED)),
    }


def surplus_versions(session: Session, model: Model, policy: Policy, now: datetime) -> list[int]:
    """The ids of versions that may be deleted, oldest first.

    Of the trained versions that are not needed, the newest `policy.versions` are kept. A version
    whose training failed or was cancelled may be deleted as soon as `policy.versions` newer ones of
    any state exist.
    """
    if policy.versions is None:
        return []
    serving = serving_versions(session, model, policy)
    needed = serving | _in_use(session, model, serving, now)
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
    """The versions and series whose states may be deleted."""
    before = policy.states_before(now)
    if before is None:
        return []
    idle = set(versions_of(session, model.id)) - serving_versions(session, model, policy)
    return [
        Pair(version_id, series_id)
        for version_id in sorted(idle)
        for series_id in session.scalars(
            sa.select(KeptState.series_id).where(*is_old_state(version_id, before))
        )
    ]


def versions_of(session: Session, model_id: int) -> list[int]:
    """The ids of all versions of a model."""
    statement = sa.select(ModelVersion.id).where(ModelVersion.model_id == model_id)
    return list(session.scalars(statement.order_by(ModelVersion.id)))


def _in_use(session: Session, model: Model, serving: set[int], now: datetime) -> set[int]:
    """The ids of versions that are in use.

    They are being trained, an unfinished job names them (as backtests do), they made forecasts
    recently, or a training or verification starts from their weights. The version with the highest
    number always stays: its number would be given to the next version, and histories identify
    versions by number.
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
    """The numbers of versions from whose weights serving or unfinished versions started."""
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
    """The ids of versions that up to `rollbacks` rollbacks of each alias lead to."""
    statement = sa.select(ModelVersion.number, ModelVersion.id).filter_by(model_id=model.id)
    ids = {row.number: row.id for row in session.execute(statement)}
    names = session.scalars(sa.select(Alias.name).where(Alias.model_id == model.id)).all()
    found = set()
    for name in names:
        existing = (ids[each] for each in _past_numbers(session, model, name) if each in ids)
        for _, version_id in zip(range(rollbacks or len(ids)), existing, strict=False):
            found.add(version_id)
    return found


def _past_numbers(session: Session, model: Model, alias: str) -> Iterator[int]:
    """The version numbers that repeated rollbacks of an alias lead to, in order."""
    changes = sa.select(AliasChange).filter_by(model_id=model.id, name=alias)
    by_number = {change.number: change for change in session.scalars(changes)}
    change = by_number[max(by_number)] if by_number else None
    while change is not None and change.before is not None:
        change = by_number[change.before]
        if change.version is not None:
            yield change.version
