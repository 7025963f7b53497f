"""Scores of class forecasts, and what is known of states that are not finite."""

import sqlalchemy as sa
from alembic import op

from app.db import FloatVector, Timestamp

revision = "0016_class_scores"
down_revision = "0015_webhooks"
branch_labels = None
depends_on = None


def _class_scores() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "class_scores",
        sa.Column(
            "forecast_id", big, sa.ForeignKey("forecasts.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("target", sa.String(100), nullable=False),
        sa.Column("lead", sa.Integer, nullable=False),
        # No foreign keys: these come with the forecast, and go with it.
        sa.Column("version_id", sa.Integer, nullable=False),
        sa.Column("series_id", sa.Integer, nullable=False),
        sa.Column("time", Timestamp, nullable=False),
        sa.Column("probabilities", FloatVector, nullable=False),
        sa.Column("naive", sa.Double),
        sa.Column("counted", sa.Boolean, nullable=False),
        sa.Column("actual", sa.Double),
        sa.Column("code", sa.Integer),
        sa.Column("probability", sa.Double),
        sa.Column("log_loss", sa.Double),
        sa.Column("brier", sa.Double),
        sa.Column("correct", sa.Boolean),
        sa.Column("coin_probability", sa.Double),
        sa.Column("coin_log_loss", sa.Double),
        sa.Column("coin_brier", sa.Double),
        sa.Column("majority_correct", sa.Boolean),
        sa.Column("revision", sa.Integer),
        sa.PrimaryKeyConstraint("forecast_id", "target", "lead"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_class_scores_version_id_series_id_time",
        "class_scores",
        ["version_id", "series_id", "time"],
    )


def upgrade() -> None:
    _class_scores()
    op.add_column("kept_states", sa.Column("failed_revision", sa.Integer))
    op.add_column("kept_states", sa.Column("failed_time", Timestamp))


def downgrade() -> None:
    op.drop_column("kept_states", "failed_time")
    op.drop_column("kept_states", "failed_revision")
    op.drop_table("class_scores")
