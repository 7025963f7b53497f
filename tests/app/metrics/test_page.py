"""The page of metrics: what it counts, whom it answers, and what it leaves out."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db import Database
from app.jobs import workers
from app.jobs.tables import Job, JobState
from app.jobs.workers import Identity
from app.main import create_app
from app.metrics import asking
from app.settings import Settings
from tests.app.conftest import START, put_rows, weekly_rows
from tests.app.metrics.pages import Samples, scrape
from tests.conftest import ROOT

CSV = {"Content-Type": "text/csv"}
REQUESTS = "statecast_http_requests_total"


def grown(before: Samples, after: Samples, name: str, **labels: str) -> float:
    return (after.value(name, **labels) or 0) - (before.value(name, **labels) or 0)


class TestRequests:
    def test_they_are_counted_by_template_and_status(self, client: TestClient) -> None:
        before = scrape(client)
        client.get("/v1/series/secret-name")
        client.get("/v1/series/secret-name")
        client.head("/v1/series/secret-name")
        after = scrape(client)
        route = {"route": "/v1/series/{name}", "status": "404"}
        assert grown(before, after, REQUESTS, method="GET", **route) == 2
        assert grown(before, after, REQUESTS, method="HEAD", **route) == 1
        counted = "statecast_http_request_duration_seconds_count"
        assert grown(before, after, counted, method="GET", route="/v1/series/{name}") == 2
        assert not [each for each in after.all if "secret-name" in each.labels.values()]

    @pytest.mark.one_database
    def test_what_clients_choose_is_no_label(self, client: TestClient) -> None:
        before = scrape(client)
        client.get("/wp-login.php")
        client.request("BREW", "/coffee")
        after = scrape(client)
        assert grown(before, after, REQUESTS, method="GET", route="none", status="404") == 1
        values = {value for each in after.all for value in each.labels.values()}
        assert not values & {"/wp-login.php", "BREW", "/coffee"}
        assert "other" in values

    @pytest.mark.one_database
    def test_openmetrics_is_answered_where_it_is_preferred(self, client: TestClient) -> None:
        answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")


class TestUploads:
    def test_they_are_counted_by_outcome_with_their_rows(self, client: TestClient) -> None:
        before = scrape(client)
        for content in ("time,y\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3\n", "nothing"):
            for _ in "ab":
                client.post("/v1/series/a/uploads?create=true", content=content, headers=CSV)
        after = scrape(client)
        counts = {
            outcome: grown(before, after, "statecast_uploads_total", outcome=outcome)
            for outcome in ("stored", "repeated", "queued", "refused", "failed")
        }
        assert counts == {"stored": 1, "repeated": 1, "queued": 0, "refused": 2, "failed": 0}
        assert grown(before, after, "statecast_upload_rows_stored_total") == 3


class TestWork:
    def test_a_write_is_timed_with_what_follows_from_it(
        self, client: TestClient, deployed: str
    ) -> None:
        client.post(f"/v1/models/{deployed}/forecasts", json={})
        before = scrape(client)
        put_rows(client, weekly_rows(300, 1))
        after = scrape(client)
        for name in ("append", "state_step", "scoring"):
            assert grown(before, after, f"statecast_{name}_seconds_count") == 1
        assert grown(before, after, "statecast_forecast_seconds_count", cause="write") == 1

    def test_a_forecast_that_is_made_is_timed(self, client: TestClient, model: str) -> None:
        before = scrape(client)
        client.post(f"/v1/models/{model}/forecasts", json={"series": "weekly"})
        client.post("/v1/forecasts:batch", json={"requests": [{"model": model}]})
        after = scrape(client)
        for cause in ("request", "batch"):
            assert grown(before, after, "statecast_forecast_seconds_count", cause=cause) == 1


class TestFiguresOfTheDatabase:
    def test_jobs_are_counted_by_kind_and_state(
        self, client: TestClient, database: Database
    ) -> None:
        with database.transaction() as session:
            session.add_all(
                Job(kind="train", state=state, subject={}, created_at=START)
                for state in (JobState.QUEUED, JobState.QUEUED, JobState.FAILED)
            )
            # Ended long ago: ids begin with the time.
            session.add(Job(id="0" * 32, kind="train", state=JobState.FAILED, subject={}))
        page = scrape(client)
        assert page.value("statecast_jobs", kind="train", state="queued") == 2
        assert page.value("statecast_jobs", kind="train", state="failed") == 1
        assert (page.value("statecast_jobs_oldest_queued_seconds") or 0) > 365 * 86400

    def test_the_times_of_jobs_are_means_and_longest_ones(
        self, client: TestClient, database: Database
    ) -> None:
        with database.transaction() as session:
            for wait, run in ((1, 10), (3, 30)):
                started = START + timedelta(seconds=wait)
                session.add(
                    Job(
                        kind="check",
                        state=JobState.SUCCEEDED,
                        subject={},
                        created_at=START,
                        started_at=started,
                        finished_at=started + timedelta(seconds=run),
                    )
                )
        page = scrape(client)
        found = {
            name: page.value(f"statecast_job_{name}_seconds", kind="check")
            for name in ("wait_mean", "wait_longest", "run_mean", "run_longest")
        }
        assert found == {"wait_mean": 2, "wait_longest": 3, "run_mean": 20, "run_longest": 30}

    def test_workers_are_counted_by_device(self, client: TestClient, database: Database) -> None:
        with database.transaction() as session:
            for name, device, seconds in (("a", "gpu:1", 60), ("b", "cpu", 60), ("c", "cpu", -1)):
                identity = Identity(name, "machine", 1, "now", device)
                workers.beat(session, identity, lost_after_seconds=seconds)
        page = scrape(client)
        assert page.value("statecast_workers", device="gpu") == 1
        assert page.value("statecast_workers", device="cpu") == 1

    def test_series_are_counted_by_the_age_of_their_last_row(
        self, client: TestClient, weekly: str
    ) -> None:
        client.post("/v1/series", json={"name": "empty", "kind": "generic"})
        page = scrape(client)
        assert page.value("statecast_series", age="empty") == 1
        assert page.value("statecast_series", age="older") == 1
        assert page.value("statecast_rows") == 300

    def test_a_champion_has_an_age_an_error_ratio_and_a_coverage(
        self, client: TestClient, deployed: str
    ) -> None:
        put_rows(client, weekly_rows(300, 1))
        for week in range(301, 365):
            put_rows(client, weekly_rows(week, 1))
        page = scrape(client)
        assert page.value("statecast_champions") == 1
        assert 0 <= (page.value("statecast_champion_age_seconds", model=deployed) or -1) < 600
        assert (page.value("statecast_champion_series_lag_seconds", model=deployed) or 0) > 0
        drift = client.get(f"/v1/models/{deployed}/drift").json()
        (error,) = drift["errors"]
        ratio = page.value("statecast_live_error_ratio", model=deployed)
        assert ratio == pytest.approx(error["ratio"])
        seen = client.get(f"/v1/models/{deployed}/performance?window=all").json()["items"][0]
        (target,) = seen["windows"][0]["targets"]
        for level in ("80", "95"):
            coverage = page.value("statecast_live_coverage", model=deployed, level=level)
            assert coverage == pytest.approx(target[f"coverage_{level}"] / 100)
        for part in ("states", "checkpoints"):
            assert (page.value("statecast_state_bytes", part=part) or 0) > 0


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    @contextmanager
    def away(_: Database) -> Iterator[Session]:
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))
        yield

    with monkeypatch.context() as patched:
        patched.setattr(Database, "reading", away)
        yield


@pytest.mark.one_database
class TestWithoutTheDatabase:
    def test_the_process_s_own_figures_are_answered(
        self,
        client: TestClient,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with failing(monkeypatch):
            pages = [scrape(client) for _ in "ab"]
        for page in pages:
            assert page.value("statecast_database_up") == 0
            assert "statecast_workers" not in page.names()
            assert REQUESTS in page.names()
        assert caplog.text.count("could not be read from the database") == 1
        assert scrape(client).value("statecast_database_up") == 1

    def test_a_database_that_hangs_is_not_waited_for(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = threading.Event()
        asked = []

        @contextmanager
        def hanging(_: Database) -> Iterator[Session]:
            asked.append(1)
            answer.wait(30)
            raise OperationalError("SELECT 1", {}, Exception("too late"))
            yield

        with monkeypatch.context() as patched:
            patched.setattr(Database, "reading", hanging)
            patched.setattr(asking, "DEADLINE_SECONDS", 0.05)
            pages = [scrape(client) for _ in "ab"]
            answer.set()
        assert [page.value("statecast_database_up") for page in pages] == [0, 0]
        assert len(asked) == 1


@pytest.mark.one_database
class TestAccess:
    def test_a_service_with_a_key_asks_for_it(self, settings: Settings) -> None:
        keyed = settings.model_copy(update={"api_key": SecretStr("a-long-enough-key")})
        with TestClient(create_app(keyed)) as client:
            assert client.get("/metrics").status_code == 401
            scrape(client, headers={"Authorization": "Bearer a-long-enough-key"})


SHARED = """
from app.instruments.registry import counted
from app.instruments.requests import count_request
from prometheus_client import generate_latest
count_request("/v1/series", "GET", 200, 0.1)
print(generate_latest(counted()).decode())
"""


def test_processes_that_share_a_folder_answer_for_all(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    pages = [
        subprocess.run(
            [sys.executable, "-c", SHARED],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in "ab"
    ]
    counts = [Samples(page).value(REQUESTS, route="/v1/series") for page in pages]
    assert counts == [1, 2]
