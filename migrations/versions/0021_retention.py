"""Policies of retention, sums of scores that went, and the night that was cleaned last."""

import sqlalchemy as sa
from alembic import op

from app.db import Json, Timestamp

revision = "0021_retention"
down_revision = "0020_exchange_calendars"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_retention",
        sa.Column(
            "model_id",
            sa.Integer,
            sa.ForeignKey("models.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("rules", Json, nullable=False),
    )
    op.create_table(
        "retention_nights",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("began_at", Timestamp, nullable=False),
    )
    op.create_table(
        "folded_scores",
        sa.Column(
            "version_id",
            sa.Integer,
            sa.ForeignKey("model_versions.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "series_id",
            sa.Integer,
            sa.ForeignKey("series.id", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        ),
        sa.Column("target", sa.String(100), primary_key=True),
        sa.Column("lead", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("code", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sums", Json, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("folded_scores")
    op.drop_table("retention_nights")
    op.drop_table("model_retention")
