"""Room for the encrypted secrets of webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0005_webhook_secrets"
down_revision = "0004_request_ids"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("webhooks") as table:
        table.alter_column("secret", type_=sa.Text(), existing_type=sa.String(200))


def downgrade() -> None:
    with op.batch_alter_table("webhooks") as table:
        table.alter_column("secret", type_=sa.String(200), existing_type=sa.Text())
