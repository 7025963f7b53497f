"""Cleaning: what the policies do not keep is deleted, and forecasts are unchanged."""

import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.db import Database
from app.forecasts.tables import StoredForecast
from app.live import storage as state_storage
from app.live.tables import KeptState, StateCheckpoint
from app.registry.tables import Alias, Bundle, Model, ModelVersion
from app.retention.cleaning import Cleaner
from app.scores.tables import ForecastScore
from app.settings import Settings
from tests.app.conftest import Trainer, put_rows, weekly_rows
from tests.app.retention.conftest import (
    MODEL,
    RETENTION,
    age,
    append,
    clean,
    performance,
    point,
    set_rules,
    train,
)
from tests.app.test_problems import check_problem

NOTHING = {"forecasts": 0, "scores": 0, "states": 0, "versions": 0}
LEADS = 4


def count(database: Database, table: type[Any]) -> int:
    with database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def numbers(client: TestClient) -> list[int]:
    items = client.get(f"{MODEL}/versions").json()["items"]
    return sorted(item["version"] for item in items)


class TestForecasts:
    def test_old_ones_go_and_the_figures_stay(
        self, client: TestClient, database: Database, aged_model: str
    ) -> None:
        before, latest = performance(client), client.get(f"{MODEL}/forecasts/latest")
        # Of 20 origins, points of the last 6 scored steps and all that wait stay: 4 leads reach
        # 3 steps further back than the oldest of them.
        expected = {"forecasts": 10, "scores": 40, "states": 0, "versions": 0}
        assert client.get(RETENTION).json()["would_delete"] == expected
        assert clean(client, database) == expected
        assert count(database, StoredForecast) == 10
        assert performance(client) == pytest.approx(before, rel=1e-9)
        again = client.get(f"{MODEL}/forecasts/latest")
        assert (again.headers["etag"], again.json()) == (latest.headers["etag"], latest.json())
        assert clean(client, database) == NOTHING

    def test_figures_go_on_from_the_sums(
        self, client: TestClient, database: Database, aged_model: str
    ) -> None:
        for first in (20, 30):
            clean(client, database)
            append(client, first, 10)
            age(database)
        clean(client, database)
        with database.reading() as session:
            scored = sa.select(sa.func.count()).where(ForecastScore.lead == 1)
            left = session.scalar(scored.where(ForecastScore.actual.is_not(None))) or 0
        figures = performance(client)
        # Every origin but the last has met the truth of its first lead.
        assert figures[1, "all", 1, "count"] == 39 > left

    def test_scores_may_go_before_their_forecasts(
        self, client: TestClient, database: Database, aged_model: str
    ) -> None:
        first = client.get("/v1/forecasts?limit=1000").json()["items"][-1]["id"]
        before = performance(client)
        set_rules(client, forecasts_days=None, scores_days=None)
        assert clean(client, database) == NOTHING
        set_rules(client, forecasts_days=None, scores_days=30)
        assert clean(client, database) == {**NOTHING, "scores": 40}
        assert performance(client) == pytest.approx(before, rel=1e-9)
        assert count(database, StoredForecast) == 20
        answer = client.get(f"/v1/forecasts/{first}", params={"replay": "true"}).json()
        assert "actual" not in answer["forecast"]["points"][0]
        assert answer["replay"]["identical"]

    def test_a_model_of_classes_keeps_its_figures(
        self, client: TestClient, database: Database, direction: str
    ) -> None:
        path = f"/v1/models/{direction}"
        body = {"version": 1, "force": True, "reason": "a test"}
        assert client.put(f"{path}/aliases/champion", json=body).status_code == 200
        append(client, 0, 15)
        age(database)
        before = performance(client, path)
        assert clean(client, database, f"{path}/retention:clean")["scores"] == 3 * 6
        assert performance(client, path) == pytest.approx(before, rel=1e-9)
        assert before[1, "all", 1, "count"] == 14


class TestVersions:
    @pytest.fixture
    def six(self, client: TestClient, aged_model: str, trainer: Trainer) -> str:
        """Six versions: 3 is the champion, 2 and 1 were it before."""
        for _ in range(5):
            train(client, trainer)
        for version in (2, 3):
            point(client, "champion", version)
        return aged_model

    def test_what_nothing_needs_goes_but_the_newest(
        self, client: TestClient, database: Database, six: str
    ) -> None:
        set_rules(client, versions=1, rollbacks=1)
        assert clean(client, database)["versions"] == 2
        # 3 is the champion, 2 the one before, 6 the newest, 5 the newest that nothing needs.
        assert numbers(client) == [2, 3, 5, 6]
        for table in (Bundle, ModelVersion):
            assert count(database, table) == 4
        assert client.post(f"{MODEL}/aliases/champion/rollback").json()["version"] == 2
        check_problem(client.post(f"{MODEL}/aliases/champion/rollback"), 409)
        check_problem(client.get(f"{MODEL}/versions/1"), 404)

    def test_a_version_in_use_stays(
        self, client: TestClient, database: Database, six: str, trainer: Trainer
    ) -> None:
        append(client, 20, 1)
        client.post(f"{MODEL}/forecasts", json={"version": 1})
        client.post(f"{MODEL}/backtests", json={"version": 4, "origins": {"every": 13}})
        train(client, trainer)
        set_rules(client, versions=1, rollbacks=1)
        clean(client, database)
        assert numbers(client) == [1, 2, 3, 4, 6, 7]

    def test_versions_that_failed_go_by_their_number(
        self, client: TestClient, database: Database, model: str, trainer: Trainer
    ) -> None:
        body = {"name": model, "series": "weekly"}
        for _ in range(3):
            job = client.post("/v1/models", json=body).json()["job"]["id"]
            assert client.post(f"/v1/jobs/{job}/cancel").status_code == 200
        train(client, trainer)
        set_rules(client, versions=2)
        assert clean(client, database)["versions"] == 1
        # 5 is needed; 4 and 3 are the newest of the others, and 1 is the newest trained of them.
        assert numbers(client) == [1, 3, 4, 5]

    def test_an_alias_and_a_deletion_never_both_win(
        self, client: TestClient, database: Database, six: str, trainer: Trainer
    ) -> None:
        set_rules(client, versions=1, rollbacks=1)
        aims = [4, 5, 7, 8]
        for _ in range(3):
            train(client, trainer)
        start = Barrier(len(aims) + 1)

        def aim(version: int) -> int:
            start.wait()
            body = {"version": version}
            return client.put(f"{MODEL}/aliases/to-{version}", json=body).status_code

        def delete() -> None:
            with database.reading() as session:
                (model_id,) = session.scalars(sa.select(Model.id))
            start.wait()
            Cleaner(database, Settings(), lambda _: None).clean(model_id)

        with ThreadPoolExecutor(len(aims) + 1) as threads:
            cleaning = threads.submit(delete)
            statuses = dict(zip(aims, threads.map(aim, aims), strict=True))
            cleaning.result()
        left = numbers(client)
        for version, status in statuses.items():
            assert (status == 200) == (version in left)
            assert status in (200, 404, 409)
            if status == 200:
                path = f"{MODEL}/versions/to-{version}"
                assert client.get(path).json()["version"] == version
                asked = {"version": f"to-{version}"}
                assert client.post(f"{MODEL}/forecasts", json=asked).status_code == 200
        with database.reading() as session:
            pointed = set(session.scalars(sa.select(Alias.version_id)))
            assert pointed <= set(session.scalars(sa.select(ModelVersion.id)))
        report = put_rows(client, weekly_rows(320, 1))
        assert all(entry["error"] is None for entry in report["forecasts"])


def test_a_request_whose_version_is_deleted_meanwhile_is_409(
    client: TestClient, database: Database, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version goes between being read for an alias and having its state stored."""
    keep = state_storage.keep_state

    def too_late(session: Session, *arguments: Any) -> None:
        session.execute(sa.delete(ModelVersion))
        keep(session, *arguments)

    monkeypatch.setattr(state_storage, "keep_state", too_late)
    answer = client.put(f"{MODEL}/aliases/late", json={"version": 1})
    assert "deleted in the meantime" in check_problem(answer, 409)["detail"]
    assert numbers(client) == [1]


class TestStates:
    def test_old_states_go_unless_they_serve_or_wait(
        self, client: TestClient, database: Database, model: str, trainer: Trainer
    ) -> None:
        for _ in range(3):
            train(client, trainer)
        # 1 can be rolled back to, 4 is the newest; 2 and 3 were only asked, 3 of late.
        for version in (1, 2, 3):
            client.post(f"{MODEL}/forecasts", json={"version": version})
            put_rows(client, weekly_rows(300 + 4 * version, 4))
        point(client, "champion", 1)
        point(client, "champion", 4)
        age(database)
        client.post(f"{MODEL}/forecasts", json={"version": 3})
        set_rules(client, forecasts_days=None, scores_days=None, rollbacks=1)
        assert client.get(RETENTION).json()["would_delete"]["states"] == 1
        assert clean(client, database) == {**NOTHING, "states": 1}
        with database.reading() as session:
            kept = sa.select(ModelVersion.number).join(KeptState)
            assert set(session.scalars(kept)) == {1, 3, 4}
            marked = sa.select(ModelVersion.number).join(StateCheckpoint)
            assert 2 not in session.scalars(marked).all()
        # It is computed again when a forecast needs it.
        assert client.post(f"{MODEL}/forecasts", json={"version": 2}).status_code == 200

    def test_a_state_whose_forecast_waits_stays(
        self, client: TestClient, database: Database, model: str, trainer: Trainer
    ) -> None:
        made = client.post(f"{MODEL}/forecasts").json()
        train(client, trainer)
        age(database)
        assert clean(client, database) == NOTHING
        put_rows(client, weekly_rows(300, 1))
        (first, *_) = client.get(f"/v1/forecasts/{made['id']}").json()["points"]
        assert first["actual"] is not None


def test_with_any_policy_all_that_serves_goes_on_serving(
    client: TestClient, database: Database, model: str, trainer: Trainer
) -> None:
    """Rounds of appends, trainings and promotions, each followed by a cleaning."""
    rng = np.random.default_rng(7)
    weeks, versions, gone = 0, [1], Counter[str]()
    point(client, "champion", 1)
    for _ in range(4):
        versions += [train(client, trainer) for _ in range(2)]
        for alias in ("champion", "challenger"):
            alive = [each for each in versions if each in numbers(client)]
            if rng.random() < 0.7:
                point(client, alias, int(rng.choice(alive)))
        steps = int(rng.integers(3, 7))
        append(client, weeks, steps)
        weeks += steps
        if rng.random() < 0.8:
            age(database)
        ages = (None, 1, 30)
        rules = dict.fromkeys(("forecasts_days", "scores_days", "states_days"), ages)
        rules |= dict.fromkeys(("versions", "rollbacks"), (None, 1, 1))
        set_rules(client, **{name: each[rng.integers(len(each))] for name, each in rules.items()})
        gone += check_cleaning(client, database)
    assert set(gone) == set(NOTHING)


def check_cleaning(client: TestClient, database: Database) -> Counter[str]:
    """Clean, and look at everything that must be as it was; what was deleted."""
    figures, latest = performance(client), client.get(f"{MODEL}/forecasts/latest")
    expected = client.get(RETENTION).json()["would_delete"]
    assert clean(client, database) == expected
    assert client.get(RETENTION).json()["would_delete"] == NOTHING
    left = numbers(client)
    expected_figures = {key: each for key, each in figures.items() if key[0] in left}
    assert performance(client) == pytest.approx(expected_figures, rel=1e-9)
    again = client.get(f"{MODEL}/forecasts/latest")
    assert again.headers["etag"] == latest.headers["etag"]
    replay = client.get(f"/v1/forecasts/{again.json()['id']}", params={"replay": "true"})
    assert replay.json()["replay"]["identical"]
    for alias in client.get(f"{MODEL}/aliases").json()["items"]:
        check_rollback(client, database, alias)
    return Counter(expected)


def check_rollback(client: TestClient, database: Database, alias: dict[str, Any]) -> None:
    """An alias serves; and where it can be rolled back, a state is ready there. Put it back."""
    name, version = alias["name"], alias["version"]
    assert client.post(f"{MODEL}/forecasts", json={"version": name}).status_code == 200
    answer = client.post(f"{MODEL}/aliases/{name}/rollback")
    if len(alias["history"]) == 1:
        check_problem(answer, 409)
        return
    assert answer.status_code == 200, answer.text
    with database.reading() as session:
        keys = sa.select(KeptState.version_id).join(ModelVersion)
        ready = session.scalars(keys.where(ModelVersion.number == answer.json()["version"])).all()
    assert len(ready) == 1
    assert client.post(f"{MODEL}/forecasts", json={"version": name}).status_code == 200
    point(client, name, version)


SCRIPT = """
import sys
from app.db import Database
from app.retention import conditions, throttle
from app.retention.cleaning import Cleaner
from app.settings import Settings
conditions.WATCHED_STEPS, throttle.FIRST_SIZE, throttle.LARGEST_SIZE = 6, 1, 1
Cleaner(Database(sys.argv[1]), Settings(), lambda _: None).clean(int(sys.argv[2]))
"""


def test_a_cleaning_that_is_killed_is_begun_again(
    client: TestClient, database: Database, database_url: str, aged_model: str
) -> None:
    before = performance(client)
    with database.reading() as session:
        (model_id,) = session.scalars(sa.select(Model.id))
    command = [sys.executable, "-c", SCRIPT, database_url, str(model_id)]
    cleaning = subprocess.Popen(command)
    while count(database, StoredForecast) == 20 and cleaning.poll() is None:
        time.sleep(0.001)
    cleaning.kill()
    cleaning.wait()
    left = count(database, StoredForecast)
    assert performance(client) == pytest.approx(before, rel=1e-9)
    assert clean(client, database)["forecasts"] == left - 10
    assert performance(client) == pytest.approx(before, rel=1e-9)
