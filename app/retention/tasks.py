"""The handler of `clean`: delete what the policies do not keep; an interrupted run is repeated."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database_retry import retry_until_available
from app.db import Database, utc_now
from app.jobs.task import Publish, Task, publish_result
from app.registry.tables import Model
from app.retention import ended_jobs, old_audit
from app.retention.cleaning import Cleaner
from app.settings import Settings, get_settings

MODEL_KINDS = ("forecasts", "scores", "states", "versions")
JOB_KINDS = ("jobs", "job_events", "job_checkpoints", "audit_entries")


def clean_models(task: Task) -> Publish:
    """Clean one model, or all of them; the result counts what this attempt deleted."""
    return publish_result(
        clean(
            task.database,
            get_settings(),
            task.attempt.subject["model"],
            lambda fraction: task.report(phase="cleaning", fraction=fraction),
        )
    )


def clean(
    database: Database, settings: Settings, model: str | None, notify: Callable[[float], None]
) -> dict[str, Any]:
    """Clean one model, or all models and the jobs that ended long ago.

    Returns:
        The job's result: how many of each kind were deleted, and the duration in seconds.
    """
    started = time.monotonic()
    models = _models(database, model)
    deleted: Counter[str] = Counter()
    for done, model_id in enumerate(models):
        report_progress = partial(_report_progress, notify, done, len(models))
        cleaner = Cleaner(database, settings, report_progress)
        cleaner.clean(model_id)
        deleted += cleaner.deleted
    if model is None:
        deleted += _clean_jobs(database, settings)
    names = MODEL_KINDS if model is not None else (*MODEL_KINDS, *JOB_KINDS)
    return {
        "model": model,
        "deleted": {name: deleted[name] for name in names},
        "seconds": round(time.monotonic() - started, 3),
    }


def _report_progress(notify: Callable[[float], None], done: int, models: int, share: float) -> None:
    notify((done + share) / models)


def _models(database: Database, name: str | None) -> list[int]:
    statement = sa.select(Model.id).order_by(Model.name)
    if name is not None:
        statement = statement.where(Model.name == name)
    with database.reading() as session:
        return list(session.scalars(statement))


def _clean_jobs(database: Database, settings: Settings) -> Counter[str]:
    """Delete events, checkpoints, jobs and entries of the audit in batches."""
    now = utc_now()
    works = {
        "job_events": partial(ended_jobs.delete_events, now=now),
        "job_checkpoints": partial(ended_jobs.delete_checkpoints, now=now),
    }
    if settings.retention_jobs_days:
        before = now - timedelta(days=settings.retention_jobs_days)
        works["jobs"] = partial(ended_jobs.delete_jobs, before=before)
    if settings.retention_audit_days:
        before = now - timedelta(days=settings.retention_audit_days)
        works["audit_entries"] = partial(old_audit.delete_entries, before=before)
    deleted: Counter[str] = Counter()
    for name, work in works.items():
        while count := _transaction(database, work):
            deleted[name] += count
    return deleted


def _transaction(database: Database, work: Callable[[Session], int]) -> int:
    def once() -> int:
        with database.transaction() as session:
            return work(session)

    return retry_until_available(once, threading.Event())
