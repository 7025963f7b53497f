"""Make, list, rotate, revoke and find keys."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access.audit import name_resource
from app.access.scopes import Scope
from app.db import Database, utc_now
from app.errors import Invalid, KeyNotFound, OtherProject
from app.keys.principals import Principal
from app.keys.schemas import KeyCreate, KeyCreated, KeyRead
from app.keys.secrets import Secret
from app.keys.tables import ApiKey
from models.errors import Problem


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is stored of a key that is not revoked."""

    id: str
    secret_hash: str = field(repr=False)
    scopes: frozenset[Scope]
    project: str
    expires_at: datetime | None
    last_used_at: datetime | None


def create_key(session: Session, by: Principal, request: KeyCreate) -> KeyCreated:
    """Store a new key, and return it with its secret.

    Raises:
        OtherProject: If the sender may not make keys of the project.
        Invalid: If it would have ended already.
    """
    project = request.project or by.project
    if project != by.project and not by.rules_all:
        raise OtherProject(
            f"`project` must be {by.project!r}, that of the request's key. Received: {project!r}"
        )
    if request.expires_at is not None and request.expires_at <= utc_now():
        shown = request.expires_at.isoformat()
        message = f"`expires_at` must be later than now. Received: {shown}"
        raise Invalid(message, errors=[Problem("/expires_at", message)])
    scopes = [scope for scope in Scope if scope in request.scopes]
    return _add(session, request.name, scopes, project, request.expires_at)


def rotate_key(session: Session, by: Principal, key_id: str, overlap: timedelta) -> KeyCreated:
    """Make the successor of a key, which ends after the overlap.

    The successor has the same name, scopes and project, and lives as long as the old key was to.

    Raises:
        KeyNotFound: If there is no such key.
    """
    now = utc_now()
    old = get_key(session, by, key_id, lock=True)
    lifetime = None if old.expires_at is None else old.expires_at - old.created_at
    expires_at = None if lifetime is None else now + lifetime
    created = _add(session, old.name, [Scope(each) for each in old.scopes], old.project, expires_at)
    ends_at = now + overlap
    old.expires_at = ends_at if old.expires_at is None else min(old.expires_at, ends_at)
    return created


def revoke_key(session: Session, by: Principal, key_id: str) -> None:
    """End a key at once.

    Raises:
        KeyNotFound: If there is no such key.
    """
    key = get_key(session, by, key_id, lock=True)
    key.revoked_at = utc_now()
    name_resource(f"/v1/keys/{key.id}", project=key.project)


def get_key(session: Session, by: Principal, key_id: str, *, lock: bool = False) -> ApiKey:
    """A key that the sender may see and that is not revoked.

    Raises:
        KeyNotFound: If there is none.
    """
    statement = keys_seen_by(by).where(ApiKey.id == key_id)
    key = session.scalar(statement.with_for_update() if lock else statement)
    if key is None:
        raise KeyNotFound(f"There is no key {key_id!r}.")
    return key


def keys_seen_by(by: Principal) -> sa.Select[ApiKey]:
    """Select the keys that a sender may see: those of its project, without revoked ones."""
    statement = sa.select(ApiKey).where(ApiKey.revoked_at.is_(None))
    return statement if by.rules_all else statement.where(ApiKey.project == by.project)


def find_key(database: Database, key_id: str) -> StoredKey | None:
    """The stored key of an id, unless it is revoked."""
    row = database.first(_FIND, {"key_id": key_id})
    if row is None:
        return None
    scopes = frozenset(Scope(each) for each in row.scopes)
    return StoredKey(row.id, row.secret_hash, scopes, row.project, row.expires_at, row.last_used_at)


def has_keys(database: Database) -> bool:
    """Whether there ever was a key: then access without one has ended."""
    return database.first(_ANY, {}) is not None


def note_use(database: Database, key_id: str, moment: datetime, at_most_every: timedelta) -> None:
    """Store when a key was used, unless that was stored shortly before."""
    is_old = sa.or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= moment - at_most_every)
    with database.transaction() as session:
        update = sa.update(ApiKey).where(ApiKey.id == key_id, is_old)
        session.execute(update.values(last_used_at=moment))


_FIND = sa.select(
    ApiKey.id,
    ApiKey.secret_hash,
    ApiKey.scopes,
    ApiKey.project,
    ApiKey.expires_at,
    ApiKey.last_used_at,
).where(ApiKey.id == sa.bindparam("key_id"), ApiKey.revoked_at.is_(None))
_ANY = sa.select(ApiKey.id).limit(1)


def _add(
    session: Session, name: str, scopes: list[Scope], project: str, expires_at: datetime | None
) -> KeyCreated:
    secret = Secret.new()
    key = ApiKey(
        id=secret.key_id,
        name=name,
        secret_hash=secret.hash,
        scopes=[str(scope) for scope in scopes],
        project=project,
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    name_resource(f"/v1/keys/{key.id}", project=project)
    return KeyCreated(**KeyRead.from_row(key).model_dump(), secret=secret.shown)
