"""Schedules of retraining and their runs, drift as it was last seen, and warm starts."""

import sqlalchemy as sa
from alembic import op

from app.db import Json, Timestamp

revision = "0018_schedules"
down_revision = "0017_deleted_rows"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Numbers, not keys: they outlive what they name.
    op.add_column("model_versions", sa.Column("started_from", sa.Integer))
    op.add_column("alias_changes", sa.Column("schedule", sa.Integer))
    op.create_table(
        "schedules",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "model_id",
            sa.Integer,
            sa.ForeignKey("models.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("cron", sa.String(100)),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("after_rows", sa.BigInteger),
        sa.Column("min_skill", sa.Float),
        sa.Column("drift", Json),
        sa.Column("window_steps", sa.Integer, nullable=False),
        sa.Column("start", sa.String(8), nullable=False),
        sa.Column("alias", sa.String(100)),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("next_run_at", Timestamp),
        sa.Column("runs", sa.Integer, nullable=False),
        sa.Column("looked_at", sa.String(60), nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
    )
    op.create_table(
        "schedule_runs",
        sa.Column(
            "schedule_id",
            sa.Integer,
            sa.ForeignKey("schedules.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("trigger", sa.String(16), nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("training_job", sa.String(32), nullable=False, index=True),
        sa.Column("promotion_job", sa.String(32), index=True),
        sa.Column("data_ends", Json, nullable=False),
        sa.Column("promoted", sa.Boolean),
        sa.Column("reason", sa.Text),
        sa.Column("evidence", Json),
        sa.Column("started_at", Timestamp, nullable=False),
        sa.Column("finished_at", Timestamp),
    )
    op.create_table(
        "drift_watch",
        sa.Column(
            "version_id",
            sa.Integer,
            sa.ForeignKey("model_versions.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "series_id",
            sa.Integer,
            sa.ForeignKey("series.id", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        ),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("drifted", sa.Boolean, nullable=False),
        sa.Column("changed_at", Timestamp),
    )


def downgrade() -> None:
    op.drop_table("drift_watch")
    op.drop_table("schedule_runs")
    op.drop_table("schedules")
    op.drop_column("alias_changes", "schedule")
    op.drop_column("model_versions", "started_from")
