"""Large files, kept in pieces until a worker has read them."""

import sqlalchemy as sa
from alembic import op

from app.db import Json, Timestamp

revision = "0019_kept_files"
down_revision = "0018_schedules"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_files",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.String(32), unique=True),
        sa.Column("request", Json, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
    )
    op.create_table(
        "kept_pieces",
        sa.Column(
            "file_id",
            sa.Integer,
            sa.ForeignKey("kept_files.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("file_id", "number"),
    )
    if op.get_context().dialect.name == "postgresql":
        # Files come packed, or are read once: packing them here would take longer.
        op.execute("ALTER TABLE kept_pieces ALTER COLUMN data SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("kept_pieces")
    op.drop_table("kept_files")
