"""Table of stored forecasts, unique by version, series, origin, revision and known future."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Timestamp


class StoredForecast(Base):
    """A forecast with the JSON text of its first answer."""

    __tablename__ = "forecasts"
    __table_args__ = (
        sa.UniqueConstraint(
            "version_id",
            "series_id",
            "origin",
            "data_revision",
            "known_future",
            name="uq_forecasts_identity",
        ),
    )

    id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True
    )
    key: Mapped[str] = mapped_column(sa.String(32), unique=True)
    version_id: Mapped[int] = mapped_column(sa.ForeignKey("model_versions.id", ondelete="CASCADE"))
    series_id: Mapped[int] = mapped_column(
        sa.ForeignKey("series.id", ondelete="CASCADE"), index=True
    )
    origin: Mapped[datetime] = mapped_column(Timestamp)
    data_revision: Mapped[int]
    # A hash of the known-future values; empty for versions without such channels.
    known_future: Mapped[str] = mapped_column(sa.String(64), server_default="")
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    body: Mapped[str] = mapped_column(sa.Text)
    bounds: Mapped[dict[str, Any] | None] = mapped_column(Json)
