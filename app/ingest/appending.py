"""An append: look at its rows, hold implausible ones if the series wants that, store the others."""

from dataclasses import dataclass
from typing import Any

from app.db import Database
from app.forecasts.after_write import after_write
from app.ingest import held_rows
from app.ingest.plausibility import recent_cache
from app.ingest.plausibility.checking import RowIssue, check
from app.ingest.plausibility.recent import Recent
from app.instruments.work import APPEND_SECONDS
from app.series import observations
from app.series.changes import Batch
from app.series.observation_schemas import ObservationsWrite
from app.series.service import lock_series
from app.series.tables import Series
from app.series.write import Written, write_batch


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append stored, the forecasts that it caused, and the issues of its rows."""

    written: Written
    forecasts: list[dict[str, Any]]
    issues: list[RowIssue]
    rows_held: int


@APPEND_SECONDS.time()
def append(database: Database, name: str, request: ObservationsWrite) -> Appended:
    """Store the rows of a request in one transaction.

    Raises:
        SeriesNotFound: If the series does not exist.
        Invalid: With a pointer to each field that cannot be stored.
        ChannelsDiffer, ChannelsMissing: If the columns are not the channels of the series.
    """
    with database.transaction() as session:
        series = lock_series(session, name)
        batch = observations.read_batch(series, request)
        recent = recent_cache.recent_of(session, series)
        issues = check(session, series, batch, recent)
        stored = batch
        if series.implausible == "hold":
            stored = held_rows.hold(session, series, batch, issues)
        written = Written.nothing(series)
        if len(stored.times):
            written = write_batch(session, series, stored, source="put")
        forecasts = after_write(session, series, written)
    _remember(series, recent, stored, written, is_forecast=bool(forecasts))
    return Appended(written, forecasts, issues, len(batch.times) - len(stored.times))


def _remember(
    series: Series, recent: Recent | None, batch: Batch, written: Written, *, is_forecast: bool
) -> None:
    """Cache what is known of the series for its next append, after the commit."""
    if recent is None:
        return
    if len(written.changed):
        recent = recent.after(series, batch, is_forecast=is_forecast)
    recent_cache.cache.put(series, recent)
