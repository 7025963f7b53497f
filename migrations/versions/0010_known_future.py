"""Stored forecasts differ by the known-future values that came with their requests."""

import sqlalchemy as sa
from alembic import op

revision = "0010_known_future"
down_revision = "0009_backtests"
branch_labels = None
depends_on = None

OF_A_FORECAST = ["version_id", "series_id", "origin", "data_revision"]
# Named by the convention of `app.db`; with one column more PostgreSQL would cut it off.
BEFORE = "uq_forecasts_version_id_series_id_origin_data_revision"
AFTER = "uq_forecasts_identity"


def upgrade() -> None:
    # The default stands for "none", also for rows that the release before writes.
    column = sa.Column("known_future", sa.String(64), nullable=False, server_default="")
    with op.batch_alter_table("forecasts") as table:
        table.add_column(column)
        table.drop_constraint(BEFORE, type_="unique")
        table.create_unique_constraint(AFTER, [*OF_A_FORECAST, "known_future"])


def downgrade() -> None:
    op.execute("DELETE FROM forecasts WHERE known_future <> ''")
    with op.batch_alter_table("forecasts") as table:
        table.drop_constraint(AFTER, type_="unique")
        table.drop_column("known_future")
        table.create_unique_constraint(BEFORE, OF_A_FORECAST)
