"""Check and queue backtests, load the input for the worker, and publish the result."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

import app.jobs.service as jobs
import app.series.service as series_service
from app.backtests import points
from app.backtests.schemas import BacktestCreate, BacktestQueued
from app.backtests.tables import Backtest
from app.db import Database
from app.errors import BacktestNotSucceeded, ModelNotFound, SeriesNotInPanel
from app.jobs.schemas import JobRead
from app.jobs.tables import Job
from app.registry.forecaster_cache import forecasters
from app.registry.queries import WITH_PANEL, get_version
from app.registry.tables import Model, ModelVersion
from app.series.tables import Series
from models.backtesting.plan import BacktestPlan, plan_backtest
from models.backtesting.points import BacktestResult, Points
from models.errors import Problem
from models.series import SeriesData
from models.serving.forecaster import Forecaster


@dataclass(frozen=True, slots=True)
class BacktestInput:
    """The input of a backtest: stored forecaster, series at their revisions, and plan.

    `panel` has the series that refits learn from; it is empty without refits.
    """

    forecaster: Forecaster
    data: SeriesData
    plan: BacktestPlan
    panel: tuple[SeriesData, ...]


@dataclass(frozen=True, slots=True)
class CheckedBacktest:
    """A request that can work: its plan, and the rows that it was checked against."""

    version: ModelVersion
    series: Series
    panel_revisions: dict[str, int] | None
    plan: BacktestPlan


def check_request(database: Database, name: str, request: BacktestCreate) -> CheckedBacktest:
    """Plan a backtest, outside any write transaction.

    Raises:
        ModelNotFound, VersionNotFound, SeriesNotFound: If one of them does not exist.
        NoTrainedVersion, VersionNotTrained: If the version is not trained (yet).
        SeriesNotInPanel: If the model did not learn from the series.
        SpecError: If the origins or the refits cannot work.
    """
    asked = str(request.version or "latest")
    with database.reading() as session:
        version, _, _, training = get_version(session, name, asked, WITH_PANEL)
        series = _requested_series(session, request, version)
        forecaster = forecasters.get(session, version, training).for_series(series.name)
        data = series_service.load_series(session, series.id)
        revisions = _panel_revisions(request, version)
        panel = _panel(session, version, data, revisions or {})
        plan = plan_backtest(forecaster, data, request, panel)
    return CheckedBacktest(version, series, revisions, plan)


def request_backtest(
    session: Session, name: str, request: BacktestCreate, checked: CheckedBacktest
) -> BacktestQueued:
    """Queue a checked backtest in the caller's transaction.

    Raises:
        ModelNotFound, VersionNotFound: If the version was deleted in the meantime.
    """
    version, model, _, _ = get_version(session, name, str(checked.version.number))
    if version.id != checked.version.id:
        raise ModelNotFound(f"The model {name!r} was deleted in the meantime.")
    job = jobs.enqueue(session, "backtest", {"model": model.name, "version": version.number})
    backtest = Backtest(
        id=job.id,
        version_id=version.id,
        series_id=checked.series.id,
        data_revision=checked.series.revision,
        panel_revisions=checked.panel_revisions,
        request=request.model_dump(mode="json", exclude_unset=True),
    )
    session.add(backtest)
    session.flush()
    return BacktestQueued(
        id=job.id,
        model=model.name,
        version=version.number,
        origins=len(checked.plan.origins),
        refits=checked.plan.refits,
        job=JobRead.from_row(job),
    )


def backtest_input(session: Session, job_id: str) -> BacktestInput:
    """The input of a job, with the series as they were when the backtest was requested.

    Raises:
        ModelNotFound: If the model was deleted in the meantime.
    """
    backtest = _backtest_of(session, job_id)
    version = session.get_one(ModelVersion, backtest.version_id, options=[WITH_PANEL])
    forecaster = forecasters.get(session, version, session.get_one(Job, version.job_id))
    data = series_service.load_series(
        session, backtest.series_id, until_revision=backtest.data_revision
    )
    request = BacktestCreate.model_validate(backtest.request)
    # Backtests of earlier releases store the revision of their one series only.
    revisions = backtest.panel_revisions or {data.name: backtest.data_revision}
    panel = tuple(_panel(session, version, data, revisions)) if request.refit_every else ()
    on_series = forecaster.for_series(data.name)
    plan = plan_backtest(on_series, data, request, panel)
    return BacktestInput(on_series, data, plan, panel)


def publish(session: Session, job_id: str, result: BacktestResult) -> dict[str, Any]:
    """Store the result of a backtest; the caller's transaction also ends the job.

    Returns:
        The job's result.

    Raises:
        ModelNotFound: If the model was deleted in the meantime.
    """
    backtest = _backtest_of(session, job_id)
    backtest.report = result.report
    backtest.points = points.to_bytes(result.points)
    version = session.get_one(ModelVersion, backtest.version_id)
    model = session.get_one(Model, version.model_id)
    return {"model": model.name, "version": version.number, "backtest": backtest.id}


def read_points(backtest: Backtest, job: Job) -> Points:
    """The points of a backtest that has succeeded.

    Raises:
        BacktestNotSucceeded: If it has not (yet).
    """
    if backtest.points is None:
        why = f"its job is {job.state}"
        raise BacktestNotSucceeded(f"The backtest {backtest.id} has no points: {why}.")
    return points.from_bytes(backtest.points)


def _requested_series(session: Session, request: BacktestCreate, version: ModelVersion) -> Series:
    panel = {each.series.name: each.series for each in version.panel}
    if request.series is None:
        return version.panel[0].series
    if request.series in panel:
        return panel[request.series]
    series_service.get_series(session, request.series)
    message = (
        f"`series` must be one that the model learnt from: {', '.join(panel)}. "
        f"Received: {request.series}"
    )
    raise SeriesNotInPanel(message, errors=[Problem("/series", message)])


def _panel_revisions(request: BacktestCreate, version: ModelVersion) -> dict[str, int] | None:
    """The present revisions of the series that refits learn from; None without refits."""
    if request.refit_every is None:
        return None
    return {each.series.name: each.series.revision for each in version.panel}


def _panel(
    session: Session, version: ModelVersion, data: SeriesData, revisions: dict[str, int]
) -> Iterator[SeriesData]:
    """Every series that the version learnt from, loaded one at a time; `data` is one of them."""
    for each in version.panel:
        name = each.series.name
        if name == data.name:
            yield data
        else:
            yield series_service.load_series(
                session, each.series_id, until_revision=revisions[name]
            )


def _backtest_of(session: Session, job_id: str) -> Backtest:
    backtest = session.get(Backtest, job_id)
    if backtest is None:
        raise ModelNotFound("The model was deleted during its backtest.")
    return backtest
