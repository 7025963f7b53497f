"""Tables of forecast scores: points with their scores, and the sums of deleted points."""

from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, FloatVector, Json, Timestamp
from app.stored_reports import ReportJson


class AwaitedPoint:
    """Common columns of the points of stored forecasts that were in the future at that time.

    The row is written with the forecast, so that an index finds the points for a new observation,
    and is filled when the observation arrives. `counted` is false if a later forecast of the same
    version, series and origin replaced this one. `naive` is the last value that the forecast had
    read.
    """

    forecast_id: Mapped[int] = mapped_column(
        sa.ForeignKey("forecasts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    target: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    lead: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version_id: Mapped[int]
    series_id: Mapped[int]
    time: Mapped[datetime] = mapped_column(Timestamp)
    naive: Mapped[float | None]
    counted: Mapped[bool]
    actual: Mapped[float | None]
    revision: Mapped[int | None]


class ForecastScore(AwaitedPoint, Base):
    """A forecast value and its score. `error` is value less actual."""

    __tablename__ = "forecast_scores"
    __table_args__ = (
        sa.Index("ix_forecast_scores_version_id_series_id_time", "version_id", "series_id", "time"),
        {"sqlite_with_rowid": False},
    )

    value: Mapped[float]
    lower_80: Mapped[float | None]
    upper_80: Mapped[float | None]
    lower_95: Mapped[float | None]
    upper_95: Mapped[float | None]
    error: Mapped[float | None]
    naive_error: Mapped[float | None]
    inside_80: Mapped[bool | None]
    inside_95: Mapped[bool | None]


class ClassScore(AwaitedPoint, Base):
    """Forecast probabilities of all classes and their score.

    `code` is the actual class: empty before the observation, and if it does not belong to a class.
    The columns of the class prior have the same scores for the frequencies in the training rows.
    """

    __tablename__ = "class_scores"
    __table_args__ = (
        sa.Index("ix_class_scores_version_id_series_id_time", "version_id", "series_id", "time"),
        {"sqlite_with_rowid": False},
    )

    probabilities: Mapped[npt.NDArray[np.float64]] = mapped_column(FloatVector)
    code: Mapped[int | None]
    probability: Mapped[float | None]
    log_loss: Mapped[float | None]
    brier: Mapped[float | None]
    correct: Mapped[bool | None]
    # The columns keep the names that they have in databases of the last release.
    class_prior_probability: Mapped[float | None] = mapped_column("coin_probability")
    class_prior_log_loss: Mapped[float | None] = mapped_column("coin_log_loss")
    class_prior_brier: Mapped[float | None] = mapped_column("coin_brier")
    majority_correct: Mapped[bool | None]


SCORE_TABLES: tuple[type[AwaitedPoint], ...] = (ForecastScore, ClassScore)


class FoldedScore(Base):
    """The sums of scores that retention deleted: performance over all time needs them.

    `code` is the actual class, and -1 for forecasts of values; `sums` has the number of points and
    the totals of their figures, by name. `outliers` has those of the points that were outliers, and
    `checked`, the number of points that were compared. Earlier releases compared none.
    """

    __tablename__ = "folded_scores"

    version_id: Mapped[int] = mapped_column(
        sa.ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True
    )
    series_id: Mapped[int] = mapped_column(
        sa.ForeignKey("series.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    target: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    lead: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sums: Mapped[dict[str, Any]] = mapped_column(ReportJson)
    outliers: Mapped[dict[str, Any] | None] = mapped_column(Json)
