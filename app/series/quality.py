"""What is stored, judged: gaps, missing values, flat channels, broken bars, the step."""

from dataclasses import asdict
from typing import Literal

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.calendars.service import hours_of
from app.db import finite_or_none
from app.series import storage
from app.series.gaps import Gaps, describe_gaps
from app.series.reading.bars import PRICES, broken_bars
from app.series.reading.doubts import report_doubts
from app.series.reading.findings import Findings
from app.series.reports import IssueRead
from app.series.sessions import SessionsRead, describe_sessions
from app.series.tables import Series, Upload
from models.series import Values

LISTED_GAPS = 20


class CadenceEvidenceRead(BaseModel):
    """Which step the rows have, and how many of them agree."""

    cadence: str | None
    source: Literal["given", "inferred"]
    inferred: str | None
    share: float
    steps: int


class GapRead(BaseModel):
    """A step longer than the usual one."""

    after: str
    length: str
    seconds: float


class GapsDetail(BaseModel):
    """All gaps counted, the longest listed; nights, week-ends and holidays count as well.

    Where the series' calendar is an exchange's, only rows that are missing in its sessions count.
    """

    count: int
    longest: str | None
    longest_seconds: float
    items: list[GapRead]


class ChannelQuality(BaseModel):
    """A channel's values; `longest_flat_run` counts equal neighbours."""

    name: str
    missing: int
    constant: bool
    minimum: float | None
    maximum: float | None
    longest_flat_run: int


class QualityRead(BaseModel):
    """What is stored in a series, judged."""

    revision: int
    rows: int
    cadence: CadenceEvidenceRead
    gaps: GapsDetail
    sessions: SessionsRead | None
    channels: list[ChannelQuality]
    duplicates: int
    quarantined: int
    ohlc_violations: int
    issues: list[IssueRead]


def describe(session: Session, series: Series) -> QualityRead:
    """Judge a series as it is now."""
    rows = storage.read_rows(session, series.id, len(series.channels))
    names = [channel["name"] for channel in series.channels]
    times, hours = rows.times.view("datetime64[us]"), hours_of(session, series.calendar)
    gaps = describe_gaps(times, series.timezone, hours)
    findings = Findings()
    if len(rows):
        report_doubts(names, rows.values, findings)
    sessions = describe_sessions(series, times, hours, findings)
    duplicates, quarantined = _from_uploads(session, series)
    return QualityRead(
        revision=series.revision,
        rows=len(rows),
        cadence=_evidence(series, gaps),
        gaps=GapsDetail(
            **gaps.summary(), items=[GapRead(**gap) for gap in gaps.longest(LISTED_GAPS)]
        ),
        sessions=sessions,
        channels=[_channel(name, rows.values[:, n]) for n, name in enumerate(names)],
        duplicates=duplicates,
        quarantined=quarantined,
        ohlc_violations=_broken(series, names, rows.values),
        issues=[IssueRead.model_validate(asdict(issue)) for issue in findings.issues],
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


def _from_uploads(session: Session, series: Series) -> tuple[int, int]:
    """Duplicates and quarantined rows over all uploads of the series."""
    reports = session.scalars(sa.select(Upload.report).where(Upload.series_id == series.id)).all()
    duplicates = sum(report["rows_duplicate"] for report in reports)
    return duplicates, sum(report["rows_quarantined"] for report in reports)


def _broken(series: Series, names: list[str], values: Values) -> int:
    if series.kind != "ohlc" or not set(PRICES) <= set(names):
        return 0
    return int(broken_bars(names, values).sum())
