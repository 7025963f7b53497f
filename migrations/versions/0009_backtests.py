"""Backtests, and what else is known of a version's quality."""

import sqlalchemy as sa
from alembic import op

from app.db import Json, Timestamp

revision = "0009_backtests"
down_revision = "0008_devices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("model_versions", sa.Column("diagnostics", Json))
    op.create_table(
        "backtests",
        sa.Column("id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column(
            "version_id",
            sa.Integer,
            sa.ForeignKey("model_versions.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column(
            "series_id",
            sa.Integer,
            sa.ForeignKey("series.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("data_revision", sa.Integer, nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("report", Json),
        sa.Column("points", sa.LargeBinary),
    )


def downgrade() -> None:
    op.drop_table("backtests")
    op.drop_column("model_versions", "diagnostics")
