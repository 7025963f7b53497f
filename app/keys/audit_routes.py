"""Route of the audit."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import Query

from app.access.audit import AuditEntry
from app.dependencies import DatabaseDependency
from app.edge.routing import ServiceRouter
from app.keys.audit_schemas import AuditQuery, AuditRead
from app.keys.guard import PrincipalDependency
from app.keys.principals import Principal
from app.pagination import Page, PageRequest

router = ServiceRouter(tags=["audit"])


@router.get("/audit")
def list_audit(
    database: DatabaseDependency,
    principal: PrincipalDependency,
    query: Annotated[AuditQuery, Query()],
) -> Page[AuditRead]:
    """List who changed what, newest first: every request that changed something has an entry."""
    paging = PageRequest(limit=query.limit, cursor=query.cursor)
    statement = paging.select(_entries(principal, query), AuditEntry.id, descending=True)
    with database.reading() as session:
        rows = list(session.scalars(statement))
    return paging.page(rows, key=lambda entry: entry.id, read=AuditRead.model_validate)


def _entries(principal: Principal, query: AuditQuery) -> sa.Select[AuditEntry]:
    statement = sa.select(AuditEntry)
    if not principal.rules_all:
        statement = statement.where(AuditEntry.project == principal.project)
    equal = {
        AuditEntry.project: query.project,
        AuditEntry.key_id: query.key,
        AuditEntry.user: query.user,
        AuditEntry.action: query.action,
        AuditEntry.request_id: query.request_id,
    }
    for column, value in equal.items():
        if value is not None:
            statement = statement.where(column == value)
    if query.resource is not None:
        of_resource = AuditEntry.resource.startswith(query.resource, autoescape=True)
        statement = statement.where(of_resource)
    if query.start is not None:
        statement = statement.where(AuditEntry.time >= query.start)
    if query.end is not None:
        statement = statement.where(AuditEntry.time < query.end)
    return statement
