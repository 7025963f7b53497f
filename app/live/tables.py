"""Recurrent states, their checkpoints, and what came of forecasts."""

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
        sa.ForeignKey("series.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    revision: Mapped[int]
    time: Mapped[datetime | None] = mapped_column(Timestamp)
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)
    fit: Mapped[dict[str, Any] | None] = mapped_column(Json)
    # Rows that the latest checkpoint had read: tells when the next is due, without a look.
    checkpoint_rows: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")


class StateCheckpoint(Base):
    """A past state, from which a change of what came after it is replayed.

    All checkpoints of a version and series fit the data at the revision of the kept state.
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


class ForecastScore(Base):
    """One point of a stored forecast that lay in the future then, and what came of it.

    The row is written with the forecast, so that what a new observation answers is found by
    the index, and is filled when the observation comes. `counted` is false where a later
    forecast of the same version, series and origin took its place. `error` is value less actual.
    """

    __tablename__ = "forecast_scores"
    __table_args__ = (
        sa.Index("ix_forecast_scores_version_id_series_id_time", "version_id", "series_id", "time"),
        {"sqlite_with_rowid": False},
    )

    forecast_id: Mapped[int] = mapped_column(
        sa.ForeignKey("forecasts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    target: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    lead: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version_id: Mapped[int]
    series_id: Mapped[int]
    time: Mapped[datetime] = mapped_column(Timestamp)
    value: Mapped[float]
    naive: Mapped[float | None]
    lower_80: Mapped[float | None]
    upper_80: Mapped[float | None]
    lower_95: Mapped[float | None]
    upper_95: Mapped[float | None]
    counted: Mapped[bool]
    actual: Mapped[float | None]
    error: Mapped[float | None]
    naive_error: Mapped[float | None]
    inside_80: Mapped[bool | None]
    inside_95: Mapped[bool | None]
    revision: Mapped[int | None]
