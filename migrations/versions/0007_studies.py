"""Studies, their trials, and jobs that are part of another."""

import sqlalchemy as sa
from alembic import op

from app.db import Json, Timestamp

revision = "0007_studies"
down_revision = "0006_forecast_bounds"
branch_labels = None
depends_on = None


def _job(name: str, **options: bool) -> sa.Column[str]:
    return sa.Column(name, sa.String(32), sa.ForeignKey("jobs.id"), **options)


def upgrade() -> None:
    # No foreign key: on SQLite it would rebuild the table that half of the others refer to.
    op.add_column("jobs", sa.Column("parent_id", sa.String(32)))
    op.create_index("ix_jobs_parent_id", "jobs", ["parent_id"])
    op.create_table(
        "studies",
        _job("id", primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("series_id", sa.Integer, sa.ForeignKey("series.id"), nullable=False, index=True),
        sa.Column("data_revision", sa.Integer, nullable=False),
        sa.Column("preset", sa.String(100)),
        sa.Column("spec", Json, nullable=False),
        sa.Column("search", Json, nullable=False),
        _job("training_job_id", unique=True),
        sa.Column("created_at", Timestamp, nullable=False),
    )
    op.create_table(
        "trials",
        sa.Column(
            "study_id",
            sa.String(32),
            sa.ForeignKey("studies.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        _job("job_id", nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("parameters", Json),
        sa.Column("spec", Json),
        sa.Column("value", sa.Double),
        sa.Column("epochs", sa.Integer),
        sa.Column("seconds", sa.Double),
        sa.Column("reason", sa.Text),
        sa.Column("scores", Json, nullable=False),
        sa.Column("losses", Json, nullable=False),
        sa.Column("memory", Json, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("trials")
    op.drop_table("studies")
    op.drop_index("ix_jobs_parent_id", "jobs")
    op.drop_column("jobs", "parent_id")
