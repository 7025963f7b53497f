"""Check all champions for drift, and notify webhooks once when one starts to drift."""

import logging

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.access.acting import acting_for
from app.db import Database, insert_or_ignore, utc_now
from app.drift.service import Drift, DriftFinding, Thresholds
from app.drift.tables import DriftWatch
from app.registry.queries import CHAMPION
from app.registry.tables import Alias, Model, ModelVersion, VersionSeries
from app.series.tables import Series
from app.settings import Settings
from app.webhooks import service as webhooks
from app.webhooks.service import WebhookEvent

logger = logging.getLogger(__name__)

CHECKED_AT_ONCE = 500
# Lower than the revision of any series.
NEVER = -1


def watch_drift(database: Database, settings: Settings) -> None:
    """Check every champion on each of its series that has changed since the last check."""
    with database.reading() as session:
        changed = _changed(session)
    for version_id, series_id, project in changed:
        with acting_for(project):
            _check(database, version_id, series_id, Thresholds.of(settings))


def store_findings(
    session: Session,
    version: ModelVersion,
    series: Series,
    revision: int,
    found: list[DriftFinding] | None,
) -> None:
    """Store whether a version has drifted, and notify webhooks if it has started to.

    Workers may check at the same time. The row's lock orders them, and the result of the later
    revision counts. With `found` None only the revision is stored.
    """
    key = {"version_id": version.id, "series_id": series.id}
    insert_or_ignore(session, DriftWatch, **key, revision=NEVER, drifted=False)
    watch = session.get_one(DriftWatch, (version.id, series.id), with_for_update=True)
    if watch.revision >= revision:
        return
    watch.revision = revision
    if found is None or watch.drifted == bool(found):
        return
    watch.drifted, watch.changed_at = bool(found), utc_now()
    if found:
        webhooks.emit(session, _happening(session, version, series, found))


def _changed(session: Session) -> list[tuple[int, int, str]]:
    watch = sa.and_(
        DriftWatch.version_id == Alias.version_id,
        DriftWatch.series_id == VersionSeries.series_id,
    )
    statement = (
        sa.select(Alias.version_id, VersionSeries.series_id, Series.project)
        .join(VersionSeries, VersionSeries.version_id == Alias.version_id)
        .join(Series, Series.id == VersionSeries.series_id)
        .outerjoin(DriftWatch, watch)
        .where(
            Alias.name == CHAMPION,
            sa.func.coalesce(DriftWatch.revision, NEVER) < Series.revision,
        )
        .limit(CHECKED_AT_ONCE)
    )
    return [(row[0], row[1], row[2]) for row in session.execute(statement)]


def _check(database: Database, version_id: int, series_id: int, limits: Thresholds) -> None:
    with database.reading() as session:
        version, series = session.get(ModelVersion, version_id), session.get(Series, series_id)
        if version is None or series is None:
            return
        found = _findings(session, version, series, limits)
    with database.transaction() as session:
        # The version may have been deleted since. The lock keeps it until the commit.
        lock = sa.select(ModelVersion.id).where(ModelVersion.id == version_id)
        if session.scalar(lock.with_for_update(key_share=True, read=True)) is not None:
            store_findings(session, version, series, series.revision, found)


def _findings(
    session: Session, version: ModelVersion, series: Series, limits: Thresholds
) -> list[DriftFinding] | None:
    """What has drifted; None if it cannot be computed, and the next revision is checked again."""
    try:
        return Drift.of(session, version, series).findings(limits)
    except OperationalError:
        raise
    except Exception:  # a version that cannot be checked must not stop the others
        logger.exception("the drift of version %d could not be computed", version.id)
        return None


def _happening(
    session: Session, version: ModelVersion, series: Series, found: list[DriftFinding]
) -> WebhookEvent:
    model = session.get_one(Model, version.model_id)
    findings = [
        {"kind": each.kind, "name": each.name, "value": each.value, "sentence": each.sentence}
        for each in found
    ]
    data = {"version": version.number, "series": series.name, "findings": findings}
    return WebhookEvent("drift.found", model.name, data)
