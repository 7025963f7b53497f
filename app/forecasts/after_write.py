"""What a write to a series sets off, in its transaction: scores, states and forecasts."""

import logging
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import app.live.states as live
import app.scores.service as scores
from app.db import EPOCH, MICROSECOND
from app.errors import ServiceError
from app.forecasts import issuing
from app.forecasts.issuing import Source
from app.live.checkpoints import NotFinite
from app.registry.artefacts import forecasters
from app.scores.watchers import Watcher, watchers
from app.series.tables import Series
from app.series.writing import Written
from app.times import to_numpy, to_wire
from app.webhooks import service as webhooks
from app.webhooks.service import Happening
from models.errors import ForecastingError

logger = logging.getLogger(__name__)


def after_write(session: Session, series: Series, written: Written) -> list[dict[str, Any]]:
    """Score earlier forecasts, advance the states of deployed versions and forecast.

    The caller holds the series' lock, and commits all of it together with the observations. A
    version that cannot forecast never fails the write: its entry says why.

    Returns:
        One entry for each deployed version: id, model, version, series, origin, aliases, error.
    """
    if not len(written.changed):
        return []
    first, last = (_moment(written.changed[place]) for place in (0, -1))
    after = first - MICROSECOND
    if written.last_before is not None:
        # A new observation also completes the steps before it.
        after = min(after, written.last_before)
    concerned = watchers(session, series, after)
    if not concerned:
        return []
    scores.score(session, series, concerned, after=after, until=last)
    entries = [_entry(session, series, each, first) for each in concerned if each.aliases]
    webhooks.emit(session, *(_happening(each) for each in entries if each["id"] is not None))
    return entries


def _happening(entry: dict[str, Any]) -> Happening:
    told = ("id", "version", "series", "aliases")
    origin = to_wire(to_numpy(entry["origin"]))
    return Happening(
        "forecast.issued",
        entry["model"],
        {**{name: entry[name] for name in told}, "origin": origin},
    )


def _moment(microseconds: Any) -> datetime:
    return EPOCH + int(microseconds) * MICROSECOND


def _entry(session: Session, series: Series, watcher: Watcher, changed: datetime) -> dict[str, Any]:
    """A version's forecast, or the sentence that says why there is none."""
    found: dict[str, Any] = {"id": None, "origin": None, "error": None}
    try:
        found |= _forecast(session, series, watcher, changed)
    except SQLAlchemyError:
        raise
    except (ForecastingError, ServiceError) as error:
        found["error"] = str(error)
    except Exception:
        logger.exception("version %d of %r failed on an append", watcher.number, watcher.model)
        found["error"] = "An unexpected error happened and was logged."
    return {
        **found,
        "model": watcher.model,
        "version": watcher.number,
        "series": series.name,
        "aliases": list(watcher.aliases),
    }


def _forecast(
    session: Session, series: Series, watcher: Watcher, changed: datetime
) -> dict[str, Any]:
    source = Source(watcher.version_id, watcher.number, watcher.model)
    forecaster = forecasters.get_trained(session, watcher.version_id, watcher.job_id)
    try:
        current = live.current_state(
            session, forecaster, watcher.kept, series, changed_last=changed
        )
    except NotFinite as failure:
        live.keep_failure(session, watcher.version_id, series, failure)
        raise
    try:
        issued = issuing.issue_from(session, source, series, current)
    except (ForecastingError, ServiceError):
        # The state has read on all the same.
        live.keep_state(session, watcher.version_id, series.id, current)
        raise
    stored = issuing.store(session, issued)
    return {"id": stored.key, "origin": issued.origin}
