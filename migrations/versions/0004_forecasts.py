"""Kept states and stored forecasts."""

import sqlalchemy as sa
from alembic import op

from app.db import Timestamp

revision = "0004_forecasts"
down_revision = "0003_registry"
branch_labels = None
depends_on = None


def _version() -> sa.Column[int]:
    key = sa.ForeignKey("model_versions.id", ondelete="CASCADE")
    return sa.Column("version_id", sa.Integer, key, nullable=False)


def _series() -> sa.Column[int]:
    key = sa.ForeignKey("series.id", ondelete="CASCADE")
    return sa.Column("series_id", sa.Integer, key, nullable=False)


def upgrade() -> None:
    op.create_table(
        "kept_states",
        _version(),
        _series(),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("time", Timestamp),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("version_id", "series_id"),
    )
    op.create_table(
        "forecasts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("key", sa.String(32), nullable=False, unique=True),
        _version(),
        _series(),
        sa.Column("origin", Timestamp, nullable=False),
        sa.Column("data_revision", sa.Integer, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("version_id", "series_id", "origin", "data_revision"),
    )
    op.create_index("ix_forecasts_series_id", "forecasts", ["series_id"])


def downgrade() -> None:
    op.drop_table("forecasts")
    op.drop_table("kept_states")
