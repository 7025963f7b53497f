"""The gate before `champion`: evidence, refusals, force, and who comes in between."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from app.aliases import gate
from app.aliases.gate import Verdict
from app.db import Database
from app.main import create_app
from app.registry.queries import VersionRow
from app.settings import Settings
from tests.app.conftest import ROWS, SPEC, Trainer, put_rows, weekly_rows
from tests.app.test_problems import check_problem

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from models.training.trained import Trained

MODEL = "/v1/models/weekly-gru"
CHAMPION = f"{MODEL}/aliases/champion"
WEAK = {**SPEC, "epochs": 1, "highway": None}


@pytest.fixture(scope="module")
def weak_once() -> list["Trained"]:
    """A network that learnt next to nothing, once the first test has needed it."""
    return []


@pytest.fixture
def weak(client: TestClient, weekly: str, database: Database, weak_once: list["Trained"]) -> str:
    """A model whose first version loses to the baselines."""
    train(client, Trainer(database, weak_once), WEAK)
    return "weekly-gru"


def train(client: TestClient, trainer: Trainer, spec: dict[str, Any] = SPEC) -> None:
    """Add a trained version."""
    body = {"name": "weekly-gru", "series": "weekly", "spec": spec}
    trainer.finish(client.post("/v1/models", json=body).json()["job"]["id"])


def promote(client: TestClient, version: int, **request: object) -> Response:
    return client.put(CHAMPION, json={"version": version, **request})


def force(client: TestClient, version: int) -> None:
    assert promote(client, version, force=True, reason="a test").status_code == 200


def by_rival(evidence: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {line["against"]: line for line in evidence}


class TestPassed:
    def test_the_first_champion_meets_the_baselines(self, client: TestClient, model: str) -> None:
        body = promote(client, 1).json()
        assert body["version"] == 1
        (line,) = body["history"]
        assert not line["forced"]
        evidence = by_rival(line["evidence"])
        assert list(evidence) == ["naive", "seasonal_naive"]
        report = client.get(f"{MODEL}/versions/1").json()["metrics"]["test"]["y"]
        naive = evidence["naive"]
        assert naive["metric"] == "mae"
        assert naive["value"] == pytest.approx(report["mae"])
        assert naive["other"] == pytest.approx(report["naive_mae"])
        assert naive["p_value"] == pytest.approx(report["significance"]["naive"]["p_value"])
        assert naive["passed"]
        assert "better than the naive forecast" in naive["sentence"]

    def test_a_better_version_takes_over(
        self, client: TestClient, weak: str, trainer: Trainer
    ) -> None:
        force(client, 1)
        train(client, trainer)
        body = promote(client, 2).json()
        assert body["version"] == 2
        champion = by_rival(body["history"][0]["evidence"])["champion"]
        assert champion["passed"]
        assert champion["value"] < champion["other"]
        assert champion["p_value"] < 0.05

    def test_newer_rows_count(self, client: TestClient, model: str) -> None:
        put_rows(client, weekly_rows(ROWS, 30))
        (line,) = promote(client, 1).json()["history"]
        assert {each["origins"] for each in line["evidence"]} == {41 + 30}

    def test_the_champion_again_is_no_change(self, client: TestClient, model: str) -> None:
        assert promote(client, 1).json() == promote(client, 1).json()

    def test_long_series_are_read_at_their_end(
        self, client: TestClient, model: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gate, "MOST_ROWS", 100)
        monkeypatch.setattr(gate, "LEAST_ROWS", 0)
        (line,) = promote(client, 1).json()["history"]
        # The test part of 45 rows lies after the first quarter of the 100 that are read.
        assert {each["origins"] for each in line["evidence"]} == {41}


@pytest.mark.one_database
class TestRefused:
    def test_one_that_loses_to_the_baselines(self, client: TestClient, weak: str) -> None:
        body = check_problem(promote(client, 1), 409)
        assert body["type"] == "urn:statecast:problem:promotion-refused"
        assert "does not beat" in body["detail"]
        assert "the seasonal naive forecast" in body["detail"]
        lost = by_rival(body["evidence"])["seasonal_naive"]
        assert not lost["passed"]
        assert lost["skill"] < 0
        assert client.get(f"{MODEL}/aliases").json()["items"] == []

    def test_one_that_is_no_better_than_the_champion(
        self, client: TestClient, model: str, trainer: Trainer
    ) -> None:
        promote(client, 1)
        train(client, trainer)
        body = check_problem(promote(client, 2), 409)
        assert body["detail"].startswith("Version 2 does not beat the present champion:")
        evidence = by_rival(body["evidence"])
        assert [line["passed"] for line in evidence.values()] == [True, True, False]
        assert "do not differ" in evidence["champion"]["sentence"]
        assert client.get(f"{MODEL}/versions/champion").json()["version"] == 1

    def test_one_below_the_margin(self, settings: Settings, client: TestClient, model: str) -> None:
        strict = settings.model_copy(update={"promotion_margin": 0.999})
        with TestClient(create_app(strict)) as other:
            body = check_problem(promote(other, 1), 409)
        assert "the margin is 99.90%" in body["evidence"][0]["sentence"]

    def test_one_that_cannot_be_compared(
        self, client: TestClient, weak: str, database: Database
    ) -> None:
        force(client, 1)
        train(client, Trainer(database, []), {**SPEC, "horizon": None, "leads": [6]})
        body = check_problem(promote(client, 2), 409)
        champion = by_rival(body["evidence"])["champion"]
        assert (champion["passed"], champion["value"]) == (False, None)
        assert "have no common lead" in champion["sentence"]


class TestForced:
    def test_it_is_kept_with_its_reason(self, client: TestClient, weak: str) -> None:
        body = promote(client, 1, force=True, reason="There is nothing better.").json()
        (line,) = body["history"]
        assert (line["forced"], line["reason"]) == (True, "There is nothing better.")
        assert line["evidence"] is None

    def test_a_rollback_passes_without_the_gate(
        self, client: TestClient, weak: str, trainer: Trainer
    ) -> None:
        force(client, 1)
        train(client, trainer)
        promote(client, 2)
        assert client.post(f"{CHAMPION}/rollback").json()["version"] == 1


class TestAtOnce:
    def test_of_two_equally_good_ones_one_is_promoted(
        self, client: TestClient, weak: str, trainer: Trainer
    ) -> None:
        force(client, 1)
        for _ in range(2):
            train(client, trainer)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda version: promote(client, version), (2, 3)))
        # Both beat the first; the second one is compared with the new champion.
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (item,) = client.get(f"{MODEL}/aliases").json()["items"]
        winner = 2 if answers[0].status_code == 200 else 3
        assert [line["version"] for line in item["history"]] == [winner, 1]

    def test_a_new_champion_in_between_is_compared_with(
        self, client: TestClient, weak: str, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(2):
            train(client, trainer)
        examine, examined = gate.examine, []

        def examine_slowly(session: "Session", row: VersionRow, margin: float) -> Verdict:
            verdict = examine(session, row, margin)
            if not examined:
                force(client, 2)
            examined.append(verdict.champion_id)
            return verdict

        monkeypatch.setattr(gate, "examine", examine_slowly)
        check_problem(promote(client, 3), 409)
        assert len(examined) == 2
        assert client.get(f"{MODEL}/versions/champion").json()["version"] == 2

    def test_a_champion_that_changes_all_the_time_is_409(
        self, client: TestClient, weak: str, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        train(client, trainer)
        examine = gate.examine

        def examine_slowly(session: "Session", row: VersionRow, margin: float) -> Verdict:
            verdict = examine(session, row, margin)
            if verdict.champion_id is None:
                force(client, 1)
            else:
                client.delete(CHAMPION)
            return verdict

        monkeypatch.setattr(gate, "examine", examine_slowly)
        body = check_problem(promote(client, 2), 409)
        assert "changed by others" in body["detail"]
