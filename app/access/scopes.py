"""What a key must be allowed to do for each operation: one table."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key may do; `admin` includes all others."""

    READ = "read"
    """Read everything, and ask for forecasts."""
    WRITE = "write"
    """Create, fill, change and delete series."""
    TRAIN = "train"
    """Train and delete models, search, test, schedule, and cancel jobs."""
    PROMOTE = "promote"
    """Point aliases at versions."""
    ADMIN = "admin"
    """Keys, the audit, webhooks and retention, and all of the above."""


@dataclass(frozen=True, slots=True)
class Access:
    """What an operation needs, and which limits of a project it can reach."""

    scope: Scope
    writes_rows: bool = False
    queues_job: bool = False


READING = Access(Scope.READ)
WRITING = Access(Scope.WRITE)
FILLING = Access(Scope.WRITE, writes_rows=True)
TRAINING = Access(Scope.TRAIN)
QUEUEING = Access(Scope.TRAIN, queues_job=True)
PROMOTING = Access(Scope.PROMOTE)
ADMINISTERING = Access(Scope.ADMIN)

# Below `/v1`. A GET that is not listed needs `read`, anything else `admin`.
OPERATIONS: dict[str, Access] = {
    "POST /series": WRITING,
    "PATCH /series/{name}": WRITING,
    "DELETE /series/{name}": WRITING,
    "POST /series/{name}/uploads": FILLING,
    "POST /uploads:inspect": WRITING,
    "PUT /series/{name}/observations": FILLING,
    "DELETE /series/{name}/observations": WRITING,
    "POST /series/{name}/restore": FILLING,
    "POST /series/{name}/quarantine:confirm": FILLING,
    "POST /series/{name}/quarantine:discard": WRITING,
    # A forecast is an answer, also where the first one who asks for it has it stored.
    "POST /models/{name}/forecasts": READING,
    "POST /forecasts:batch": READING,
    "POST /models": QUEUEING,
    "DELETE /models/{name}": TRAINING,
    "POST /models/{name}/versions/{version}/verify": QUEUEING,
    "POST /models/{name}/checks": QUEUEING,
    "POST /models/{name}/backtests": QUEUEING,
    "POST /models/{name}/schedules": TRAINING,
    "PATCH /models/{name}/schedules/{schedule_id}": TRAINING,
    "DELETE /models/{name}/schedules/{schedule_id}": TRAINING,
    "POST /studies": QUEUEING,
    "DELETE /studies/{study_id}": TRAINING,
    "POST /jobs/{job_id}/cancel": TRAINING,
    "PUT /models/{name}/aliases/{alias}": PROMOTING,
    "DELETE /models/{name}/aliases/{alias}": PROMOTING,
    "POST /models/{name}/aliases/{alias}/rollback": PROMOTING,
    "PUT /models/{name}/retention": ADMINISTERING,
    "POST /models/{name}/retention:clean": ADMINISTERING,
    "POST /retention:clean": ADMINISTERING,
    # The address of a webhook can hold a secret.
    "POST /webhooks": ADMINISTERING,
    "GET /webhooks": ADMINISTERING,
    "GET /webhooks/{webhook_id}": ADMINISTERING,
    "PATCH /webhooks/{webhook_id}": ADMINISTERING,
    "DELETE /webhooks/{webhook_id}": ADMINISTERING,
    "GET /webhooks/{webhook_id}/deliveries": ADMINISTERING,
    "POST /keys": ADMINISTERING,
    "GET /keys": ADMINISTERING,
    "DELETE /keys/{key_id}": ADMINISTERING,
    "POST /keys/{key_id}:rotate": ADMINISTERING,
    "GET /audit": ADMINISTERING,
    # Outside of `/v1`: figures of all projects.
    "GET /metrics": ADMINISTERING,
}


def access_of(method: str, path: str) -> Access:
    """What an operation needs; `path` is its template below `/v1`."""
    asked = "GET" if method == "HEAD" else method
    return OPERATIONS.get(f"{asked} {path}", READING if asked == "GET" else ADMINISTERING)
