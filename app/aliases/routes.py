"""Routes of aliases: list, point, roll back, delete."""

import sqlalchemy as sa
from fastapi import Response
from sqlalchemy.orm import Session

import app.aliases.service as aliases
from app.aliases.schemas import AliasName, AliasRead, AliasSet
from app.aliases.views import read_alias
from app.dependencies import DatabaseDependency, SettingsDependency
from app.edge.routing import ServiceRouter
from app.errors import (
    AliasNotFound,
    CalendarUnavailable,
    ChampionChangedMeanwhile,
    IdempotencyKeyReused,
    ModelNotFound,
    NoCadence,
    NothingToRollBack,
    PromotionRefused,
    VersionNotComparable,
)
from app.idempotency import Answer, OnceOnlyDependency
from app.pagination import Page, Paging
from app.problems import documented
from app.registry.forecaster_cache import FORECASTER_ERRORS
from app.registry.queries import VERSION_ERRORS, get_model
from app.registry.tables import AliasChange

router = ServiceRouter(tags=["aliases"])


@router.get("/models/{name}/aliases", responses=documented(ModelNotFound))
def list_aliases(name: str, database: DatabaseDependency, paging: Paging) -> Page[AliasRead]:
    """List a model's aliases by name with their history, including deleted ones."""
    with database.reading() as session:
        model = get_model(session, name)
        names = sa.select(AliasChange.name).where(AliasChange.model_id == model.id).distinct()
        found = session.scalars(paging.select(names, AliasChange.name)).all()
        return paging.page(
            found, key=lambda alias: alias, read=lambda alias: read_alias(session, model.id, alias)
        )


@router.put(
    "/models/{name}/aliases/{alias}",
    responses=documented(
        *VERSION_ERRORS,
        *FORECASTER_ERRORS,
        PromotionRefused,
        VersionNotComparable,
        ChampionChangedMeanwhile,
        CalendarUnavailable,
        NoCadence,
    ),
)
def point_alias(
    name: str,
    alias: AliasName,
    body: AliasSet,
    database: DatabaseDependency,
    settings: SettingsDependency,
) -> AliasRead:
    """Point an alias at a trained version.

    `champion` has to pass the gate: from the same origins of held-out data the version must beat
    naive, seasonal naive (for classes: the class prior) and the present champion by the margin of
    the settings, and the difference must be significant. Otherwise the answer is a 409 with a table
    of `evidence`. Other aliases do not have a gate.
    """
    return aliases.point(database, name, alias, body, settings.promotion_margin)


@router.post(
    "/models/{name}/aliases/{alias}/rollback",
    response_model=AliasRead,
    responses=documented(ModelNotFound, AliasNotFound, NothingToRollBack, IdempotencyKeyReused),
)
def roll_back_alias(
    name: str, alias: str, database: DatabaseDependency, once_only: OnceOnlyDependency
) -> Response:
    """Point an alias at its previous version, without the gate; repeated calls go back further."""

    def roll_back(session: Session) -> Answer:
        model = aliases.roll_back(session, name, alias)
        return Answer(200, read_alias(session, model.id, alias))

    with database.transaction() as session:
        return once_only.run(session, lambda: roll_back(session))


@router.delete(
    "/models/{name}/aliases/{alias}",
    status_code=204,
    responses=documented(ModelNotFound, AliasNotFound),
)
def delete_alias(name: str, alias: str, database: DatabaseDependency) -> None:
    """Delete an alias; its history stays."""
    with database.transaction() as session:
        aliases.delete_alias(session, name, alias)
