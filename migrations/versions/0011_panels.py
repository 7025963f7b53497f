"""Panels: the series that a version learnt from, and how a series that came later is scaled."""

import sqlalchemy as sa
from alembic import op

from app.db import Json

revision = "0011_panels"
down_revision = "0010_known_future"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "version_series",
        sa.Column(
            "version_id",
            sa.Integer,
            sa.ForeignKey("model_versions.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("series_id", sa.Integer, sa.ForeignKey("series.id"), nullable=False, index=True),
        sa.Column("data_revision", sa.Integer, nullable=False),
        sa.Column("metrics", Json),
        sa.UniqueConstraint("version_id", "series_id"),
    )
    op.execute(
        "INSERT INTO version_series (version_id, position, series_id, data_revision) "
        "SELECT id, 0, series_id, data_revision FROM model_versions"
    )
    op.add_column("kept_states", sa.Column("fit", Json))


def downgrade() -> None:
    op.drop_column("kept_states", "fit")
    op.drop_table("version_series")
