"""Policies over HTTP, nightly cleaning, and jobs that ended long ago."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database, utc_now
from app.jobs.tables import Job, JobCheckpoint, JobEvent, JobState
from app.retention import ended_jobs, nightly
from app.retention.nightly import clean_nightly, last_night
from app.retention.tables import RetentionNight
from app.settings import Settings
from tests.app.retention.conftest import RETENTION, clean, set_rules
from tests.app.test_problems import check_problem


class TestPolicy:
    def test_a_model_follows_the_settings_until_it_has_rules(
        self, client: TestClient, model: str
    ) -> None:
        body = client.get(RETENTION).json()
        assert body["policy"]["forecasts_days"] == {"value": 365, "source": "settings"}
        assert datetime.fromisoformat(body["next_clean_at"]) > utc_now()
        body = set_rules(client, forecasts_days=None, versions=3)
        assert body["policy"] == {
            "forecasts_days": {"value": None, "source": "model"},
            "scores_days": {"value": 365, "source": "settings"},
            "states_days": {"value": 30, "source": "settings"},
            "versions": {"value": 3, "source": "model"},
            "rollbacks": {"value": 5, "source": "settings"},
        }
        assert client.get(RETENTION).json() == body
        rules = set_rules(client)["policy"].values()
        assert {rule["source"] for rule in rules} == {"settings"}

    def test_rules_that_say_nothing_are_422(self, client: TestClient) -> None:
        bodies = ({"versions": 0}, {"forecasts_days": -1}, {"days": 3}, {"rollbacks": 10**12})
        for body in bodies:
            check_problem(client.put(RETENTION, json=body), 422)

    def test_a_model_that_does_not_exist_is_404(self, client: TestClient) -> None:
        for answer in (
            client.get("/v1/models/none/retention"),
            client.put("/v1/models/none/retention", json={}),
            client.post("/v1/models/none/retention:clean"),
        ):
            check_problem(answer, 404)

    def test_a_cleaning_that_waits_is_the_answer(self, client: TestClient, model: str) -> None:
        ids = {client.post("/v1/retention:clean").json()["id"] for _ in range(2)}
        ids |= {client.post(f"{RETENTION}:clean").json()["id"] for _ in range(2)}
        assert len(ids) == 2


class TestNights:
    @pytest.mark.unit
    def test_a_night_begins_at_the_hour(self) -> None:
        for hour, day in ((2, 20), (3, 21), (23, 21)):
            now = datetime(2026, 11, 21, hour, 30, tzinfo=UTC)
            assert last_night(now, 3) == datetime(2026, 11, day, 3, tzinfo=UTC)

    def test_each_is_cleaned_once_whoever_looks(
        self, client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def look(days: int) -> int:
            now = datetime(2026, 11, 21, 12, tzinfo=UTC) + timedelta(days=days)
            monkeypatch.setattr(nightly, "utc_now", lambda: now)
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(lambda _: clean_nightly(database, Settings()), range(4)))
            with database.transaction() as session:
                # As if it was done: one that waits would be enough for the next night, too.
                session.execute(sa.update(Job).values(state=JobState.SUCCEEDED))
                return session.scalar(sa.select(sa.func.count()).select_from(Job)) or 0

        # A new service waits for the night; five days without workers are made up for once.
        assert [look(days) for days in (0, 0, 1, 1, 6, 6)] == [0, 0, 1, 1, 2, 2]
        with database.reading() as session:
            (row,) = session.scalars(sa.select(RetentionNight))
            assert row.began_at == datetime(2026, 11, 27, 3, tzinfo=UTC)


class TestEndedJobs:
    def test_events_then_checkpoints_then_jobs_go(
        self, client: TestClient, database: Database, model: str
    ) -> None:
        ages = {"new": 1, "week": 8, "month": 31, "quarter": 91}
        now = utc_now()
        with database.transaction() as session:
            for name, days in ages.items():
                ended = now - timedelta(days=days)
                job = Job(id=name, kind="check", subject={}, state=JobState.FAILED, sequence=2)
                job.finished_at = ended
                session.add(job)
                session.flush()
                session.add(JobCheckpoint(job_id=name, attempt=1, data=b"?"))
                for sequence in (1, 2):
                    event = JobEvent(job_id=name, sequence=sequence, event="state", data={})
                    session.add(event)
            trained = sa.update(Job).where(Job.kind == "train")
            session.execute(trained.values(finished_at=now - timedelta(days=400)))
        deleted = clean(client, database, "/v1/retention:clean")
        assert (deleted["jobs"], deleted["job_checkpoints"], deleted["job_events"]) == (1, 2, 3)
        with database.reading() as session:
            # That of the version stays, however old it is.
            jobs = set(session.scalars(sa.select(Job.id).where(Job.kind == "check")))
            assert jobs == {"new", "week", "month"}
            assert session.scalars(sa.select(Job.kind).where(Job.kind == "train")).one()
            last = sa.select(JobEvent.sequence).where(JobEvent.job_id == "week")
            assert session.scalars(last).all() == [2]

    def test_all_that_refers_to_jobs_is_known(self, database: Database) -> None:
        inspector = sa.inspect(database.engine)
        found = {
            (table, key["constrained_columns"][0])
            for table in inspector.get_table_names()
            for key in inspector.get_foreign_keys(table)
            if key["referred_table"] == "jobs" and "ondelete" not in key["options"]
        }
        known = {(each.class_.__tablename__, each.key) for each in ended_jobs.REFERENCES}
        assert found == known
