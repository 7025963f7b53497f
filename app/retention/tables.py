"""Policies of models, and the night that was cleaned last."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Timestamp


class ModelRetention(Base):
    """What a model has instead of the settings: only the rules that were given for it."""

    __tablename__ = "model_retention"

    model_id: Mapped[int] = mapped_column(
        sa.ForeignKey("models.id", ondelete="CASCADE"), primary_key=True
    )
    # Null is for ever; a rule that is missing is that of the settings.
    rules: Mapped[dict[str, Any]] = mapped_column(Json)


class RetentionNight(Base):
    """The one row says which night's cleaning was queued last: whoever moves it on queues."""

    __tablename__ = "retention_nights"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    began_at: Mapped[datetime] = mapped_column(Timestamp)
