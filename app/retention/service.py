"""Request a cleaning, which a worker runs, and count what it would delete."""

from collections import Counter
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.jobs.service as jobs
from app.db import utc_now
from app.forecasts.tables import StoredForecast
from app.jobs.tables import UNFINISHED, Job
from app.live.tables import KeptState
from app.registry.queries import get_model
from app.registry.tables import Model
from app.retention.conditions import (
    EVERYTHING,
    Limits,
    Pair,
    is_deleted_itself,
    is_expired,
    limits_of,
    pairs_of,
)
from app.retention.policy import Policy
from app.retention.queries import idle_states, surplus_versions, versions_of
from app.scores.tables import SCORE_TABLES

KIND = "clean"


def request_clean(session: Session, model: str | None) -> Job:
    """Queue the cleaning of one model, or of everything; an unfinished equal job is returned.

    Raises:
        ModelNotFound: If the model does not exist.
    """
    name = None if model is None else get_model(session, model).name
    waiting = sa.select(Job).where(Job.kind == KIND, Job.state.in_(UNFINISHED))
    for job in session.scalars(waiting):
        if job.subject["model"] == name:
            return job
    return jobs.enqueue(session, KIND, {"model": name})


def would_delete(session: Session, model: Model, policy: Policy) -> Counter[str]:
    """How many rows of each kind a cleaning would delete if it began now."""
    now = utc_now()
    surplus = surplus_versions(session, model, policy, now)
    found = Counter(versions=len(surplus))
    states = idle_states(session, model, policy, now)
    of_surplus = sa.select(KeptState.version_id).where(KeptState.version_id.in_(surplus))
    found["states"] = len(session.scalars(of_surplus).all())
    found["states"] += sum(pair.version_id not in surplus for pair in states)
    for pair, limits in _all_limits(session, model, policy, surplus, now):
        found += _count(session, pair, limits)
    return found


def _all_limits(
    session: Session, model: Model, policy: Policy, surplus: list[int], now: datetime
) -> list[tuple[Pair, Limits]]:
    """Every pair of a model with the limits that a cleaning would apply to it."""
    of_surplus = [(pair, EVERYTHING) for pair in pairs_of(session, surplus)]
    scores_before = policy.scores_before(now)
    if scores_before is None:
        return of_surplus
    remaining = sorted(set(versions_of(session, model.id)) - set(surplus))
    forecasts_before = policy.forecasts_before(now)
    return of_surplus + [
        (
            pair,
            limits_of(
                session, pair, forecasts_before=forecasts_before, scores_before=scores_before
            ),
        )
        for pair in pairs_of(session, remaining)
    ]


def _count(session: Session, pair: Pair, limits: Limits) -> Counter[str]:
    expired = sa.and_(*is_expired(pair, limits))
    forecasts = (
        sa.select(sa.func.count())
        .select_from(StoredForecast)
        .where(expired, is_deleted_itself(limits))
    )
    found = Counter(forecasts=session.scalar(forecasts) or 0)
    for table in SCORE_TABLES:
        chosen = sa.select(StoredForecast.id).where(expired)
        points = sa.select(sa.func.count()).where(table.forecast_id.in_(chosen))
        found["scores"] += session.scalar(points) or 0
    return found
