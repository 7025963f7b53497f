"""The outliers among the scores that retention folded into sums."""

import sqlalchemy as sa
from alembic import op

from app.db import Json

revision = "0003_folded_outliers"
down_revision = "0002_intake"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("folded_scores", sa.Column("outliers", Json, nullable=True))


def downgrade() -> None:
    op.drop_column("folded_scores", "outliers")
