"""Table of backtests; each has the id of the job that runs it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Timestamp, utc_now
from app.stored_reports import ReportJson


class Backtest(Base):
    """One backtest of a version; its state is that of its job."""

    __tablename__ = "backtests"

    id: Mapped[str] = mapped_column(sa.ForeignKey("jobs.id"), primary_key=True)
    version_id: Mapped[int] = mapped_column(
        sa.ForeignKey("model_versions.id", ondelete="CASCADE"), index=True
    )
    series_id: Mapped[int] = mapped_column(
        sa.ForeignKey("series.id", ondelete="CASCADE"), index=True
    )
    data_revision: Mapped[int]
    # With refits, by name: the revision of every series that they learn from.
    panel_revisions: Mapped[dict[str, int] | None] = mapped_column(Json)
    request: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)
    report: Mapped[dict[str, Any] | None] = mapped_column(ReportJson)
    # A NumPy archive: see `app.backtests.points`.
    points: Mapped[bytes | None] = mapped_column(sa.LargeBinary, deferred=True)
