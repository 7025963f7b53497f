"""The audit: who changed what, written in the transaction of the change.

A request that may change something announces its entry. The first transaction that it commits
stores the entry; a request that is refused, or changes nothing, leaves none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.access.acting import DEFAULT_PROJECT, PROJECT_LENGTH
from app.db import Base, Timestamp, to_microseconds, utc_now

RESOURCE_LENGTH = 500
REQUEST_ID_LENGTH = 128
USER_LENGTH = 200


class AuditEntry(Base):
    """One change by a request.

    `key_id` is that of the key, `bootstrap` for the key of the settings, and empty without a key.
    `user` is the name that a trusted proxy has sent.
    """

    __tablename__ = "audit"
    __table_args__ = (sa.Index("ix_audit_project_id", "project", "id"),)

    id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True
    )
    time: Mapped[datetime] = mapped_column(Timestamp, index=True)
    project: Mapped[str] = mapped_column(sa.String(PROJECT_LENGTH), server_default=DEFAULT_PROJECT)
    key_id: Mapped[str | None] = mapped_column(sa.String(16))
    user: Mapped[str | None] = mapped_column(sa.String(USER_LENGTH))
    action: Mapped[str] = mapped_column(sa.String(60))
    resource: Mapped[str] = mapped_column(sa.String(RESOURCE_LENGTH))
    request_id: Mapped[str | None] = mapped_column(sa.String(REQUEST_ID_LENGTH))


@dataclass(slots=True)
class Announced:
    """An entry that is not stored yet."""

    project: str
    key_id: str | None
    user: str | None
    action: str
    resource: str
    request_id: str | None
    is_stored: bool = False


_announced: ContextVar[Announced | None] = ContextVar("audit", default=None)


def announce(entry: Announced | None) -> None:
    """Store the entry with the next transaction of this request; None: it changes nothing."""
    _announced.set(entry)


def announced() -> Announced | None:
    """The entry of this request, if it is not stored yet."""
    entry = _announced.get()
    return None if entry is None or entry.is_stored else entry


def announced_fields() -> dict[str, Any] | None:
    """The entry of this request as plain values, for a process that makes the change."""
    entry = announced()
    return None if entry is None else asdict(entry)


def name_resource(resource: str, *, project: str | None = None) -> None:
    """Say what the request has made, once that is known, and in which project it is."""
    entry = announced()
    if entry is not None:
        entry.resource = resource
        entry.project = project or entry.project


@contextmanager
def without_audit() -> Iterator[None]:
    """Transactions inside of the block are not the change that the request asks for."""
    token = _announced.set(None)
    try:
        yield
    finally:
        _announced.reset(token)


@event.listens_for(Session, "before_commit")
def _store(session: Session) -> None:
    entry = announced()
    if entry is None or session.in_nested_transaction():
        return
    connection = session.connection()
    connection.exec_driver_sql(_insert(connection.dialect.paramstyle), _values(entry))
    session.info["audited"] = entry


@event.listens_for(Session, "after_commit")
def _stored(session: Session) -> None:
    entry: Announced | None = session.info.pop("audited", None)
    if entry is not None:
        entry.is_stored = True


@cache
def _insert(paramstyle: str) -> str:
    """The statement as the driver takes it: SQLAlchemy's own would cost more than the insert."""
    names = [column.name for column in sa.inspect(AuditEntry).columns if column.name != "id"]
    form = "%({})s" if paramstyle == "pyformat" else ":{}"
    columns, values = ", ".join(f'"{name}"' for name in names), ", ".join(map(form.format, names))
    return f"INSERT INTO audit ({columns}) VALUES ({values})"


def _values(entry: Announced) -> dict[str, Any]:
    return {
        "time": to_microseconds(utc_now()),
        "project": entry.project,
        "key_id": entry.key_id,
        "user": entry.user,
        "action": entry.action,
        "resource": entry.resource[:RESOURCE_LENGTH],
        "request_id": entry.request_id,
    }
