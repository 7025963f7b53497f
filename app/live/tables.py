"""Tables of recurrent states and their checkpoints."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Timestamp


class KeptState(Base):
    """The state of one version after the last complete step of one series.

    `fit` has grid and scales of a series that the version did not learn from; else it is empty.
    `failed_revision` is the newest revision at which the state was infinite after reading
    `failed_time`; empty for a finite state.
    """

    __tablename__ = "kept_states"

    version_id: Mapped[int] = mapped_column(
        sa.ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True
    )
    series_id: Mapped[int] = mapped_column(
        sa.ForeignKey("series.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    revision: Mapped[int]
    time: Mapped[datetime | None] = mapped_column(Timestamp)
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)
    fit: Mapped[dict[str, Any] | None] = mapped_column(Json)
    # Rows that the latest checkpoint had read: so the next one is planned without a query.
    checkpoint_rows: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
    failed_revision: Mapped[int | None]
    failed_time: Mapped[datetime | None] = mapped_column(Timestamp)


class StateCheckpoint(Base):
    """A past state, from which a later step that was changed is replayed.

    All checkpoints of a version and series are valid at the revision of the stored state.
    """

    __tablename__ = "state_checkpoints"

    version_id: Mapped[int] = mapped_column(
        sa.ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True
    )
    series_id: Mapped[int] = mapped_column(
        sa.ForeignKey("series.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    time: Mapped[datetime] = mapped_column(Timestamp, primary_key=True)
    rows: Mapped[int] = mapped_column(sa.BigInteger)
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)
