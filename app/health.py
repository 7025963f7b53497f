"""Routes of liveness and readiness, for load balancers and people."""

from typing import Literal

import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.dependencies import DatabaseDependency
from app.edge.routing import ServiceRouter
from app.errors import DatabaseOutdated, DatabaseUnavailable
from app.jobs.service import count_waiting_for_gpu
from app.jobs.workers import live_device_kinds
from app.migrate import is_current
from app.problems import OUTDATED, documented
from app.version import VERSION

router = ServiceRouter(tags=["health"])

FULL = (
    "The disk of the database is full: reading works, writes are refused. Delete series, models or "
    "forecasts, or make room on the disk."
)
Missing = Literal["worker", "gpu_worker"]


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"]
    version: str


class Readiness(BaseModel):
    """The service can answer requests; without a worker, jobs wait in the queue."""

    status: Literal["ready"]
    database: Literal["sqlite", "postgresql"]
    migrations: Literal["current"]
    workers: int
    gpu_workers: int
    missing: list[Missing] = Field(
        description="Parts that do not run: `worker`, or `gpu_worker` if a queued job needs one."
    )
    detail: str


@router.get("/healthz")
async def healthz() -> Health:
    """Report that the process is alive."""
    # A coroutine: it needs no thread, and the threads may all be waiting for the database.
    return Health(status="ok", version=VERSION)


@router.get("/readyz", responses=documented(DatabaseUnavailable, DatabaseOutdated))
def readyz(database: DatabaseDependency) -> Readiness:
    """Check the database, its migrations and the workers."""
    if database.is_full():
        raise DatabaseUnavailable(FULL)
    with database.reading() as session:
        _require_current(session)
        kinds = live_device_kinds(session)
        waiting = 0 if "gpu" in kinds else count_waiting_for_gpu(session)
    return Readiness(
        status="ready",
        database="sqlite" if database.is_sqlite else "postgresql",
        migrations="current",
        workers=len(kinds),
        gpu_workers=kinds.count("gpu"),
        missing=_missing(len(kinds), waiting),
        detail=_detail(len(kinds), waiting),
    )


def _require_current(session: Session) -> None:
    session.execute(sa.select(1))
    if not is_current(session.connection()):
        raise DatabaseOutdated(OUTDATED)


def _missing(workers: int, waiting_for_gpu: int) -> list[Missing]:
    if workers == 0:
        return ["worker"]
    return ["gpu_worker"] if waiting_for_gpu else []


def _detail(workers: int, waiting_for_gpu: int) -> str:
    if workers == 0:
        return "No worker is running: forecasts are served, training jobs wait in the queue."
    running = f"{workers} worker{'s' if workers > 1 else ''} running."
    if waiting_for_gpu == 0:
        return running
    jobs = "job asks" if waiting_for_gpu == 1 else "jobs ask"
    return f"{running} {waiting_for_gpu} queued {jobs} for a GPU, and no worker has one."
