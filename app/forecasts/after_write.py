"""The steps that follow a write to a series, in the write's own transaction."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import app.live.states as live
import app.scores.service as scores
from app.db import MICROSECOND, from_microseconds
from app.errors import ServiceError
from app.forecasts import issuing
from app.forecasts.issuing import ForecastSource
from app.instruments.work import STATE_STEP_SECONDS, WRITE_FORECAST_SECONDS
from app.live import storage as state_storage
from app.live.checkpoints import NotFinite
from app.live.states import CurrentState
from app.registry.forecaster_cache import forecasters
from app.scores.watchers import Watcher, watchers
from app.series.tables import Series
from app.series.write import Written
from app.times import to_numpy, to_wire
from app.webhooks import service as webhooks
from app.webhooks.service import WebhookEvent
from models.errors import ForecastingError
from models.serving.batching import run_one

logger = logging.getLogger(__name__)


def after_write(session: Session, series: Series, written: Written) -> list[dict[str, Any]]:
    """Score earlier forecasts, advance the states of deployed versions, forecast, notify.

    The caller holds the series' lock and commits everything together with the observations. A
    version that cannot forecast never fails the write: its entry has the error.

    Returns:
        One entry for each deployed version: id, model, version, series, origin, aliases, error.
    """
    # Before its first revision a series had no rows that a version could learn or forecast.
    if not len(written.changed) or written.revision == 1:
        return []
    span = ChangedSpan.of(written)
    concerned = watchers(session, series, span.after)
    if not concerned:
        return []
    scores.score(session, series, concerned, after=span.after, until=span.last)
    entries = [
        _advance_and_issue(session, series, version, span.first)
        for version in concerned
        if version.aliases
    ]
    _notify(session, entries)
    return entries


@dataclass(frozen=True, slots=True)
class ChangedSpan:
    """The times that a write changed.

    Args:
        first: The first changed row.
        last: The last changed row.
        after: Steps later than this may have changed. A new row also completes steps before it, so
            `after` is at most the time of the last row before the write.
    """

    first: datetime
    last: datetime
    after: datetime

    @classmethod
    def of(cls, written: Written) -> Self:
        """The span of a write with at least one changed row."""
        first, last = (from_microseconds(written.changed[row]) for row in (0, -1))
        after = first - MICROSECOND
        if written.last_before is not None:
            after = min(after, written.last_before)
        return cls(first, last, after)


def _advance_and_issue(
    session: Session, series: Series, version: Watcher, changed: datetime
) -> dict[str, Any]:
    """The entry of a deployed version: its stored forecast, or the error."""
    result: dict[str, Any] = {"id": None, "origin": None, "error": None}
    try:
        state = _advance_state(session, series, version, changed)
        result |= _issue_forecast(session, series, version, state)
    except SQLAlchemyError:
        raise
    except (ForecastingError, ServiceError) as error:
        result["error"] = str(error)
    except Exception:
        logger.exception("version %d of %r failed on an append", version.number, version.model)
        result["error"] = "An unexpected error happened and was logged."
    return {
        **result,
        "model": version.model,
        "version": version.number,
        "series": series.name,
        "aliases": list(version.aliases),
    }


@STATE_STEP_SECONDS.time()
def _advance_state(
    session: Session, series: Series, version: Watcher, changed: datetime
) -> CurrentState:
    """The version's state after the last complete step; replayed if earlier rows changed."""
    forecaster = forecasters.get_trained(session, version.version_id, version.job_id)
    try:
        return run_one(
            live.current_state(session, forecaster, version.kept, series, changed_last=changed)
        )
    except NotFinite as failure:
        state_storage.keep_failure(session, version.version_id, series, failure)
        raise


@WRITE_FORECAST_SECONDS.time()
def _issue_forecast(
    session: Session, series: Series, version: Watcher, state: CurrentState
) -> dict[str, Any]:
    """Store the forecast from a state, and the state itself even if the forecast fails."""
    source = ForecastSource(version.version_id, version.number, version.model)
    try:
        issued = run_one(issuing.issue_from(session, source, series, state))
    except (ForecastingError, ServiceError):
        state_storage.keep_state(session, version.version_id, series.id, state)
        raise
    stored = issuing.store(session, issued)
    return {"id": stored.key, "origin": issued.origin}


def _notify(session: Session, entries: Iterable[dict[str, Any]]) -> None:
    """Store a webhook event for each new forecast."""
    issued = [entry for entry in entries if entry["id"] is not None]
    webhooks.emit(session, *(_forecast_issued(entry) for entry in issued))


def _forecast_issued(entry: dict[str, Any]) -> WebhookEvent:
    data = {name: entry[name] for name in ("id", "version", "series", "aliases")}
    origin = to_wire(to_numpy(entry["origin"]))
    return WebhookEvent("forecast.issued", entry["model"], {**data, "origin": origin})
