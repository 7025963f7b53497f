"""Refits of panels: the revisions of all series that a backtest learns from."""

import sqlalchemy as sa
from alembic import op

from app.db import Json

revision = "0014_backtest_panel"
down_revision = "0013_live"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("backtests", sa.Column("panel_revisions", Json))


def downgrade() -> None:
    op.drop_column("backtests", "panel_revisions")
