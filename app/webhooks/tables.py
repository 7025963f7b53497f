"""Webhooks and what is on its way to them."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Timestamp, utc_now

BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class DeliveryState(StrEnum):
    """What became of a delivery; one that failed is not tried again."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(Base):
    """An address that events are sent to."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(sa.String(2000))
    events: Mapped[list[str]] = mapped_column(Json)
    # Events of this model only; of all if empty. Not a foreign key: models come and go.
    model: Mapped[str | None] = mapped_column(sa.String(100))
    secret: Mapped[str] = mapped_column(sa.String(200))
    # Deliveries in a row that failed for good.
    failures: Mapped[int] = mapped_column(default=0)
    disabled: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)


class WebhookDelivery(Base):
    """One event for one webhook; written in the transaction of the event itself."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (sa.Index("ix_webhook_deliveries_due", "state", "due_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    webhook_id: Mapped[int] = mapped_column(
        sa.ForeignKey("webhooks.id", ondelete="CASCADE"), index=True
    )
    event: Mapped[str] = mapped_column(sa.String(40))
    body: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[DeliveryState] = mapped_column(
        sa.Enum(DeliveryState, native_enum=False, length=10, values_callable=list),
        default=DeliveryState.PENDING,
    )
    attempts: Mapped[int] = mapped_column(default=0)
    # When it is tried next; moved ahead while somebody tries.
    due_at: Mapped[datetime] = mapped_column(Timestamp)
    error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)
    delivered_at: Mapped[datetime | None] = mapped_column(Timestamp)
