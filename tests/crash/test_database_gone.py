"""A database that is locked or gone for a while: work goes on when it is back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from app.jobs.tables import JobState
from tests.crash.conftest import Fleet

# Less than the silence after which a worker stops its own work.
GONE_SECONDS = 2.0


@contextmanager
def unavailable(database_url: str) -> Iterator[None]:
    """Lock the SQLite file for writing, or refuse connections to the PostgreSQL database."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield
            connection.exec_driver_sql("ROLLBACK")
        return
    server = url.set(database="postgres")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false')
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{url.database}'"
        )
        yield
        connection.exec_driver_sql(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true')


class TestDatabaseGone:
    def test_a_running_job_ends_well_and_the_next_one_too(self, fleet: Fleet) -> None:
        fleet.counting_worker()
        job_id = fleet.enqueue("count", epochs=20, seconds=0.2)
        fleet.wait_for_epoch(job_id, 2)
        with unavailable(fleet.database_url):
            time.sleep(GONE_SECONDS)
        fleet.database.dispose()
        job = fleet.wait_for_end(job_id)
        assert (job.state, job.attempt) == (JobState.SUCCEEDED, 1)
        again = fleet.enqueue("count", epochs=1, seconds=0)
        assert fleet.wait_for_end(again).state is JobState.SUCCEEDED
