"""`Idempotency-Key`: a POST that is sent twice is carried out once, with the same answer twice."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.access.acting import OfProject, acting_project
from app.access.audit import announce, name_resource
from app.db import Base, Database, Timestamp, insert_or_ignore, utc_now
from app.encryption import Cipher
from app.errors import IdempotencyKeyReused
from models.errors import Problem

KEY_LIFETIME = timedelta(days=1)


class IdempotencyKey(OfProject, Base):
    """A used key, and the answer of its request."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (sa.PrimaryKeyConstraint("project", "key"),)

    key: Mapped[str] = mapped_column(sa.String(255))
    fingerprint: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(Timestamp, index=True)
    status: Mapped[int | None]
    location: Mapped[str | None]
    body: Mapped[str | None] = mapped_column(sa.Text)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a POST, as stored for a repetition; the body can be JSON text already.

    One that `is_secret` is stored encrypted.
    """

    status: int
    body: BaseModel | str
    location: str | None = None
    is_secret: bool = False

    @property
    def text(self) -> str:
        """The body as JSON."""
        return self.body if isinstance(self.body, str) else self.body.model_dump_json()


@dataclass(frozen=True, slots=True)
class OnceOnly:
    """The request's key, if it has one, and a hash of its content."""

    key: str | None
    fingerprint: str
    cipher: Cipher

    def run(self, session: Session, work: Callable[[], Answer]) -> Response:
        """Do the work in the caller's transaction, or repeat the answer of the first request.

        The key is claimed before the work, in the same transaction: a second request with the key
        waits until the first is committed, and an error releases the key.

        Raises:
            IdempotencyKeyReused: If the key was used for another request.
        """
        if self.key is None:
            answer = _done(work)
            return _response(answer.status, answer.text, answer.location)
        if not self._claim(session):
            return self._repeat(session)
        answer = _done(work)
        stored = self._stored(session)
        stored.status, stored.location = answer.status, answer.location
        stored.body = self.cipher.encrypt(answer.text) if answer.is_secret else answer.text
        return _response(stored.status, answer.text, stored.location)

    def repeated(self, database: Database) -> Response | None:
        """The answer of an earlier request with the key; None if the work is still to be done.

        Raises:
            IdempotencyKeyReused: If the key was used for another request.
        """
        if self.key is None:
            return None
        with database.reading() as session:
            stored = session.get(IdempotencyKey, (acting_project(), self.key))
            if stored is None or stored.created_at < utc_now() - KEY_LIFETIME:
                return None
            return self._repeat(session)

    def _claim(self, session: Session) -> bool:
        now = utc_now()
        expired = IdempotencyKey.created_at < now - KEY_LIFETIME
        # Not by the ORM: those of all projects.
        session.connection().execute(sa.delete(IdempotencyKey).where(expired))
        claim = {"key": self.key, "fingerprint": self.fingerprint, "created_at": now}
        return insert_or_ignore(session, IdempotencyKey, **claim)

    def _stored(self, session: Session) -> IdempotencyKey:
        return session.get_one(IdempotencyKey, (acting_project(), self.key))

    def _repeat(self, session: Session) -> Response:
        announce(None)
        stored = self._stored(session)
        if stored.fingerprint != self.fingerprint:
            message = (
                "`Idempotency-Key` must be a new one for a new request. "
                f"Received: {self.key!r}, which another request used"
            )
            problem = Problem("/header/Idempotency-Key", message)
            raise IdempotencyKeyReused(message, errors=[problem])
        body = self.cipher.decrypt(stored.body or "")
        return _response(stored.status or 200, body, stored.location)


def _done(work: Callable[[], Answer]) -> Answer:
    """The answer of the work; what it has made is named in the audit."""
    answer = work()
    if answer.location is not None:
        name_resource(answer.location)
    return answer


def _response(status: int, body: str, location: str | None) -> Response:
    headers = {} if location is None else {"Location": location}
    return Response(body, status, headers, media_type="application/json")


async def _once_only(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=255, description="Send the same key again to retry safely."),
    ] = None,
) -> OnceOnly:
    content = f"{request.method} {request.url.path}\n".encode() + await request.body()
    cipher = Cipher(request.app.state.settings)
    return OnceOnly(idempotency_key, hashlib.sha256(content).hexdigest(), cipher)


OnceOnlyDependency = Annotated[OnceOnly, Depends(_once_only)]
