"""Whether a database is empty, so that a backup can be restored into it."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.backup.errors import BackupError
from app.backup.format import OF_PROCESSES, quoted
from app.jobs import queue, workers

# What a worker of a new service stores by itself; a restore replaces it.
OF_IDLE_SERVICE = frozenset({"exchange_calendars", "retention_nights"})


def require_empty(session: Session, new: dict[str, int]) -> None:
    """Refuse a database with more rows than a new one has, or with workers that are alive.

    Raises:
        BackupError: If it is one; nothing was changed.
    """
    connection = session.connection()
    present = set(sa.inspect(connection).get_table_names())
    for name in sorted(present & new.keys() - OF_PROCESSES - OF_IDLE_SERVICE):
        found = connection.scalar(sa.text(f"SELECT count(*) FROM {quoted(name)}"))
        if found > new[name]:
            raise _not_empty(connection, f"{name} has {found} row(s)")
    entries = queue.count_entries(connection)
    if entries:
        raise _not_empty(connection, f"its queue has {entries} job(s)")
    if "workers" in present and workers.live_executors(session):
        raise BackupError(
            "A worker is running on the database: stop the service, then restore the backup."
        )


def _not_empty(connection: sa.Connection, why: str) -> BackupError:
    shown = connection.engine.url.render_as_string(hide_password=True)
    return BackupError(
        f"The database {shown} is not empty: {why}. Name an empty or new one in "
        "STATECAST_DATABASE_URL; nothing was changed."
    )
