"""Measure the triggers of a schedule, and compare each with its threshold."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.drift.service import Drift, DriftFinding, Thresholds
from app.schedules.retrained_version import RetrainedVersion
from app.schedules.tables import Schedule, Trigger
from app.series.tables import SeriesRevision


@dataclass(frozen=True, slots=True)
class Gauge:
    """The present value of a trigger.

    `name` distinguishes the two measures of `drift`.
    """

    trigger: Trigger
    name: str
    threshold: float
    value: float | None
    met: bool
    sentence: str


def measure(session: Session, schedule: Schedule, retrained: RetrainedVersion) -> list[Gauge]:
    """The gauges of all triggers except `cron`."""
    found = [] if schedule.after_rows is None else [_rows(session, schedule.after_rows, retrained)]
    if schedule.min_skill is None and schedule.drift is None:
        return found
    drifts = [
        Drift.of(
            session,
            retrained.version,
            series,
            steps=schedule.window_steps,
            after=retrained.evidence_after(series),
        )
        for series in retrained.series
    ]
    if schedule.min_skill is not None:
        found.append(_skill(schedule.min_skill, drifts))
    if schedule.drift is not None:
        found += _drift(Thresholds(**schedule.drift), drifts)
    return found


def rows_since(session: Session, retrained: RetrainedVersion) -> int:
    """Rows stored in all series since the data of the newest version, less the deleted ones."""
    revision = SeriesRevision
    grown = sa.func.sum(revision.rows_stored - revision.rows_deleted)
    counted = (
        session.scalar(
            sa.select(grown).where(
                revision.series_id == series.id,
                revision.revision > retrained.counted_from.get(series.id, 0),
            )
        )
        for series in retrained.series
    )
    return sum(max(0, int(each or 0)) for each in counted)


def _rows(session: Session, threshold: int, retrained: RetrainedVersion) -> Gauge:
    rows = rows_since(session, retrained)
    sentence = f"{rows} rows were stored since the newest version; the threshold is {threshold}."
    return Gauge(Trigger.AFTER_ROWS, "after_rows", threshold, rows, rows >= threshold, sentence)


def _skill(threshold: float, drifts: list[Drift]) -> Gauge:
    skills = [error.skill for drift in drifts for error in drift.errors if error.skill is not None]
    value = fmean(skills) if skills else None
    sentence = "Too few steps were scored to compute the live skill."
    if value is not None:
        sentence = f"The live skill is {value:.3f}; below {threshold:g} the model is trained."
    met = value is not None and value < threshold
    return Gauge(Trigger.MIN_SKILL, "min_skill", threshold, value, met, sentence)


def _drift(limits: Thresholds, drifts: list[Drift]) -> Iterator[Gauge]:
    found = [finding for drift in drifts for finding in drift.findings(limits)]
    if limits.error_ratio is not None:
        ratios = [drift.worst_ratio for drift in drifts]
        unknown = "Too few steps were scored to compute the live error."
        yield _of_drift("error_ratio", limits.error_ratio, ratios, unknown, found)
    if limits.stability_index is not None:
        excesses = [drift.worst_excess for drift in drifts]
        unknown = next((each.inputs.reason for each in drifts if each.inputs.reason), "")
        yield _of_drift("stability_index", limits.stability_index, excesses, unknown, found)


def _of_drift(
    name: str,
    threshold: float,
    values: list[float | None],
    unknown: str,
    found: list[DriftFinding],
) -> Gauge:
    value = max((each for each in values if each is not None), default=None)
    reached = [each for each in found if each.kind == name]
    sentence = unknown if value is None else f"The largest is {value:.3f}, below {threshold:g}."
    if reached:
        sentence = max(reached, key=lambda each: each.value).sentence
    return Gauge(Trigger.DRIFT, name, threshold, value, bool(reached), sentence)
