"""Keys, projects and the audit: everything that was stored before is in the project `default`."""

import sqlalchemy as sa
from alembic import op

from app.db import Json, Timestamp

revision = "0006_keys"
down_revision = "0005_webhook_secrets"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Their rows find their project by themselves; `series` and `models` are unique by name as well.
OF_PROJECT = ("jobs", "studies", "webhooks")
NAMED = ("series", "models")


def upgrade() -> None:
    for table in OF_PROJECT:
        op.add_column(table, _project())
    for table in NAMED:
        # On SQLite the table is made again, which `app.migrate` prepares.
        with op.batch_alter_table(table) as batch:
            batch.add_column(_project())
            batch.drop_constraint(f"uq_{table}_name", type_="unique")
            batch.create_unique_constraint(f"uq_{table}_project_name", ["project", "name"])
    _idempotency_keys()
    op.create_index("ix_series_revisions_created_at", "series_revisions", ["created_at"])
    _api_keys()
    _audit()


def _project() -> sa.Column[str]:
    return sa.Column("project", sa.String(63), nullable=False, server_default="default")


def _idempotency_keys() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.add_column("idempotency_keys", _project())
        op.drop_constraint("pk_idempotency_keys", "idempotency_keys", type_="primary")
        op.create_primary_key("pk_idempotency_keys", "idempotency_keys", ["project", "key"])
        return
    op.drop_index("ix_idempotency_keys_created_at", "idempotency_keys")
    op.rename_table("idempotency_keys", "idempotency_keys_before")
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("created_at", Timestamp, nullable=False, index=True),
        sa.Column("status", sa.Integer),
        sa.Column("location", sa.String),
        sa.Column("body", sa.Text),
        _project(),
        sa.PrimaryKeyConstraint("project", "key"),
    )
    columns = "key, fingerprint, created_at, status, location, body"
    op.execute(
        f"INSERT INTO idempotency_keys ({columns}) SELECT {columns} FROM idempotency_keys_before"
    )
    op.drop_table("idempotency_keys_before")


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("project", sa.String(63), nullable=False, index=True),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("expires_at", Timestamp),
        sa.Column("last_used_at", Timestamp),
        sa.Column("revoked_at", Timestamp),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("time", Timestamp, nullable=False, index=True),
        _project(),
        sa.Column("key_id", sa.String(16)),
        sa.Column("user", sa.String(200)),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("resource", sa.String(500), nullable=False),
        sa.Column("request_id", sa.String(128)),
    )
    op.create_index("ix_audit_project_id", "audit", ["project", "id"])


def downgrade() -> None:
    raise NotImplementedError("Two projects may have series of one name.")
