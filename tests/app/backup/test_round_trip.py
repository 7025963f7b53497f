"""A backup, restored on either database, is the same service."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.backup.format import open_backup, table_names
from app.backup.service import back_up, restore
from app.db import Base, Database
from app.jobs import queue
from app.jobs.tables import NO_PROGRESS, PARENT_KINDS, UNFINISHED, Job, JobState
from tests.app.backup.conftest import NewDatabase, contents, service_on, silent
from tests.app.conftest import ROWS, put_rows, weekly_rows
from tests.app.live.test_checking import check

RUNNING = """
    INSERT INTO jobs (id, kind, state, subject, attempt, lost_attempts, progress, cancel_requested,
                      executor, sequence, created_at)
    VALUES (:id, 'check', 'running', '{}', 2, 0, :progress, false, 'before', 1, 0)
"""
OF_JOBS = ("jobs", "job_events")


def unfinished(database: Database) -> dict[str, JobState]:
    with database.reading() as session:
        wanted = sa.and_(Job.state.in_(UNFINISHED), Job.kind.not_in(PARENT_KINDS))
        return {job.id: job.state for job in session.scalars(sa.select(Job).where(wanted))}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_restored_service_is_the_same_and_goes_on(
    client: TestClient, database: Database, filled: str, new_database: NewDatabase, kind: str
) -> None:
    before, jobs = contents(database), unfinished(database)
    restored = new_database(kind)
    with TemporaryDirectory() as folder:
        back_up(database, Path(folder) / "backup", force=False, progress=silent)
        about, queued = restore(restored, Path(folder) / "backup", progress=silent)

    after = contents(restored)
    assert {name: after[name] for name in after if name not in OF_JOBS} == {
        name: before[name] for name in before if name not in OF_JOBS
    }
    filled_tables = ("corrections", "forecast_scores", "kept_states", "quarantined_rows", "trials")
    assert all(before[name] for name in filled_tables)
    assert about.rows == {**{name: len(rows) for name, rows in before.items()}, "workers": 0}
    assert len(jobs) >= 3
    assert (queued, unfinished(restored)) == (len(jobs), dict.fromkeys(jobs, JobState.QUEUED))
    with restored.reading() as session:
        assert queue.count_entries(session.connection()) == len(jobs)

    with service_on(restored) as other:
        result = check(other, restored, filled)
        assert [state["repaired"] for state in result["states"]] == [False]
        # New rows get new ids, and the state and the scores go on.
        report = put_rows(other, weekly_rows(ROWS + 6, 1))
        assert report == put_rows(client, weekly_rows(ROWS + 6, 1)) | {
            "forecasts": report["forecasts"]
        }
        latest = f"/v1/models/{filled}/forecasts/latest"
        assert other.get(latest).json()["points"] == client.get(latest).json()["points"]
        assert other.post("/v1/series", json={"name": "new", "kind": "generic"}).status_code == 201


@pytest.mark.one_database
def test_a_backup_holds_every_table_of_the_application(database: Database, tmp_path: Path) -> None:
    back_up(database, tmp_path / "backup", force=False, progress=silent)
    held = set(table_names(open_backup(tmp_path / "backup")))
    assert held == {*Base.metadata.tables, "alembic_version", "statecast_backup"}


def test_a_running_job_is_queued_again_and_its_attempt_is_not_lost(
    database: Database, new_database: NewDatabase, tmp_path: Path
) -> None:
    with database.transaction() as session:
        session.execute(sa.text(RUNNING), {"id": "a" * 32, "progress": json.dumps(NO_PROGRESS)})
    back_up(database, tmp_path / "backup", force=False, progress=silent)
    restored = new_database("sqlite")
    restore(restored, tmp_path / "backup", progress=silent)
    with restored.reading() as session:
        job = session.get_one(Job, "a" * 32)
        assert (job.state, job.attempt, job.lost_attempts) == (JobState.QUEUED, 2, 0)
