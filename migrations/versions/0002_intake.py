"""Attributes of series, and live rows that wait for a confirmation."""

import sqlalchemy as sa
from alembic import op

from app.db import Json, Timestamp

revision = "0002_intake"
down_revision = "0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("series", sa.Column("attributes", Json, nullable=False, server_default="{}"))
    op.add_column(
        "series", sa.Column("implausible", sa.String(8), nullable=False, server_default="keep")
    )
    op.create_table(
        "held_rows",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "series_id",
            sa.Integer,
            sa.ForeignKey("series.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("row", Json, nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("held_rows")
    op.drop_column("series", "implausible")
    op.drop_column("series", "attributes")
