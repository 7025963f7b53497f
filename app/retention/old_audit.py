"""Delete old entries of a project's audit."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access.acting import acting_project
from app.access.audit import AuditEntry

ENTRIES_AT_ONCE = 10_000


def delete_entries(session: Session, before: datetime) -> int:
    """Delete up to `ENTRIES_AT_ONCE` entries from before a moment; return how many."""
    old = sa.and_(AuditEntry.project == acting_project(), AuditEntry.time < before)
    chosen = sa.select(AuditEntry.id).where(old).order_by(AuditEntry.id).limit(ENTRIES_AT_ONCE)
    deletion = sa.delete(AuditEntry).where(AuditEntry.id.in_(chosen))
    return session.connection().execute(deletion).rowcount
