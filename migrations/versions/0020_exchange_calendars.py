"""The sessions of exchanges."""

import sqlalchemy as sa
from alembic import op

from app.db import Json, Timestamp

revision = "0020_exchange_calendars"
down_revision = "0019_kept_files"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exchange_calendars",
        sa.Column("code", sa.String(20), primary_key=True),
        sa.Column("library_version", sa.String(40), nullable=False),
        sa.Column("read_at", Timestamp, nullable=False),
        sa.Column("hours", Json, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("exchange_calendars")
