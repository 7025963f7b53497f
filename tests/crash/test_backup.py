"""Backups while rows are written, and backups and restores that are killed."""

import random
import signal
import threading
import time
from pathlib import Path

import httpx2
import numpy as np
import pytest
import sqlalchemy as sa

from app.backup.format import open_backup, read_about, require_sound
from app.backup.service import back_up, restore
from app.db import Database
from app.jobs.tables import JobState
from app.migrate import migrate
from app.series.tables import Observation, Series
from tests.app.backup.conftest import NewDatabase, add_series, new_database, silent
from tests.app.conftest import weekly_rows
from tests.crash.conftest import PATIENCE_SECONDS, Fleet, with_signal
from tests.crash.forked import Forked

__all__ = ["new_database"]

KILLS = 8
ROWS = 60_000


class Writer(threading.Thread):
    """Appends one row after the other until it is stopped."""

    def __init__(self, client: httpx2.Client) -> None:
        super().__init__()
        self._client = client
        self.stopped = threading.Event()
        self.acknowledged = 0

    def run(self) -> None:
        while not self.stopped.is_set():
            row = weekly_rows(self.acknowledged, 1)
            body = {"columns": ["time", "y"], "rows": row}
            self._client.put("/v1/series/weekly/observations", json=body).raise_for_status()
            self.acknowledged += 1


def stored_rows(database: Database) -> tuple[int, int]:
    """The rows that the series counts, and those that are there."""
    with database.reading() as session:
        counted = session.scalar(sa.select(sa.func.sum(Series.rows))) or 0
        return int(counted), session.scalar(sa.select(sa.func.count(Observation.time))) or 0


def test_a_backup_during_writes_is_one_moment_and_holds_what_was_acknowledged(
    fleet: Fleet, new_database: NewDatabase, tmp_path: Path
) -> None:
    with fleet.web() as (_, client):
        client.post("/v1/series", json={"name": "weekly", "kind": "generic"}).raise_for_status()
        writer = Writer(client)
        writer.start()
        try:
            while writer.acknowledged < 20:
                time.sleep(0.01)
            before = writer.acknowledged
            back_up(fleet.database, tmp_path / "backup", force=False, progress=silent)
        finally:
            writer.stopped.set()
            writer.join()
    assert writer.acknowledged > before
    restored = new_database("sqlite")
    restore(restored, tmp_path / "backup", progress=silent)
    counted, there = stored_rows(restored)
    assert counted == there
    assert before <= there <= writer.acknowledged


def kill(process: Forked) -> None:
    """`kill -9`, unless the process has ended."""
    with_signal(process, signal.SIGKILL)
    process.wait(PATIENCE_SECONDS)


@pytest.fixture
def large(database: Database) -> Database:
    """A database whose backup takes a moment."""
    add_series(database, "long", rows=ROWS)
    with database.transaction() as session:
        series_id = session.scalars(sa.select(Series.id)).one()
        values = np.array([1.5, np.nan])
        rows = [
            {"series_id": series_id, "time": each, "revision": 1, "values": values}
            for each in range(ROWS)
        ]
        session.execute(sa.insert(Observation), rows)
    return database


def test_a_killed_backup_leaves_the_one_before_or_a_whole_one(
    fleet: Fleet, large: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    file = folder / "backup"
    chance = random.Random(14)  # noqa: S311 - moments, not secrets
    for _ in range(KILLS):
        process = fleet.start("backup", BACKUP_FILE=str(file))
        process.wait(chance.uniform(0.1, 1.2))
        kill(process)
        if file.exists():
            with open_backup(file) as backup:
                require_sound(backup, file, read_about(backup, file).rows)
    back_up(large, file, force=True, progress=silent)
    assert list(folder.iterdir()) == [file]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.one_database
def test_a_killed_restore_stores_all_or_nothing(
    fleet: Fleet, large: Database, new_database: NewDatabase, tmp_path: Path, kind: str
) -> None:
    back_up(large, tmp_path / "backup", force=False, progress=silent)
    new = new_database(kind)
    url = new.url.render_as_string(hide_password=False)
    migrate(new)
    chance = random.Random(14)  # noqa: S311 - moments, not secrets
    for _ in range(KILLS):
        process = fleet.start(
            "restore", BACKUP_FILE=str(tmp_path / "backup"), STATECAST_DATABASE_URL=url
        )
        process.wait(chance.uniform(0.1, 2))
        kill(process)
    # One of the killed processes may have finished.
    assert stored_rows(new) in {(0, 0), (ROWS, ROWS)}
    if stored_rows(new) == (0, 0):
        restore(new, tmp_path / "backup", progress=silent)
    assert stored_rows(new) == (ROWS, ROWS)


def test_a_restored_service_runs_a_queued_job_once(
    fleet: Fleet, database: Database, new_database: NewDatabase, tmp_path: Path
) -> None:
    job_id = fleet.enqueue("count", epochs=2, seconds=0.01)
    back_up(database, tmp_path / "backup", force=False, progress=silent)
    new = new_database("sqlite")
    restore(new, tmp_path / "backup", progress=silent)
    restored = Fleet(new, new.url.render_as_string(hide_password=False))
    try:
        restored.counting_worker()
        job = restored.wait_for_end(job_id)
    finally:
        restored.end()
    assert (job.state, job.attempt, job.lost_attempts) == (JobState.SUCCEEDED, 1, 0)
