"""How many rows a revision deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0017_deleted_rows"
down_revision = "0016_class_scores"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "series_revisions",
        sa.Column("rows_deleted", sa.Integer, nullable=False, server_default="0"),
    )


def downgrade() -> None:
    op.drop_column("series_revisions", "rows_deleted")
