"""Routes of retention: a model's policy, and cleaning on request."""

from datetime import timedelta

from fastapi import Response
from sqlalchemy.orm import Session

from app.db import utc_now
from app.dependencies import DatabaseDependency, SettingsDependency
from app.edge.routing import ServiceRouter
from app.errors import IdempotencyKeyReused, ModelNotFound
from app.idempotency import Answer, OnceOnlyDependency
from app.jobs.schemas import JobRead
from app.jobs.views import queued_answer
from app.problems import documented
from app.registry.queries import get_model
from app.retention.nightly import last_night
from app.retention.policy import RULES, own_rules, policy_of, set_rules
from app.retention.schemas import PolicyRead, RetentionRead, RetentionSet, Rule, WouldDelete
from app.retention.service import request_clean, would_delete
from app.settings import Settings

router = ServiceRouter(tags=["retention"])


@router.get("/models/{name}/retention", responses=documented(ModelNotFound))
def show_retention(
    name: str, database: DatabaseDependency, settings: SettingsDependency
) -> RetentionRead:
    """Show a model's retention policy and what a cleaning would delete now.

    Rules never delete what is needed: versions of aliases and of their rollbacks with their states,
    the newest version, the latest forecast, forecasts that wait for observations, and the scores
    behind the figures of the last 30 days or 100 scored steps. Observations are never deleted.
    """
    with database.reading() as session:
        return _read(session, name, settings)


@router.put("/models/{name}/retention", responses=documented(ModelNotFound))
def set_retention(
    name: str, body: RetentionSet, database: DatabaseDependency, settings: SettingsDependency
) -> RetentionRead:
    """Replace a model's own rules; `{}` removes them."""
    with database.transaction() as session:
        set_rules(session, get_model(session, name).id, body.model_dump(exclude_unset=True))
        return _read(session, name, settings)


@router.post(
    "/models/{name}/retention:clean",
    status_code=202,
    response_model=JobRead,
    responses=documented(ModelNotFound, IdempotencyKeyReused),
)
def clean_model(name: str, database: DatabaseDependency, once_only: OnceOnlyDependency) -> Response:
    """Clean a model now; the job's result counts the deleted rows."""
    with database.freeing() as session:
        return once_only.run(session, lambda: _queued(session, name))


@router.post(
    "/retention:clean",
    status_code=202,
    response_model=JobRead,
    responses=documented(IdempotencyKeyReused),
)
def clean_everything(database: DatabaseDependency, once_only: OnceOnlyDependency) -> Response:
    """Clean all models, and jobs that ended long ago, as the nightly cleaning does.

    While such a job is unfinished, the answer is that job.
    """
    with database.freeing() as session:
        return once_only.run(session, lambda: _queued(session, None))


def _queued(session: Session, model: str | None) -> Answer:
    job = request_clean(session, model)
    return queued_answer(session, job)


def _read(session: Session, name: str, settings: Settings) -> RetentionRead:
    model = get_model(session, name)
    policy, own = policy_of(session, model.id, settings), own_rules(session, model.id)
    rules = {
        rule: Rule(value=getattr(policy, rule), source="model" if rule in own else "settings")
        for rule in RULES
    }
    counts = would_delete(session, model, policy)
    return RetentionRead(
        model=model.name,
        policy=PolicyRead(**rules),
        would_delete=WouldDelete(**{kind: counts[kind] for kind in WouldDelete.model_fields}),
        next_clean_at=last_night(utc_now(), settings.retention_hour_utc) + timedelta(days=1),
    )
