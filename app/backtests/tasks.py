"""The handler of `backtest`: run a planned backtest and publish its report."""

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

import app.backtests.service as backtests
from app.jobs.task import Publish, Task
from models.backtesting.backtest import Backtest
from models.backtesting.points import BacktestResult
from models.series import SeriesData
from models.spec.spec import Spec
from models.training.train import train


def run_backtest(task: Task) -> Publish:
    """Run the backtest that the job belongs to; the result is stored as the job ends."""
    given = task.read(lambda session: backtests.backtest_input(session, task.attempt.job_id))
    backtest = Backtest(
        given.forecaster,
        given.data,
        given.plan,
        refit=_refit,
        notify=lambda phase, fraction: task.report(phase=phase, fraction=fraction),
        save_checkpoint=task.save_checkpoint,
        panel=given.panel,
    )
    return _publishing(task.attempt.job_id, backtest.run(task.load_checkpoint()))


def _refit(spec: Spec, data: Sequence[SeriesData], report: Callable[[float], None]) -> bytes:
    return train(spec, data, progress=lambda progress: report(progress.fraction)).bundle


def _publishing(job_id: str, result: BacktestResult) -> Publish:
    def publish(session: Session) -> dict[str, object]:
        return backtests.publish(session, job_id, result)

    return publish
