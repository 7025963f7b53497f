"""Queue the nightly cleaning: once a night, by the first worker that checks."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access.acting import DEFAULT_PROJECT, acting_for
from app.db import Database, insert_or_ignore, utc_now
from app.jobs.tables import Job
from app.registry.tables import Model
from app.retention.service import request_clean
from app.retention.tables import RetentionNight
from app.settings import Settings

ONLY_ROW = 1


def clean_nightly(database: Database, settings: Settings) -> None:
    """Queue the cleaning if it was not queued since the latest night began.

    After a week without workers it is queued once. A new service starts with the next night.
    """
    night = last_night(utc_now(), settings.retention_hour_utc)
    with database.reading() as session:
        row = session.get(RetentionNight, ONLY_ROW)
        if row is not None and row.began_at >= night:
            return
    with database.transaction() as session:
        if _claim(session, night):
            for project in _projects(session):
                with acting_for(project):
                    request_clean(session, None)


def _projects(session: Session) -> list[str]:
    """The projects that have anything to clean; at least the default one."""
    found = sa.union(sa.select(Model.project), sa.select(Job.project))
    return sorted({DEFAULT_PROJECT, *session.scalars(found)})


def last_night(now: datetime, hour_utc: int) -> datetime:
    """The latest moment that is not later than `now` and at which a night began."""
    today = now.replace(hour=hour_utc, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def _claim(session: Session, night: datetime) -> bool:
    """Whether the caller queues the cleaning: one of several concurrent updates succeeds."""
    claim = (
        sa.update(RetentionNight)
        .where(RetentionNight.id == ONLY_ROW, RetentionNight.began_at < night)
        .values(began_at=night)
        .returning(RetentionNight.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(claim) is not None:
        return True
    insert_or_ignore(session, RetentionNight, id=ONLY_ROW, began_at=night)
    return False
