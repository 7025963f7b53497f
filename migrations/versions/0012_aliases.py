"""Aliases of versions, and the history of what they pointed to."""

import sqlalchemy as sa
from alembic import op

from app.db import Json, Timestamp

revision = "0012_aliases"
down_revision = "0011_panels"
branch_labels = None
depends_on = None


def _model() -> sa.Column[int]:
    model = sa.ForeignKey("models.id", ondelete="CASCADE")
    return sa.Column("model_id", sa.Integer, model, primary_key=True)


def upgrade() -> None:
    op.create_table(
        "aliases",
        _model(),
        sa.Column("name", sa.String(100), primary_key=True),
        # No cascade: only with its whole model can a version go that an alias points to.
        sa.Column(
            "version_id",
            sa.Integer,
            sa.ForeignKey("model_versions.id"),
            nullable=False,
            index=True,
        ),
        sa.Column("changed_at", Timestamp, nullable=False),
    )
    op.create_table(
        "alias_changes",
        _model(),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("before", sa.Integer),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("evidence", Json),
        sa.Column("changed_at", Timestamp, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("alias_changes")
    op.drop_table("aliases")
