"""Series, revisions, observations, corrections, uploads and quarantined rows."""

import sqlalchemy as sa
from alembic import op

from app.db import FloatVector, Json, Timestamp

revision = "0001_series"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("cadence", sa.String(20)),
        sa.Column("cadence_is_given", sa.Boolean, nullable=False),
        sa.Column("calendar", sa.String(40), nullable=False),
        sa.Column("calendar_is_given", sa.Boolean, nullable=False),
        sa.Column("channels", Json, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("first_time", Timestamp),
        sa.Column("last_time", Timestamp),
        sa.Column("created_at", Timestamp, nullable=False),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "series_id",
            sa.Integer,
            sa.ForeignKey("series.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("parameters", Json, nullable=False),
        sa.Column("report", Json, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
    )
    op.create_index("ix_uploads_series_id_sha256", "uploads", ["series_id", "sha256"])
    op.create_table(
        "series_revisions",
        sa.Column(
            "series_id",
            sa.Integer,
            sa.ForeignKey("series.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column(
            "upload_id",
            sa.Integer,
            sa.ForeignKey("uploads.id", ondelete="SET NULL"),
            index=True,
        ),
        sa.Column("rows_stored", sa.Integer, nullable=False),
        sa.Column("rows_updated", sa.Integer, nullable=False),
        sa.Column("min_time", Timestamp, nullable=False),
    )
    op.create_table(
        "observations",
        sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("values", FloatVector, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "corrections",
        sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("old_revision", sa.Integer, nullable=False),
        sa.Column("old_values", FloatVector, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantined_rows",
        sa.Column(
            "upload_id",
            sa.Integer,
            sa.ForeignKey("uploads.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("quarantined_rows")
    op.drop_table("corrections")
    op.drop_table("observations")
    op.drop_table("series_revisions")
    op.drop_table("uploads")
    op.drop_table("series")
