"""Bounds of stored forecasts."""

import sqlalchemy as sa
from alembic import op

from app.db import Json

revision = "0006_forecast_bounds"
down_revision = "0005_idempotency"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("forecasts", sa.Column("bounds", Json, nullable=True))


def downgrade() -> None:
    op.drop_column("forecasts", "bounds")
