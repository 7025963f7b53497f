"""The request that caused a job."""

import sqlalchemy as sa
from alembic import op

revision = "0004_request_ids"
down_revision = "0003_folded_outliers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("request_id", sa.String(128), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "request_id")
