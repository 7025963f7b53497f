"""Queries for backtests."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.backtests.tables import Backtest
from app.errors import BacktestNotFound
from app.jobs.tables import Job
from app.registry.queries import get_model
from app.registry.tables import Model, ModelVersion
from app.series.tables import Series

BacktestRow = sa.Row[Backtest, Model, ModelVersion, Series, Job]


def backtest_rows(model: str) -> sa.Select[Backtest, Model, ModelVersion, Series, Job]:
    """A model's backtests with their model, version, series and job."""
    return (
        sa.select(Backtest, Model, ModelVersion, Series, Job)
        .join(ModelVersion, ModelVersion.id == Backtest.version_id)
        .join(Model, Model.id == ModelVersion.model_id)
        .join(Series, Series.id == Backtest.series_id)
        .join(Job, Job.id == Backtest.id)
        .where(Model.name == model)
    )


def get_backtest(session: Session, model: str, backtest_id: str) -> BacktestRow:
    """The model's backtest with this id.

    Raises:
        ModelNotFound, BacktestNotFound: If the model or the backtest does not exist.
    """
    row = session.execute(backtest_rows(model).where(Backtest.id == backtest_id)).first()
    if row is None:
        get_model(session, model)
        raise BacktestNotFound(f"The model {model!r} has no backtest {backtest_id!r}.")
    return row
