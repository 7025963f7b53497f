"""Tables of series, their observations with all past values, and uploads."""

from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.access.acting import OfProject
from app.db import Base, FloatVector, Json, Timestamp, utc_now

NAME_LENGTH = 100

# What can cause a revision.
RevisionSource = Literal["upload", "put", "settings", "delete", "restore"]


class Series(OfProject, Base):
    """A named series; `revision` increases by one with every write."""

    __tablename__ = "series"
    __table_args__ = (sa.UniqueConstraint("project", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    kind: Mapped[str] = mapped_column(sa.String(16))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    timezone: Mapped[str] = mapped_column(sa.String(64), default="UTC")
    cadence: Mapped[str | None] = mapped_column(sa.String(20))
    cadence_is_given: Mapped[bool] = mapped_column(default=False)
    calendar: Mapped[str] = mapped_column(sa.String(40))
    calendar_is_given: Mapped[bool] = mapped_column(default=False)
    channels: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    # Facts that do not change with time, such as a category or a capacity.
    attributes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")
    # What happens to implausible live rows: `keep` or `hold`.
    implausible: Mapped[str] = mapped_column(sa.String(8), default="keep", server_default="keep")
    revision: Mapped[int] = mapped_column(default=0)
    rows: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    first_time: Mapped[datetime | None] = mapped_column(Timestamp)
    last_time: Mapped[datetime | None] = mapped_column(Timestamp)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)


class SeriesRevision(Base):
    """One write: its cause, and the earliest time that it changed."""

    __tablename__ = "series_revisions"

    series_id: Mapped[int] = mapped_column(
        sa.ForeignKey("series.id", ondelete="CASCADE"), primary_key=True
    )
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now, index=True)
    source: Mapped[str] = mapped_column(sa.String(16))
    upload_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("uploads.id", ondelete="SET NULL"), index=True
    )
    rows_stored: Mapped[int]
    rows_updated: Mapped[int]
    rows_deleted: Mapped[int] = mapped_column(default=0, server_default="0")
    min_time: Mapped[datetime] = mapped_column(Timestamp)


class Observation(Base):
    """The present values at one time, in the order of the series' channels.

    Times are stored as microseconds since 1970: rows are read in bulk into arrays, where a datetime
    object for each would cost more than all other work. A foreign key is left out: PostgreSQL
    checks it row by row, which makes a bulk load four times slower. Writers hold the lock of their
    series, and so does its deletion.
    """

    __tablename__ = "observations"
    __table_args__ = ({"sqlite_with_rowid": False},)

    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    revision: Mapped[int]
    values: Mapped[npt.NDArray[np.float64]] = mapped_column(FloatVector)


class Correction(Base):
    """Values that a later revision replaced or deleted, so that all past revisions can be read."""

    __tablename__ = "corrections"
    __table_args__ = ({"sqlite_with_rowid": False},)

    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    old_revision: Mapped[int]
    old_values: Mapped[npt.NDArray[np.float64]] = mapped_column(FloatVector)


class Upload(Base):
    """A file that was stored in a series, with the report that its sender received."""

    __tablename__ = "uploads"
    __table_args__ = (sa.Index("ix_uploads_series_id_sha256", "series_id", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(sa.ForeignKey("series.id", ondelete="CASCADE"))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    parameters: Mapped[dict[str, Any]] = mapped_column(Json)
    report: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)


class KeptFile(Base):
    """A stored file that a worker will read; without a job id it is still being received."""

    __tablename__ = "kept_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str | None] = mapped_column(sa.String(32), unique=True)
    request: Mapped[dict[str, Any]] = mapped_column(Json)
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)


class KeptPiece(Base):
    """A piece of a stored file."""

    __tablename__ = "kept_pieces"

    file_id: Mapped[int] = mapped_column(
        sa.ForeignKey("kept_files.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(sa.LargeBinary)


class QuarantinedRow(Base):
    """A line of an upload that could not be stored, and the reason."""

    __tablename__ = "quarantined_rows"

    upload_id: Mapped[int] = mapped_column(
        sa.ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True
    )
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(sa.Text)
    text: Mapped[str] = mapped_column(sa.Text)


class HeldRow(Base):
    """A live row that waits for a confirmation, and why; its time is microseconds since 1970."""

    __tablename__ = "held_rows"

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(
        sa.ForeignKey("series.id", ondelete="CASCADE"), index=True
    )
    time: Mapped[int] = mapped_column(sa.BigInteger)
    row: Mapped[dict[str, Any]] = mapped_column(Json)
    code: Mapped[str] = mapped_column(sa.String(40))
    message: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)
