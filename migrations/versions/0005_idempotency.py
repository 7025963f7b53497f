"""Keys of POST requests that must be carried out once."""

import sqlalchemy as sa
from alembic import op

from app.db import Timestamp

revision = "0005_idempotency"
down_revision = "0004_forecasts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("created_at", Timestamp, nullable=False, index=True),
        sa.Column("status", sa.Integer),
        sa.Column("location", sa.String),
        sa.Column("body", sa.Text),
    )


def downgrade() -> None:
    op.drop_table("idempotency_keys")
