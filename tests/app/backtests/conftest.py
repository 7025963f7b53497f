"""A worker's child in process, for backtests."""

from collections.abc import Callable

import pytest

from app.db import Database
from app.jobs import attempts
from app.jobs.task import Task


@pytest.fixture
def work(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Does a queued job as a worker's child does."""
    from app.backtests.tasks import run_backtest
    from app.worker import child

    # Compiling with XLA takes longer than training these small nets.
    monkeypatch.setattr("models.network.engine_tensorflow.uses_xla", lambda: False)

    def do(job_id: str) -> None:
        with database.transaction() as session:
            attempt = attempts.start(session, job_id, "tester")
        assert attempt is not None
        child.run(Task(database, attempt), {"backtest": run_backtest})

    return do
