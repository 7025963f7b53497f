"""The version that a schedule retrains, and the data that it learnt from."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import from_microseconds
from app.jobs.tables import Job, JobState
from app.registry.queries import CHAMPION, NEWEST, WITH_PANEL, find_version, version_rows
from app.registry.tables import Model, ModelVersion, VersionSeries
from app.schedules.tables import Schedule, ScheduleRun
from app.series.tables import Series


@dataclass(frozen=True, slots=True)
class RetrainedVersion:
    """The version that a schedule retrains, with its model and the schedule's last run.

    Args:
        model: The model.
        version: The version, its panel loaded.
        job: Its training job.
        last_run: The schedule's last run, if there was one.
        counted_from: By series id, the revision after which rows count as new.
    """

    model: Model
    version: ModelVersion
    job: Job
    last_run: ScheduleRun | None
    counted_from: dict[int, int]

    @property
    def series(self) -> list[Series]:
        """The series that it learnt from."""
        return [each.series for each in self.version.panel]

    @property
    def fingerprint(self) -> str:
        """A text that changes when the triggers have to be measured again."""
        return f"{self.version.id}@{sum(each.revision for each in self.series)}"

    def evidence_after(self, series: Series) -> datetime | None:
        """Triggers use only later data, so that the same data never starts two runs."""
        if self.last_run is None:
            return None
        end = self.last_run.data_ends.get(str(series.id))
        return None if end is None else from_microseconds(end)


def find_retrained_version(session: Session, schedule: Schedule) -> RetrainedVersion | None:
    """The version that a schedule retrains; None if its model has no trained version."""
    model = session.get_one(Model, schedule.model_id)
    row = next(
        (
            row
            for name in (schedule.alias, CHAMPION, NEWEST)
            if name is not None
            and (row := find_version(session, model.name, name, WITH_PANEL)) is not None
        ),
        None,
    )
    if row is None:
        return None
    last_run = session.get(ScheduleRun, (schedule.id, schedule.runs))
    counted_from = _counted_from(session, model, last_run)
    return RetrainedVersion(model, row[0], row[3], last_run, counted_from)


def is_running(session: Session, model_id: int) -> bool:
    """Whether a run of any schedule of the model is unfinished."""
    statement = (
        sa.select(ScheduleRun.number)
        .join(Schedule, Schedule.id == ScheduleRun.schedule_id)
        .where(Schedule.model_id == model_id, ScheduleRun.finished_at.is_(None))
        .limit(1)
    )
    return session.scalar(statement) is not None


def _counted_from(session: Session, model: Model, last_run: ScheduleRun | None) -> dict[int, int]:
    """By series id, the data revision of the newest version that is trained or from the last run.

    The last run's version counts even if its training failed: otherwise the same rows would start
    the failing training again and again.
    """
    of_last_run = ModelVersion.number == (last_run.version if last_run is not None else -1)
    newest = (
        version_rows()
        .with_only_columns(ModelVersion.id)
        .where(Model.id == model.id, sa.or_(Job.state == JobState.SUCCEEDED, of_last_run))
        .order_by(ModelVersion.number.desc())
        .limit(1)
    )
    statement = sa.select(VersionSeries.series_id, VersionSeries.data_revision).where(
        VersionSeries.version_id == newest.scalar_subquery()
    )
    return {row[0]: row[1] for row in session.execute(statement)}
