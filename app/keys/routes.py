"""Routes of keys: make, list, rotate and revoke them."""

from datetime import timedelta
from typing import Annotated

from fastapi import Body
from starlette.convertors import StringConvertor, register_url_convertor

from app.dependencies import DatabaseDependency
from app.edge.routing import ServiceRouter
from app.errors import KeyNotFound, OtherProject
from app.keys import service
from app.keys.guard import GuardDependency, PrincipalDependency
from app.keys.schemas import KeyCreate, KeyCreated, KeyRead, KeyRotate
from app.keys.tables import ApiKey
from app.pagination import Page, Paging
from app.problems import documented


class KeyIdConvertor(StringConvertor):
    """The id of a key in a path: without it, `{key_id}` would also match `x:rotate`."""

    regex = "[^/:]+"


register_url_convertor("key", KeyIdConvertor())
router = ServiceRouter(tags=["keys"], prefix="/keys")


@router.post("", status_code=201, responses=documented(OtherProject))
def create_key(
    body: KeyCreate, database: DatabaseDependency, principal: PrincipalDependency
) -> KeyCreated:
    """Make a key; its secret is shown in this answer and never again.

    The first key ends access without one. `Idempotency-Key` is not honoured here: the stored answer
    would hold the secret. The key of the settings may name any `project`.
    """
    with database.transaction() as session:
        return service.create_key(session, principal, body)


@router.get("")
def list_keys(
    database: DatabaseDependency, paging: Paging, principal: PrincipalDependency
) -> Page[KeyRead]:
    """List the keys of the project by id, without revoked ones."""
    statement = paging.select(service.keys_seen_by(principal), ApiKey.id)
    with database.reading() as session:
        rows = list(session.scalars(statement))
    return paging.page(rows, key=lambda key: key.id, read=KeyRead.from_row)


@router.delete("/{key_id:key}", status_code=204, responses=documented(KeyNotFound))
def revoke_key(
    key_id: str,
    database: DatabaseDependency,
    principal: PrincipalDependency,
    guard: GuardDependency,
) -> None:
    """Revoke a key: all web processes refuse it within about a second."""
    with database.transaction() as session:
        service.revoke_key(session, principal, key_id)
    guard.forget(key_id)


@router.post("/{key_id:key}:rotate", status_code=201, responses=documented(KeyNotFound))
def rotate_key(
    key_id: str,
    database: DatabaseDependency,
    principal: PrincipalDependency,
    guard: GuardDependency,
    body: Annotated[KeyRotate | None, Body()] = None,
) -> KeyCreated:
    """Make a successor with the same rights; the old key ends after an overlap.

    Both work meanwhile, so that all who send the key can change it one by one.
    """
    overlap = timedelta(seconds=(body or KeyRotate()).overlap_seconds)
    with database.transaction() as session:
        created = service.rotate_key(session, principal, key_id, overlap)
    guard.forget(key_id)
    return created
