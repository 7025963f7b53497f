"""How aliases look to a client."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.aliases.schemas import AliasChangeRead, AliasRead
from app.registry.tables import AliasChange

HISTORY_SHOWN = 100


def read_alias(session: Session, model_id: int, alias: str) -> AliasRead:
    """An alias that there is or was, from the newest lines of its history."""
    lines = sa.select(AliasChange).filter_by(model_id=model_id, name=alias)
    newest = lines.order_by(AliasChange.number.desc()).limit(HISTORY_SHOWN)
    history = [
        AliasChangeRead.model_validate(line, from_attributes=True)
        for line in session.scalars(newest)
    ]
    return AliasRead(
        name=alias,
        version=history[0].version,
        changed_at=history[0].changed_at,
        history=history,
    )
