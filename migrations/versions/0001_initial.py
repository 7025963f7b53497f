"""All tables of the service.

Earlier builds made the same tables in 21 revisions; `app.migrate` recognises the last of them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.db import FloatVector, Json, Timestamp

revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers the rows of a table only if its key is an INTEGER.
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Series and their rows.
    _series()
    _uploads()
    _series_revisions()
    _observations()
    _corrections()
    _quarantined_rows()

    # Jobs, workers and what requests leave.
    _jobs()
    _job_events()
    _job_checkpoints()
    _workers()
    _kept_files()
    _kept_pieces()
    _idempotency_keys()

    # Models, versions and aliases.
    _models()
    _model_versions()
    _version_series()
    _bundles()
    _aliases()
    _alias_changes()

    # Forecasts, their scores and states.
    _forecasts()
    _forecast_scores()
    _class_scores()
    _kept_states()
    _state_checkpoints()
    _drift_watch()

    # Studies and backtests.
    _studies()
    _trials()
    _backtests()

    # Schedules and webhooks.
    _schedules()
    _schedule_runs()
    _webhooks()
    _webhook_deliveries()

    # Retention.
    _model_retention()
    _retention_nights()
    _folded_scores()

    # Calendars.
    _exchange_calendars()


def downgrade() -> None:
    raise NotImplementedError("This is the first migration: delete the database instead.")


def _reference(
    name: str, target: str, ondelete: str | None = "CASCADE", **options: Any
) -> sa.Column[int]:
    """A column that holds the `id` of another table's row; a required one unless said otherwise."""
    key = sa.ForeignKey(f"{target}.id", ondelete=ondelete)
    return sa.Column(name, sa.Integer, key, **{"nullable": False, **options})


def _job_reference(name: str, ondelete: str | None = None, **options: Any) -> sa.Column[str]:
    """A column that holds the `id` of a job."""
    return sa.Column(name, sa.String(32), sa.ForeignKey("jobs.id", ondelete=ondelete), **options)


def _table_of_scores(name: str, *columns: sa.Column[Any]) -> None:
    """A row for each point of a forecast: what was predicted, and how far off it was."""
    op.create_table(
        name,
        sa.Column(
            "forecast_id",
            BIG_ID,
            sa.ForeignKey("forecasts.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("target", sa.String(100), primary_key=True),
        sa.Column("lead", sa.Integer, primary_key=True, autoincrement=False),
        # Copies of the forecast's columns, without foreign keys: they are deleted with it.
        sa.Column("version_id", sa.Integer, nullable=False),
        sa.Column("series_id", sa.Integer, nullable=False),
        sa.Column("time", Timestamp, nullable=False),
        *columns,
        sa.Column("revision", sa.Integer),
        sqlite_with_rowid=False,
    )
    columns_of_index = ["version_id", "series_id", "time"]
    op.create_index(f"ix_{name}_version_id_series_id_time", name, columns_of_index)


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("cadence", sa.String(20)),
        sa.Column("cadence_is_given", sa.Boolean, nullable=False),
        sa.Column("calendar", sa.String(40), nullable=False),
        sa.Column("calendar_is_given", sa.Boolean, nullable=False),
        sa.Column("channels", Json, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("first_time", Timestamp),
        sa.Column("last_time", Timestamp),
        sa.Column("created_at", Timestamp, nullable=False),
    )


def _uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.Integer, primary_key=True),
        _reference("series_id", "series"),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("parameters", Json, nullable=False),
        sa.Column("report", Json, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
    )
    op.create_index("ix_uploads_series_id_sha256", "uploads", ["series_id", "sha256"])


def _series_revisions() -> None:
    op.create_table(
        "series_revisions",
        _reference("series_id", "series", primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        _reference("upload_id", "uploads", "SET NULL", nullable=True, index=True),
        sa.Column("rows_stored", sa.Integer, nullable=False),
        sa.Column("rows_updated", sa.Integer, nullable=False),
        sa.Column("min_time", Timestamp, nullable=False),
        sa.Column("rows_deleted", sa.Integer, nullable=False, server_default="0"),
    )


def _observations() -> None:
    op.create_table(
        "observations",
        sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("values", FloatVector, nullable=False),
        sqlite_with_rowid=False,
    )


def _corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("old_revision", sa.Integer, nullable=False),
        sa.Column("old_values", FloatVector, nullable=False),
        sqlite_with_rowid=False,
    )


def _quarantined_rows() -> None:
    op.create_table(
        "quarantined_rows",
        _reference("upload_id", "uploads", primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )


def _jobs() -> None:
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
        # No foreign key: to change one, SQLite would rebuild a table that many others refer to.
        sa.Column("parent_id", sa.String(32), index=True),
        sa.Column("device", sa.String(8)),
    )


def _job_events() -> None:
    op.create_table(
        "job_events",
        _job_reference("job_id", "CASCADE", primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("data", Json, nullable=False),
    )


def _job_checkpoints() -> None:
    op.create_table(
        "job_checkpoints",
        _job_reference("job_id", "CASCADE", primary_key=True),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


def _workers() -> None:
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


def _kept_files() -> None:
    op.create_table(
        "kept_files",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.String(32), unique=True),
        sa.Column("request", Json, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
    )


def _kept_pieces() -> None:
    op.create_table(
        "kept_pieces",
        _reference("file_id", "kept_files", primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    if op.get_context().dialect.name == "postgresql":
        # Files are often compressed already and are read once: to compress them takes longer.
        op.execute("ALTER TABLE kept_pieces ALTER COLUMN data SET STORAGE EXTERNAL")


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("created_at", Timestamp, nullable=False, index=True),
        sa.Column("status", sa.Integer),
        sa.Column("location", sa.String),
        sa.Column("body", sa.Text),
    )


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("created_at", Timestamp, nullable=False),
    )


def _model_versions() -> None:
    op.create_table(
        "model_versions",
        sa.Column("id", sa.Integer, primary_key=True),
        _reference("model_id", "models"),
        sa.Column("number", sa.Integer, nullable=False),
        _reference("series_id", "series", None, index=True),
        _job_reference("job_id", nullable=False, unique=True),
        sa.Column("preset", sa.String(100)),
        sa.Column("spec", Json, nullable=False),
        sa.Column("data_revision", sa.Integer, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("data", Json),
        sa.Column("network", Json),
        sa.Column("metrics", Json),
        sa.Column("training", Json),
        sa.Column("history", Json),
        sa.Column("diagnostics", Json),
        # A number without a foreign key: it stays when that version is deleted.
        sa.Column("started_from", sa.Integer),
        sa.UniqueConstraint("model_id", "number"),
    )


def _version_series() -> None:
    op.create_table(
        "version_series",
        _reference("version_id", "model_versions", primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        _reference("series_id", "series", None, index=True),
        sa.Column("data_revision", sa.Integer, nullable=False),
        sa.Column("metrics", Json),
        sa.UniqueConstraint("version_id", "series_id"),
    )


def _bundles() -> None:
    op.create_table(
        "bundles",
        _reference("version_id", "model_versions", primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )


def _aliases() -> None:
    op.create_table(
        "aliases",
        _reference("model_id", "models", primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        # No cascade: a version with an alias can be deleted only together with its model.
        _reference("version_id", "model_versions", None, index=True),
        sa.Column("changed_at", Timestamp, nullable=False),
    )


def _alias_changes() -> None:
    op.create_table(
        "alias_changes",
        _reference("model_id", "models", primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("before", sa.Integer),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("evidence", Json),
        sa.Column("changed_at", Timestamp, nullable=False),
        # A number without a foreign key: it stays when the schedule is deleted.
        sa.Column("schedule", sa.Integer),
    )


def _forecasts() -> None:
    op.create_table(
        "forecasts",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("key", sa.String(32), nullable=False, unique=True),
        _reference("version_id", "model_versions"),
        _reference("series_id", "series", index=True),
        sa.Column("origin", Timestamp, nullable=False),
        sa.Column("data_revision", sa.Integer, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("bounds", Json),
        # The empty text stands for "none": unique constraints do not compare NULLs.
        sa.Column("known_future", sa.String(64), nullable=False, server_default=""),
        # Named here: PostgreSQL would cut off the name that the convention makes.
        sa.UniqueConstraint(
            "version_id",
            "series_id",
            "origin",
            "data_revision",
            "known_future",
            name="uq_forecasts_identity",
        ),
    )


def _forecast_scores() -> None:
    _table_of_scores(
        "forecast_scores",
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("naive", sa.Double),
        sa.Column("lower_80", sa.Double),
        sa.Column("upper_80", sa.Double),
        sa.Column("lower_95", sa.Double),
        sa.Column("upper_95", sa.Double),
        sa.Column("counted", sa.Boolean, nullable=False),
        sa.Column("actual", sa.Double),
        sa.Column("error", sa.Double),
        sa.Column("naive_error", sa.Double),
        sa.Column("inside_80", sa.Boolean),
        sa.Column("inside_95", sa.Boolean),
    )


def _class_scores() -> None:
    _table_of_scores(
        "class_scores",
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
    )


def _kept_states() -> None:
    op.create_table(
        "kept_states",
        _reference("version_id", "model_versions", primary_key=True),
        _reference("series_id", "series", primary_key=True, index=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("time", Timestamp),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("fit", Json),
        sa.Column("checkpoint_rows", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("failed_revision", sa.Integer),
        sa.Column("failed_time", Timestamp),
    )


def _state_checkpoints() -> None:
    op.create_table(
        "state_checkpoints",
        _reference("version_id", "model_versions", primary_key=True),
        _reference("series_id", "series", primary_key=True, index=True),
        sa.Column("time", Timestamp, primary_key=True, autoincrement=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )


def _drift_watch() -> None:
    op.create_table(
        "drift_watch",
        _reference("version_id", "model_versions", primary_key=True),
        _reference("series_id", "series", primary_key=True, index=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("drifted", sa.Boolean, nullable=False),
        sa.Column("changed_at", Timestamp),
    )


def _studies() -> None:
    op.create_table(
        "studies",
        _job_reference("id", primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        _reference("series_id", "series", None, index=True),
        sa.Column("data_revision", sa.Integer, nullable=False),
        sa.Column("preset", sa.String(100)),
        sa.Column("spec", Json, nullable=False),
        sa.Column("search", Json, nullable=False),
        _job_reference("training_job_id", unique=True),
        sa.Column("created_at", Timestamp, nullable=False),
    )


def _trials() -> None:
    study = sa.ForeignKey("studies.id", ondelete="CASCADE")
    op.create_table(
        "trials",
        sa.Column("study_id", sa.String(32), study, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        _job_reference("job_id", nullable=False, unique=True),
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


def _backtests() -> None:
    op.create_table(
        "backtests",
        _job_reference("id", primary_key=True),
        _reference("version_id", "model_versions", index=True),
        _reference("series_id", "series", index=True),
        sa.Column("data_revision", sa.Integer, nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("report", Json),
        sa.Column("points", sa.LargeBinary),
        sa.Column("panel_revisions", Json),
    )


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Integer, primary_key=True),
        _reference("model_id", "models", index=True),
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


def _schedule_runs() -> None:
    op.create_table(
        "schedule_runs",
        _reference("schedule_id", "schedules", primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("trigger", sa.String(16), nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        # Version and jobs without foreign keys: a run stays when they are deleted.
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


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("events", Json, nullable=False),
        sa.Column("model", sa.String(100)),
        sa.Column("secret", sa.String(200), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("disabled", sa.Text),
        sa.Column("created_at", Timestamp, nullable=False),
    )


def _webhook_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", BIG_ID, primary_key=True),
        _reference("webhook_id", "webhooks", index=True),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", Timestamp, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("delivered_at", Timestamp),
    )
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "due_at"])


def _model_retention() -> None:
    op.create_table(
        "model_retention",
        _reference("model_id", "models", primary_key=True),
        sa.Column("rules", Json, nullable=False),
    )


def _retention_nights() -> None:
    op.create_table(
        "retention_nights",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("began_at", Timestamp, nullable=False),
    )


def _folded_scores() -> None:
    op.create_table(
        "folded_scores",
        _reference("version_id", "model_versions", primary_key=True),
        _reference("series_id", "series", primary_key=True, index=True),
        sa.Column("target", sa.String(100), primary_key=True),
        sa.Column("lead", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("code", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sums", Json, nullable=False),
    )


def _exchange_calendars() -> None:
    op.create_table(
        "exchange_calendars",
        sa.Column("code", sa.String(20), primary_key=True),
        sa.Column("library_version", sa.String(40), nullable=False),
        sa.Column("read_at", Timestamp, nullable=False),
        sa.Column("hours", Json, nullable=False),
    )
