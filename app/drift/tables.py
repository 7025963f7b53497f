"""Table of the last known drift of champions."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Timestamp


class DriftWatch(Base):
    """Whether a version has drifted on a series, as of a revision of the series."""

    __tablename__ = "drift_watch"

    version_id: Mapped[int] = mapped_column(
        sa.ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True
    )
    series_id: Mapped[int] = mapped_column(
        sa.ForeignKey("series.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    revision: Mapped[int]
    drifted: Mapped[bool]
    # When `drifted` last changed; empty while it never has.
    changed_at: Mapped[datetime | None] = mapped_column(Timestamp)
