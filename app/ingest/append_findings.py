"""Findings about rows that are added to a series: finer than it, or read by another clock."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import to_microseconds
from app.parsing.findings import Findings, Issue
from app.parsing.reader import Table
from app.parsing.times.formats import EPOCH_UNITS
from app.series.tables import Series, Upload
from app.series.write import Written
from models.calendars.cadence import Cadence

# A shorter usual step is not jitter.
FINER_SHARE = 0.75
LEAST_ROWS = 3


@dataclass(frozen=True, slots=True)
class SeriesBefore:
    """A series before an upload is stored, and how its last upload was read.

    Args:
        cadence: The usual step.
        first: The first row's time in microseconds; None if the series is empty.
        last: That of the last row.
        revision: The revision.
        timezone: The zone in which the last upload's times were read, else that of the series.
        series_timezone: That of the series.
        times: The last upload's parameter `times`.
    """

    cadence: str | None
    first: int | None
    last: int | None
    revision: int
    timezone: str
    series_timezone: str
    times: str | None

    @classmethod
    def of(cls, session: Session, series: Series, new: Upload) -> Self:
        """The series as it is stored, before the rows of a new upload."""
        upload = _last_upload(session, series, new) if series.first_time else None
        report: dict[str, Any] = upload.report if upload else {}
        return cls(
            series.cadence,
            to_microseconds(series.first_time) if series.first_time else None,
            to_microseconds(series.last_time) if series.last_time else None,
            series.revision,
            report.get("dialect", {}).get("timezone") or series.timezone,
            series.timezone,
            upload.parameters.get("times") if upload else None,
        )


def _last_upload(session: Session, series: Series, new: Upload) -> Upload | None:
    statement = sa.select(Upload).where(Upload.series_id == series.id, Upload.id < new.id)
    return session.scalars(statement.order_by(Upload.id.desc()).limit(1)).first()


def append_findings(
    before: SeriesBefore, table: Table, parameters: dict[str, Any], written: Written
) -> list[Issue]:
    """What a reader of the series should know about the rows that an upload added.

    Args:
        before: The series before.
        table: What was read.
        parameters: What the sender said.
        written: What was stored.
    """
    if before.first is None or before.last is None:
        return []
    findings = Findings()
    _report_finer(before, before.first, table, findings)
    _report_other_reading(
        before, before.last, table, parameters=parameters, written=written, findings=findings
    )
    return findings.issues


def _report_finer(before: SeriesBefore, first: int, table: Table, findings: Findings) -> None:
    """Report rows whose usual step is shorter than that of the series."""
    if before.cadence is None or len(table.times) < LEAST_ROWS:
        return
    cadence = Cadence.parse(before.cadence)
    step = float(np.median(np.diff(table.times))) / 1e6
    if step >= FINER_SHARE * cadence.approximate_seconds:
        return
    off = (table.times - first) % cadence.count != 0 if cadence.fixed else table.times == first
    count = int(off.sum()) or len(table.times)
    message = (
        f"The rows are {step:g} s apart, and the series' cadence was {before.cadence}: {count} "
        "rows lie between its steps. If they are of another series, restore revision "
        f"{before.revision} and upload them under another name."
    )
    findings.report("finer_rows", message, count)


def _report_other_reading(
    before: SeriesBefore,
    last: int,
    table: Table,
    *,
    parameters: dict[str, Any],
    written: Written,
    findings: Findings,
) -> None:
    """Report rows read as other ends of intervals, or over stored ones in another zone."""
    over = int((table.times <= last).sum())
    zone = table.dialect["timezone"]
    # The file's own clock says its instants, whatever was read before.
    is_given = zone in (parameters.get("timezone"), before.series_timezone)
    now = (zone if is_given else before.timezone, parameters.get("times"))
    earlier = (before.timezone, before.times)
    formats = table.dialect["timestamp_format"]
    is_same_end = now[1] == earlier[1]
    is_same_zone = now[0] == earlier[0] or _have_offsets(formats) or not over
    if is_same_end and is_same_zone:
        return
    message = (
        f"The times were read with {_shown(*now)}, and those of the rows before with "
        f"{_shown(*earlier)}: {over} rows lie at or before the last of these, and "
        f"{written.rows_updated} stored rows got other values. If that is not right, restore "
        f"revision {before.revision} and upload with {_shown(*earlier)}."
    )
    findings.report("other_reading", message, over or len(table.times))


def _have_offsets(formats: list[str]) -> bool:
    return all("%z" in form or form in EPOCH_UNITS for form in formats)


def _shown(timezone: str, times: str | None) -> str:
    return f"`timezone={timezone}`" + (f" and `times={times}`" if times else "")
