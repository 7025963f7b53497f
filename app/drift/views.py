"""Turn the drift of a version into an answer."""

from dataclasses import asdict

from sqlalchemy.orm import Session

from app.drift.figures import InputShift
from app.drift.schemas import (
    DriftFindingRead,
    DriftQuery,
    DriftRead,
    InputShiftRead,
    LiveErrorRead,
    ThresholdsRead,
)
from app.drift.service import Drift, Thresholds
from app.drift.tables import DriftWatch
from app.errors import VersionNotTrained, VersionSeriesNotFound
from app.jobs.tables import JobState
from app.registry.queries import WITH_PANEL, VersionRow, get_default_version, get_version
from app.series.service import get_series
from app.series.tables import Series
from app.settings import Settings


def read_drift(session: Session, model: str, query: DriftQuery, settings: Settings) -> DriftRead:
    """The figures of a trained version on a series that it learnt from.

    Raises:
        ModelNotFound, VersionNotFound, SeriesNotFound: If one of them does not exist.
        VersionSeriesNotFound: If the version did not learn from the series.
        NoTrainedVersion, VersionNotTrained: If the version is not trained.
    """
    row = _trained_version(session, model, query.version)
    version = row[0]
    series, limits = _series(session, row, query.series), Thresholds.of(settings)
    drift = Drift.of(session, version, series)
    found = drift.findings(limits)
    watch = session.get(DriftWatch, (version.id, series.id))
    return DriftRead(
        model=model,
        version=version.number,
        series=series.name,
        drifted=bool(found),
        findings=[DriftFindingRead(**asdict(each)) for each in found],
        found_at=watch.changed_at if watch is not None and watch.drifted else None,
        thresholds=ThresholdsRead(**asdict(limits)),
        errors=[
            LiveErrorRead(**asdict(each), skill=each.skill, ratio=each.ratio)
            for each in drift.errors
        ],
        rows=drift.inputs.rows,
        inputs=[_read_shift(each) for each in drift.inputs.channels],
        inputs_unknown=drift.inputs.reason,
    )


def _read_shift(shift: InputShift) -> InputShiftRead:
    return InputShiftRead(
        channel=shift.channel,
        encoding=shift.encoding,
        stability_index=shift.index,
        usual=shift.usual,
        excess=shift.excess,
    )


def _trained_version(session: Session, model: str, version: str | None) -> VersionRow:
    name = version if version is not None else str(get_default_version(session, model)[0].number)
    row = get_version(session, model, name, WITH_PANEL)
    if row[3].state is not JobState.SUCCEEDED:
        why = f"its job is {row[3].state}"
        raise VersionNotTrained(f"Version {row[0].number} is not trained: {why}.")
    return row


def _series(session: Session, row: VersionRow, name: str | None) -> Series:
    version, _, first, _ = row
    if name is None:
        return first
    series = get_series(session, name)
    if series.id not in {each.series_id for each in version.panel}:
        raise VersionSeriesNotFound(f"Version {version.number} did not learn from {name!r}.")
    return series
