"""The device that a job asks for."""

import sqlalchemy as sa
from alembic import op

revision = "0008_devices"
down_revision = "0007_studies"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("device", sa.String(8)))


def downgrade() -> None:
    op.drop_column("jobs", "device")
