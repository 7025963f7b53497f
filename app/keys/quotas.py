"""What a project may use: rows a day, queued jobs, stored bytes; judged from the database.

The figures of rows and bytes are up to `ROWS_SECONDS` and `BYTES_SECONDS` old: a project can pass
its limit by what it writes meanwhile, and a write does not pay for a count.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.access.acting import acting_for
from app.access.scopes import Access
from app.db import Database, utc_now
from app.errors import ByteLimitReached, JobLimitReached, RowLimitReached
from app.jobs.tables import Job, JobState
from app.keys.rates import waiting
from app.registry.tables import Bundle, Model, ModelVersion
from app.series.tables import KeptFile, Series, SeriesRevision
from app.settings import Settings

ROWS_SECONDS = 10.0
BYTES_SECONDS = 60.0
# When to ask again whether there is room.
JOBS_WAIT_SECONDS = 30
BYTES_WAIT_SECONDS = 3600
# A stored row without its values: key, revision and the database's own bytes.
ROW_BYTES = 40
VALUE_BYTES = 8


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a day, counted up to a revision's time."""

    day: datetime
    until: datetime
    rows: int
    read_at: float


class Quotas:
    """Refuses writes and jobs of a project that has reached a limit."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._rows: dict[str, _Rows] = {}
        self._bytes: dict[str, tuple[int, float]] = {}

    async def check(self, project: str, access: Access) -> None:
        """Check the limits that an operation can reach.

        Raises:
            RowLimitReached, ByteLimitReached, JobLimitReached: If one is reached.
        """
        if access.writes_rows:
            if self._settings.limit_rows_per_day:
                await self._check_rows(project)
            if self._settings.limit_bytes:
                await self._check_bytes(project)
        elif access.queues_job and self._settings.limit_queued_jobs:
            await run_in_threadpool(self._check_jobs, project)

    async def _check_rows(self, project: str) -> None:
        found = self._rows.get(project)
        if found is None or time.monotonic() - found.read_at > ROWS_SECONDS:
            found = await run_in_threadpool(self._count_rows, project, found)
            self._rows[project] = found
        most, now = self._settings.limit_rows_per_day, utc_now()
        if found.day != _day(now) or found.rows < most:
            return
        seconds = int((_day(now) + timedelta(days=1) - now).total_seconds()) + 1
        message = (
            f"The project {project!r} has written {found.rows} rows since midnight UTC, and may "
            f"write {most} a day: send the rest tomorrow."
        )
        raise RowLimitReached(message, headers=waiting(most, seconds))

    def _count_rows(self, project: str, before: _Rows | None) -> _Rows:
        """The rows of today; those that were counted before are not read again."""
        day = _day(utc_now())
        if before is None or before.day != day:
            before = _Rows(day, day, 0, 0.0)
        read_at = time.monotonic()
        row = self._database.first(_ROWS, {"project": project, "after": before.until})
        rows, until = (0, None) if row is None else row
        return _Rows(day, until or before.until, before.rows + rows, read_at)

    async def _check_bytes(self, project: str) -> None:
        size, read_at = self._bytes.get(project, (0, -BYTES_SECONDS))
        if time.monotonic() - read_at > BYTES_SECONDS or project not in self._bytes:
            read_at = time.monotonic()
            size = await run_in_threadpool(self._count_bytes, project)
            self._bytes[project] = size, read_at
        most = self._settings.limit_bytes
        if size < most:
            return
        message = (
            f"The project {project!r} stores {size} bytes, and may store {most}: delete series or "
            "models."
        )
        raise ByteLimitReached(message, headers=waiting(most, BYTES_WAIT_SECONDS))

    def _count_bytes(self, project: str) -> int:
        with acting_for(project), self._database.reading() as session:
            return stored_bytes(session)

    def _check_jobs(self, project: str) -> None:
        row = self._database.first(_QUEUED, {"project": project})
        queued = 0 if row is None else row[0]
        most = self._settings.limit_queued_jobs
        if queued < most:
            return
        message = (
            f"The project {project!r} has {queued} jobs in the queue, and may have {most}: wait "
            "until some have started, or cancel some."
        )
        raise JobLimitReached(message, headers=waiting(most, JOBS_WAIT_SECONDS))


def stored_bytes(session: Session) -> int:
    """The size of rows, bundles and waiting files of a project; past values are not counted."""
    of_series = sa.select(Series.rows, Series.channels)
    rows: int = sum(
        row.rows * (ROW_BYTES + VALUE_BYTES * len(row.channels))
        for row in session.execute(of_series)
    )
    bundles = (
        sa.select(sa.func.sum(sa.func.length(Bundle.content)))
        .join(ModelVersion, ModelVersion.id == Bundle.version_id)
        .join(Model, Model.id == ModelVersion.model_id)
    )
    files = sa.select(sa.func.sum(KeptFile.size_bytes)).join(Job, Job.id == KeptFile.job_id)
    return rows + sum(int(session.scalar(each) or 0) for each in (bundles, files))


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


_ROWS = (
    sa.select(
        sa.func.coalesce(sa.func.sum(SeriesRevision.rows_stored + SeriesRevision.rows_updated), 0),
        sa.func.max(SeriesRevision.created_at),
    )
    .join(Series, Series.id == SeriesRevision.series_id)
    .where(
        Series.project == sa.bindparam("project"),
        SeriesRevision.created_at > sa.bindparam("after", type_=SeriesRevision.created_at.type),
    )
)
# The trials of a study are not counted: the study limits them.
_QUEUED = (
    sa.select(sa.func.count())
    .select_from(Job)
    .where(
        Job.project == sa.bindparam("project"),
        Job.state == JobState.QUEUED,
        Job.parent_id.is_(None),
    )
)
