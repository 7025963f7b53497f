"""Tables of retention: policies of models, and the night of the last cleaning."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Timestamp


class ModelRetention(Base):
    """A model's own rules, which replace those of the settings."""

    __tablename__ = "model_retention"

    model_id: Mapped[int] = mapped_column(
        sa.ForeignKey("models.id", ondelete="CASCADE"), primary_key=True
    )
    # Null: without a limit. Where a rule is missing, that of the settings applies.
    rules: Mapped[dict[str, Any]] = mapped_column(Json)


class RetentionNight(Base):
    """One row: the night whose cleaning was queued last; the worker that updates it queues."""

    __tablename__ = "retention_nights"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    began_at: Mapped[datetime] = mapped_column(Timestamp)
