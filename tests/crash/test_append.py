"""Web processes are killed in the middle of appends: all of an append is there, or nothing."""

import random
import threading
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.forecasts.tables import StoredForecast
from app.live.tables import KeptState, StateCheckpoint
from app.scores.tables import ForecastScore
from app.series.tables import Observation, Series, SeriesRevision
from tests.app.conftest import ROWS, SPEC, START, WEEK, Trainer, put_rows, weekly_rows
from tests.app.deployed import point, values
from tests.crash.conftest import Fleet

KILLS = 100
LEADS = 4

# One training serves both databases.
TRAINED: list[Any] = []


@pytest.fixture
def deployed(client: TestClient, database: Database) -> str:
    """A small trained model that an alias points to."""
    client.post("/v1/series", json={"name": "weekly", "kind": "generic"})
    put_rows(client, weekly_rows(0, ROWS))
    body = {"name": "weekly-gru", "series": "weekly", "spec": SPEC}
    answer = client.post("/v1/models", json=body)
    assert answer.status_code == 202, answer.text
    Trainer(database, TRAINED).finish(answer.json()["job"]["id"])
    point(database, "weekly-gru", "champion", 1)
    return "weekly-gru"


class Feed:
    """A client that appends week after week until it is stopped or the connection breaks."""

    def __init__(self, client: httpx2.Client, first: int) -> None:
        self.acknowledged = first - 1
        self.begun = threading.Event()
        self._client = client
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> int:
        """Let it finish what it has begun; the last week that was acknowledged."""
        self._stopped.set()
        self._thread.join()
        return self.acknowledged

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                rows = weekly_rows(self.acknowledged + 1, 1)
                body = {"columns": ["time", "y"], "rows": rows}
                answer = self._client.put("/v1/series/weekly/observations", json=body)
                assert answer.status_code == 200, answer.text
                self.acknowledged += 1
                self.begun.set()
        except httpx2.TransportError:
            self.begun.set()


def check_all_or_none(database: Database, acknowledged: int) -> int:
    """Observations, state, forecasts and scores tell the same; the last week that is stored."""
    with database.reading() as session:
        series = session.scalars(sa.select(Series)).one()
        assert series.last_time is not None
        last = (series.last_time - START) // WEEK
        assert last >= acknowledged
        assert series.rows == last + 1
        count = sa.select(sa.func.count()).select_from(Observation)
        assert session.scalar(count) == series.rows
        revisions = session.scalars(sa.select(SeriesRevision.revision)).all()
        assert sorted(revisions) == list(range(1, series.revision + 1))
        kept = session.scalars(sa.select(KeptState)).one()
        assert (kept.revision, kept.time) == (series.revision, series.last_time)
        made = session.scalars(sa.select(StoredForecast)).all()
        assert {each.data_revision: each.origin for each in made} == {
            revision: START + (ROWS - 2 + revision) * WEEK
            for revision in range(2, series.revision + 1)
        }
        scores = session.scalars(sa.select(ForecastScore)).all()
        assert len(scores) == LEADS * len(made)
        for score in scores:
            assert (score.actual is not None) == (score.time <= series.last_time)
        return last


def test_appends_through_two_web_processes_that_are_killed_are_stored_as_a_whole_or_not_at_all(
    client: TestClient, database: Database, fleet: Fleet, deployed: str
) -> None:
    chance = random.Random(4)  # noqa: S311 - moments, not secrets
    last = ROWS - 1
    with ExitStack() as stack:
        webs = [stack.enter_context(fleet.web()) for _ in range(2)]
        for _ in range(KILLS):
            # Both write the same weeks: one of them is first, and the other changes nothing.
            feeds = [Feed(of_web, last + 1) for _, of_web in webs]
            assert all(feed.begun.wait(60) for feed in feeds)
            threading.Event().wait(chance.uniform(0, 0.05))
            victim = chance.randrange(2)
            webs[victim][0].kill()
            acknowledged = max(feed.end() for feed in feeds)
            before, last = last, check_all_or_none(database, acknowledged)
            assert last > before
            webs[victim] = stack.enter_context(fleet.web())
    streamed = client.get(f"/v1/models/{deployed}/forecasts/latest").json()
    with database.transaction() as session:
        for table in (KeptState, StateCheckpoint, StoredForecast):
            session.execute(sa.delete(table))
    replayed = client.post(f"/v1/models/{deployed}/forecasts").json()
    assert streamed["origin"] == replayed["origin"]
    assert values(streamed) == pytest.approx(values(replayed), abs=1e-6)
