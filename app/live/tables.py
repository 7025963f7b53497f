"""Recurrent states: what a forecaster remembers of a series, kept between requests."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Timestamp


class KeptState(Base):
    """The state of one version after the last complete step of one series.

    `fit` says how a series is scaled that the version did not learn from; else it is empty.
    """

    __tablename__ = "kept_states"

    version_id: Mapped[int] = mapped_column(
        sa.ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True
    )
    series_id: Mapped[int] = mapped_column(
        sa.ForeignKey("series.id", ondelete="CASCADE"), primary_key=True
    )
    revision: Mapped[int]
    time: Mapped[datetime | None] = mapped_column(Timestamp)
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)
    fit: Mapped[dict[str, Any] | None] = mapped_column(Json)
