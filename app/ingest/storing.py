"""Store a table that was read from a file: its rows, its quarantined rows and its report."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.calendars.service import hours_of
from app.forecasts.after_write import after_write
from app.ingest.append_findings import SeriesBefore, append_findings
from app.ingest.upload_requests import UploadRequest
from app.parsing.reader import Table
from app.quality.missing_marks import MissingMarks
from app.series.changes import Batch
from app.series.channels import channels_of_names, require_known, require_units
from app.series.gaps import Gaps, describe_gaps, learnt_week
from app.series.observation_schemas import CausedForecast
from app.series.tables import QuarantinedRow, Series, Upload
from app.series.write import Written, write_batch
from app.times import to_wire


def add_uploads(
    session: Session, series: Iterable[Series], request: UploadRequest, sha256: str
) -> list[Upload]:
    """A row with a key for an upload to each of the series; `store_table` adds the report."""
    rows = [
        Upload(series_id=one.id, sha256=sha256, parameters=request.parameters, report={})
        for one in series
    ]
    session.add_all(rows)
    session.flush()
    return rows


def store_table(
    session: Session,
    series: Series,
    row: Upload,
    table: Table,
    missing: MissingMarks,
    *,
    report_progress: Callable[[int], None] = lambda _: None,
    split: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Store a table in a locked series and return the upload's report; the caller flushes.

    Args:
        session: The caller's transaction.
        series: The series, locked.
        row: The upload.
        table: What was read.
        missing: What means missing, by channel.
        report_progress: Called with the number of rows stored so far.
        split: Which part of a file the table is, if the file holds several series.
    """
    if not series.revision:
        series.channels = channels_of_names(table.channels, series.channels, table.settings)
    require_known(table.channels, series.channels)
    require_units(table.settings, series.channels)
    before = SeriesBefore.of(session, series, row)
    batch = Batch(table.times, table.values, table.channels)
    written = write_batch(
        session, series, batch, source="upload", upload_id=row.id, report_progress=report_progress
    )
    caused = [CausedForecast.model_validate(one) for one in after_write(session, series, written)]
    times, hours = table.times.view("datetime64[us]"), hours_of(session, series.calendar)
    gaps = describe_gaps(times, series.timezone, hours, learnt_week(session, series, times))
    issues = [*table.issues, *append_findings(before, table, row.parameters, written)]
    row.report = {
        **_report(row, table, written, gaps),
        "issues": [asdict(issue) for issue in issues],
        "dialect": {**table.dialect, "missing": missing},
        "forecasts": [one.model_dump(mode="json") for one in caused],
        "series": series.name,
        "split": split,
    }
    _quarantine(session, row, table)
    return row.report


def _report(row: Upload, table: Table, written: Written, gaps: Gaps) -> dict[str, Any]:
    times = table.times.view("datetime64[us]")
    return {
        "id": row.id,
        "sha256": row.sha256,
        "rows_read": table.rows_read,
        "rows_stored": written.rows_stored,
        "rows_updated": written.rows_updated,
        "rows_unchanged": len(times) - written.rows_stored - written.rows_updated,
        "rows_duplicate": table.rows_duplicate,
        "rows_quarantined": len(table.rejected),
        "first": to_wire(times[0]),
        "last": to_wire(times[-1]),
        "cadence": gaps.cadence,
        "gaps": gaps.summary(),
        "revision": written.revision,
    }


def _quarantine(session: Session, row: Upload, table: Table) -> None:
    rows = [
        {"upload_id": row.id, "line": one.line, "reason": one.reason, "text": one.text}
        for one in table.rejected
    ]
    if rows:
        session.execute(sa.insert(QuarantinedRow), rows)
