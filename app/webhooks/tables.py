"""Tables of webhooks and their deliveries."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.access.acting import OfProject
from app.db import Base, Json, Timestamp, enum_type, utc_now

BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class DeliveryState(StrEnum):
    """The state of a delivery; a failed one is not attempted again."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(OfProject, Base):
    """An address that events are sent to."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(sa.String(2000))
    events: Mapped[list[str]] = mapped_column(Json)
    # Events of this model only; of all models if empty. Not a foreign key: models can be deleted.
    model: Mapped[str | None] = mapped_column(sa.String(100))
    # Encrypted by `Cipher`.
    secret: Mapped[str] = mapped_column(sa.Text)
    # Consecutive deliveries that failed in all their attempts.
    failures: Mapped[int] = mapped_column(default=0)
    disabled: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)


class WebhookDelivery(Base):
    """One event for one webhook; stored in the transaction of the event."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (sa.Index("ix_webhook_deliveries_due", "state", "due_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    webhook_id: Mapped[int] = mapped_column(
        sa.ForeignKey("webhooks.id", ondelete="CASCADE"), index=True
    )
    event: Mapped[str] = mapped_column(sa.String(40))
    body: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[DeliveryState] = mapped_column(
        enum_type(DeliveryState, 10), default=DeliveryState.PENDING
    )
    attempts: Mapped[int] = mapped_column(default=0)
    # When the next attempt is due; later while a worker attempts it.
    due_at: Mapped[datetime] = mapped_column(Timestamp)
    error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)
    delivered_at: Mapped[datetime | None] = mapped_column(Timestamp)
