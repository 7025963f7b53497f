"""Describe the quality of a stored series: gaps, missing values, suspect numbers, broken bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.calendars.service import hours_of
from app.db import finite_or_none
from app.parsing.finding_codes import CODES
from app.parsing.findings import Findings, Issue
from app.parsing.values import bars
from app.quality.checks import check_values
from app.quality.clock_changes import rows_before_changes
from app.quality.sample import Finding, Sample
from app.series.gaps import Gaps, describe_gaps
from app.series.quality_schemas import (
    CadenceEvidenceRead,
    ChannelQuality,
    FindingRead,
    GapRead,
    GapsDetail,
    QualityRead,
    StoredExample,
)
from app.series.sessions import describe_sessions
from app.series.storage import row_reader
from app.series.storage.row_reader import StoredRows
from app.series.tables import Series, Upload
from app.times import to_wire
from models.arrays import Times

LISTED_GAPS = 20
LISTED_BARS = 100
EXAMPLES = 5
# Findings about rows of uploads that were not stored, and the sentence after their number.
DUPLICATES = {
    "duplicate_rows": "rows repeated another row of their file",
    "conflicting_rows": "rows had the time of a later row of their file and other values",
}
STORED_BARS = "kept as it is: correct the prices, or delete the rows"


def describe(session: Session, series: Series) -> QualityRead:
    """Describe the quality of a series at its present revision."""
    rows = row_reader.read_rows(session, series.id, len(series.channels))
    names = [channel["name"] for channel in series.channels]
    times, hours = rows.times.view("datetime64[us]"), hours_of(session, series.calendar)
    gaps = describe_gaps(times, series.timezone, hours)
    findings = Findings()
    sessions = describe_sessions(series, times, hours, findings)
    uploads = _upload_findings(session, series)
    broken = _broken_bars(series, names, rows)
    return QualityRead(
        revision=series.revision,
        rows=len(rows),
        cadence=_evidence(series, gaps),
        gaps=_gaps(series, times, gaps),
        sessions=sessions,
        channels=[_channel(name, rows.values[:, n]) for n, name in enumerate(names)],
        duplicates=uploads.duplicates,
        quarantined=uploads.quarantined,
        ohlc_violations=sum(finding.count for finding in broken),
        issues=[
            *uploads.findings,
            *broken,
            *_value_findings(series, names, rows),
            *map(_without_examples, findings.issues),
        ],
    )


def _gaps(series: Series, times: Times, gaps: Gaps) -> GapsDetail:
    before_changes = times[rows_before_changes(times, series.timezone)[1]]
    changes = {to_wire(time) for time in before_changes}
    return GapsDetail(
        **gaps.summary(),
        clock_changes=len(changes),
        items=[
            GapRead(**gap, clock_change=gap["after"] in changes)
            for gap in gaps.longest(LISTED_GAPS)
        ],
    )


def _value_findings(series: Series, names: list[str], rows: StoredRows) -> list[FindingRead]:
    sample = Sample(
        names,
        rows.times.view("datetime64[us]"),
        rows.values,
        timezone=series.timezone,
        is_market=series.kind == "ohlc",
        known={channel["name"]: channel for channel in series.channels},
    )
    return [_finding(sample, found) for found in check_values(sample)]


def _finding(sample: Sample, found: Finding) -> FindingRead:
    examples = [
        StoredExample(
            time=to_wire(sample.times[row]),
            channel=None if column is None else sample.names[column],
            value=None if column is None else finite_or_none(float(sample.values[row, column])),
        )
        for row, column in found.places
    ]
    return FindingRead(
        code=found.code,
        message=found.message,
        count=found.count,
        examples=examples,
        action=CODES[found.code].action,
        suggestion=found.suggestion,
    )


def _without_examples(issue: Issue) -> FindingRead:
    return FindingRead(
        code=issue.code,
        message=issue.message,
        count=issue.count,
        examples=[],
        action=issue.action,
        suggestion=issue.suggestion,
    )


def _evidence(series: Series, gaps: Gaps) -> CadenceEvidenceRead:
    return CadenceEvidenceRead(
        cadence=series.cadence,
        source="given" if series.cadence_is_given else "inferred",
        inferred=gaps.cadence,
        share=gaps.evidence.share,
        steps=gaps.evidence.steps,
    )


def _channel(name: str, values: npt.NDArray[np.float64]) -> ChannelQuality:
    present = values[~np.isnan(values)]
    lowest, highest = (
        (float(present.min()), float(present.max())) if len(present) else (np.nan, np.nan)
    )
    return ChannelQuality(
        name=name,
        missing=len(values) - len(present),
        constant=len(present) > 1 and lowest == highest,
        minimum=finite_or_none(lowest),
        maximum=finite_or_none(highest),
        longest_flat_run=_longest_flat_run(values),
    )


def _longest_flat_run(values: npt.NDArray[np.float64]) -> int:
    if not len(values):
        return 0
    changes = np.flatnonzero(np.diff(values) != 0)
    bounds = np.concatenate([[-1], changes, [len(values) - 1]])
    return int(np.diff(bounds).max())


@dataclass(frozen=True, slots=True)
class _UploadFindings:
    """Rows of the uploads that were not stored, from their reports."""

    duplicates: int
    quarantined: int
    findings: list[FindingRead]


def _upload_findings(session: Session, series: Series) -> _UploadFindings:
    reports = session.scalars(
        sa.select(Upload.report).where(Upload.series_id == series.id).order_by(Upload.id)
    ).all()
    return _UploadFindings(
        sum(report["rows_duplicate"] for report in reports),
        sum(report["rows_quarantined"] for report in reports),
        [found for code in DUPLICATES if (found := _over_uploads(code, reports)) is not None],
    )


def _over_uploads(code: str, reports: Sequence[dict[str, Any]]) -> FindingRead | None:
    """One finding over all uploads that reported the code."""
    issues = [
        (report["id"], issue)
        for report in reports
        for issue in report["issues"]
        if issue["code"] == code
    ]
    if not issues:
        return None
    count = sum(issue["count"] for _, issue in issues)
    examples = [
        StoredExample(upload=upload, line=example["line"], text=example["text"])
        for upload, issue in issues
        for example in issue["examples"]
    ]
    return FindingRead(
        code=code,
        message=f"{count} {DUPLICATES[code]}, in {len(issues)} uploads.",
        count=count,
        examples=examples[:EXAMPLES],
        action=CODES[code].action,
        suggestion=None,
    )


def _broken_bars(series: Series, names: list[str], rows: StoredRows) -> list[FindingRead]:
    """Stored bars with impossible prices: channels written one by one are not checked as bars."""
    if series.kind != "ohlc" or not set(bars.PRICES) <= set(names):
        return []
    broken = np.flatnonzero(bars.broken_bars(names, rows.values))
    if not len(broken):
        return []
    examples = [
        StoredExample(
            time=to_wire(rows.times[row : row + 1].view("datetime64[us]")[0]),
            text=bars.describe(names, rows.values[row]),
        )
        for row in broken[:LISTED_BARS]
    ]
    return [
        FindingRead(
            code="ohlc_violation",
            message=f"{len(broken)} rows are not valid bars: {CODES['ohlc_violation'].meaning}.",
            count=len(broken),
            examples=examples,
            action=STORED_BARS,
            suggestion=None,
        )
    ]
