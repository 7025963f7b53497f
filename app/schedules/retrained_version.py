"""What a schedule is about: the version that is trained anew, and the data it learnt from."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import EPOCH, MICROSECOND
from app.jobs.tables import Job, JobState
from app.registry.queries import CHAMPION, NEWEST, WITH_PANEL, find_version, version_rows
from app.registry.tables import Model, ModelVersion, VersionSeries
from app.schedules.tables import Schedule, ScheduleRun
from app.series.tables import Series


@dataclass(frozen=True, slots=True)
class Subject:
    """The version that is trained anew, and where its model stands.

    Args:
        model: The model.
        version: The version, its panel loaded.
        job: Its training.
        last_run: The schedule's last run, if there was one.
        counted_from: The revision of each series, by id, from which on rows are new.
    """

    model: Model
    version: ModelVersion
    job: Job
    last_run: ScheduleRun | None
    counted_from: dict[int, int]

    @property
    def series(self) -> list[Series]:
        """What it learnt from."""
        return [each.series for each in self.version.panel]

    @property
    def fingerprint(self) -> str:
        """Changes when there is something new to measure."""
        return f"{self.version.id}@{sum(each.revision for each in self.series)}"

    def evidence_after(self, series: Series) -> datetime | None:
        """What is measured must be later: a run that changed nothing is not repeated for it."""
        if self.last_run is None:
            return None
        end = self.last_run.data_ends.get(str(series.id))
        return None if end is None else EPOCH + end * MICROSECOND


def find_subject(session: Session, schedule: Schedule) -> Subject | None:
    """The subject of a schedule; None if its model has no trained version."""
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
    return Subject(model, row[0], row[3], last_run, _counted_from(session, model, last_run))


def is_running(session: Session, model_id: int) -> bool:
    """Whether a run of any schedule of the model goes on."""
    statement = (
        sa.select(ScheduleRun.number)
        .join(Schedule, Schedule.id == ScheduleRun.schedule_id)
        .where(Schedule.model_id == model_id, ScheduleRun.finished_at.is_(None))
        .limit(1)
    )
    return session.scalar(statement) is not None


def _counted_from(session: Session, model: Model, last_run: ScheduleRun | None) -> dict[int, int]:
    """Revisions of the newest version that is trained, or that the schedule asked for.

    Otherwise a training that fails would be asked for again at once, and again.
    """
    asked = ModelVersion.number == (last_run.version if last_run is not None else -1)
    newest = (
        version_rows()
        .with_only_columns(ModelVersion.id)
        .where(Model.id == model.id, sa.or_(Job.state == JobState.SUCCEEDED, asked))
        .order_by(ModelVersion.number.desc())
        .limit(1)
    )
    statement = sa.select(VersionSeries.series_id, VersionSeries.data_revision).where(
        VersionSeries.version_id == newest.scalar_subquery()
    )
    return {row[0]: row[1] for row in session.execute(statement)}
