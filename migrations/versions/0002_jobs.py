"""Jobs, their events and checkpoints, and workers."""

import sqlalchemy as sa
from alembic import op

from app.db import Json, Timestamp

revision = "0002_jobs"
down_revision = "0001_series"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("subject", Json, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("lost_attempts", sa.Integer, nullable=False),
        sa.Column("progress", Json, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("result", Json),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("executor", sa.String(255)),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("started_at", Timestamp),
        sa.Column("finished_at", Timestamp),
    )
    op.create_table(
        "job_events",
        sa.Column(
            "job_id",
            sa.String(32),
            sa.ForeignKey("jobs.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("data", Json, nullable=False),
    )
    op.create_table(
        "job_checkpoints",
        sa.Column(
            "job_id",
            sa.String(32),
            sa.ForeignKey("jobs.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "workers",
        sa.Column("executor", sa.String(255), primary_key=True),
        sa.Column("machine", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("process_started", sa.String(40), nullable=False),
        sa.Column("device", sa.String(40), nullable=False),
        sa.Column("started_at", Timestamp, nullable=False),
        sa.Column("beat_at", Timestamp, nullable=False),
        sa.Column("alive_until", Timestamp, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("workers")
    op.drop_table("job_checkpoints")
    op.drop_table("job_events")
    op.drop_table("jobs")
