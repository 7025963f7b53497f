"""Live: checkpoints of states, and the points of forecasts with what came of them."""

import sqlalchemy as sa
from alembic import op

from app.db import Timestamp

revision = "0013_live"
down_revision = "0012_aliases"
branch_labels = None
depends_on = None


def _foreign(name: str, target: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target, ondelete="CASCADE"), nullable=False)


def _checkpoints() -> None:
    op.create_table(
        "state_checkpoints",
        _foreign("version_id", "model_versions.id"),
        _foreign("series_id", "series.id"),
        sa.Column("time", Timestamp, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("version_id", "series_id", "time"),
    )
    op.create_index("ix_state_checkpoints_series_id", "state_checkpoints", ["series_id"])
    op.create_index("ix_kept_states_series_id", "kept_states", ["series_id"])
    op.add_column(
        "kept_states",
        sa.Column("checkpoint_rows", sa.BigInteger, nullable=False, server_default="0"),
    )


def _scores() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    bounds = [
        sa.Column(f"{side}_{level}", sa.Double) for level in (80, 95) for side in ("lower", "upper")
    ]
    op.create_table(
        "forecast_scores",
        sa.Column(
            "forecast_id", big, sa.ForeignKey("forecasts.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("target", sa.String(100), nullable=False),
        sa.Column("lead", sa.Integer, nullable=False),
        # No foreign keys: these come with the forecast, and go with it.
        sa.Column("version_id", sa.Integer, nullable=False),
        sa.Column("series_id", sa.Integer, nullable=False),
        sa.Column("time", Timestamp, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("naive", sa.Double),
        *bounds,
        sa.Column("counted", sa.Boolean, nullable=False),
        sa.Column("actual", sa.Double),
        sa.Column("error", sa.Double),
        sa.Column("naive_error", sa.Double),
        sa.Column("inside_80", sa.Boolean),
        sa.Column("inside_95", sa.Boolean),
        sa.Column("revision", sa.Integer),
        sa.PrimaryKeyConstraint("forecast_id", "target", "lead"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_forecast_scores_version_id_series_id_time",
        "forecast_scores",
        ["version_id", "series_id", "time"],
    )


def upgrade() -> None:
    _checkpoints()
    _scores()


def downgrade() -> None:
    op.drop_table("forecast_scores")
    op.drop_column("kept_states", "checkpoint_rows")
    op.drop_index("ix_kept_states_series_id", "kept_states")
    op.drop_table("state_checkpoints")
