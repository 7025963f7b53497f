"""Turn aliases and their history into answers."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.aliases.schemas import AliasChangeRead, AliasRead
from app.registry.tables import AliasChange

HISTORY_SHOWN = 100


def read_alias(session: Session, model_id: int, alias: str) -> AliasRead:
    """An alias, existing or deleted, from the newest changes of its history."""
    changes = sa.select(AliasChange).filter_by(model_id=model_id, name=alias)
    newest = changes.order_by(AliasChange.number.desc()).limit(HISTORY_SHOWN)
    history = [
        AliasChangeRead.model_validate(change, from_attributes=True)
        for change in session.scalars(newest)
    ]
    return AliasRead(
        name=alias,
        version=history[0].version,
        changed_at=history[0].changed_at,
        history=history,
    )
