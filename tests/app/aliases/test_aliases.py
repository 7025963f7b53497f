"""Aliases over HTTP: pointed, read, rolled back, deleted; what is forecast with by default."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.exc import IntegrityError

from app.db import Database
from app.registry.queries import get_version
from app.registry.tables import Alias, AliasChange
from tests.app.conftest import SPEC, Trainer
from tests.app.test_problems import check_problem

MODEL = "/v1/models/weekly-gru"
ALIASES = f"{MODEL}/aliases"


@pytest.fixture
def three(client: TestClient, model: str, trainer: Trainer) -> str:
    """A model with three trained versions, all of the same network."""
    for _ in range(2):
        train(client, trainer)
    return model


def train(client: TestClient, trainer: Trainer) -> None:
    """Add a trained version."""
    body = {"name": "weekly-gru", "series": "weekly", "spec": SPEC}
    trainer.finish(client.post("/v1/models", json=body).json()["job"]["id"])


def point(client: TestClient, version: int | str, alias: str = "challenger") -> dict[str, Any]:
    answer = client.put(f"{ALIASES}/{alias}", json={"version": version})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def force(client: TestClient, version: int) -> None:
    request = {"version": version, "force": True, "reason": "a test"}
    assert client.put(f"{ALIASES}/champion", json=request).status_code == 200


def roll_back(client: TestClient, alias: str = "challenger") -> int:
    answer = client.post(f"{ALIASES}/{alias}/rollback")
    assert answer.status_code == 200, answer.text
    version: int = answer.json()["version"]
    return version


def aliases(client: TestClient) -> dict[str, int | None]:
    return {each["name"]: each["version"] for each in client.get(ALIASES).json()["items"]}


@pytest.mark.usefixtures("three")
class TestPoint:
    def test_the_answer_has_its_version_and_its_history(self, client: TestClient) -> None:
        point(client, 1)
        body = point(client, 2)
        assert (body["name"], body["version"]) == ("challenger", 2)
        lines = [(line["number"], line["action"], line["version"]) for line in body["history"]]
        assert lines == [(2, "set", 2), (1, "set", 1)]
        assert client.get(ALIASES).json()["items"] == [body]

    def test_the_same_again_changes_nothing(self, client: TestClient) -> None:
        assert point(client, 1) == point(client, 1)

    def test_a_reason_may_be_given_to_any(self, client: TestClient) -> None:
        request = {"version": 1, "reason": "it looks good"}
        line = client.put(f"{ALIASES}/blue", json=request).json()["history"][0]
        assert (line["reason"], line["forced"], line["evidence"]) == ("it looks good", False, None)

    @pytest.mark.parametrize(("version", "number"), [("2", 2), ("latest", 3), ("other", 1)])
    def test_the_version_may_be_named_by_what_names_versions(
        self, client: TestClient, version: str, number: int
    ) -> None:
        point(client, 1, "other")
        assert point(client, version)["version"] == number

    @pytest.mark.one_database
    @pytest.mark.parametrize("alias", ["latest", "12", "0", "-x", "a b", "x" * 101])
    def test_what_could_be_a_version_is_no_alias(self, client: TestClient, alias: str) -> None:
        answer = client.put(f"{ALIASES}/{alias}", json={"version": 1})
        assert check_problem(answer, 422)["errors"][0]["pointer"] == "/path/alias"

    @pytest.mark.one_database
    @pytest.mark.parametrize("reason", [{}, {"reason": None}, {"reason": ""}])
    def test_force_needs_a_reason(self, client: TestClient, reason: dict[str, str]) -> None:
        request = {"version": 1, "force": True, **reason}
        body = check_problem(client.put(f"{ALIASES}/champion", json=request), 422)
        assert body["errors"][0]["pointer"] == "/reason"
        assert aliases(client) == {}

    @pytest.mark.parametrize("version", [4, 0, -1, "none", "9" * 30])
    @pytest.mark.parametrize("alias", ["challenger", "champion"])
    def test_an_unknown_version_is_404(
        self, client: TestClient, alias: str, version: int | str
    ) -> None:
        check_problem(client.put(f"{ALIASES}/{alias}", json={"version": version}), 404)
        assert aliases(client) == {}

    @pytest.mark.parametrize("alias", ["challenger", "champion"])
    def test_a_version_that_is_not_trained_is_409(self, client: TestClient, alias: str) -> None:
        client.post("/v1/models", json={"name": "weekly-gru", "series": "weekly"})
        answer = client.put(f"{ALIASES}/{alias}", json={"version": 4})
        assert "is queued" in check_problem(answer, 409)["detail"]


@pytest.mark.one_database
class TestUnknown:
    def test_a_model_is_404(self, client: TestClient) -> None:
        path = "/v1/models/none/aliases"
        check_problem(client.get(path), 404)
        check_problem(client.put(f"{path}/champion", json={"version": 1}), 404)
        check_problem(client.put(f"{path}/challenger", json={"version": 1}), 404)
        check_problem(client.post(f"{path}/champion/rollback"), 404)
        check_problem(client.delete(f"{path}/champion"), 404)

    def test_an_alias_is_404(self, client: TestClient, model: str) -> None:
        check_problem(client.post(f"{ALIASES}/none/rollback"), 404)
        check_problem(client.delete(f"{ALIASES}/none"), 404)
        check_problem(client.get(f"{MODEL}/versions/none"), 404)
        check_problem(client.post(f"{MODEL}/forecasts", json={"version": "none"}), 404)


@pytest.mark.usefixtures("three")
class TestNames:
    def test_a_version_is_found_by_its_alias(self, client: TestClient) -> None:
        point(client, 2)
        version = client.get(f"{MODEL}/versions/challenger").json()
        assert (version["version"], version["aliases"]) == (2, ["challenger"])
        for path in ("history", "artefact"):
            assert client.get(f"{MODEL}/versions/challenger/{path}").status_code == 200
        forecast = client.post(f"{MODEL}/forecasts", json={"version": "challenger"}).json()
        assert forecast["version"] == 2

    def test_another_model_s_alias_is_not_meant(
        self, client: TestClient, weekly: str, trainer: Trainer
    ) -> None:
        body = {"name": "other", "series": weekly, "spec": SPEC}
        trainer.finish(client.post("/v1/models", json=body).json()["job"]["id"])
        point(client, 2)
        check_problem(client.get("/v1/models/other/versions/challenger"), 404)
        assert client.get("/v1/models/other").json()["aliases"] == {}

    def test_models_and_versions_list_their_aliases(self, client: TestClient) -> None:
        point(client, 2, "blue")
        point(client, 2, "azure")
        point(client, 3)
        expected = {"azure": 2, "blue": 2, "challenger": 3}
        assert client.get(MODEL).json()["aliases"] == expected
        assert client.get("/v1/models").json()["items"][0]["aliases"] == expected
        versions = client.get(f"{MODEL}/versions").json()["items"]
        assert [each["aliases"] for each in versions] == [["challenger"], ["azure", "blue"], []]

    def test_aliases_are_cut_into_pages(self, client: TestClient) -> None:
        for alias in ("c", "a", "b"):
            point(client, 1, alias)
        first = client.get(f"{ALIASES}?limit=2").json()
        second = client.get(f"{ALIASES}?limit=2&cursor={first['next']}").json()
        assert [each["name"] for page in (first, second) for each in page["items"]] == [
            "a",
            "b",
            "c",
        ]


@pytest.mark.usefixtures("three")
class TestDefault:
    def default(self, client: TestClient) -> int:
        """The version that answers when none is asked for, by each of the ways to ask."""
        found = [
            client.post(f"{MODEL}/forecasts").json()["version"],
            client.get(f"{MODEL}/forecasts/latest").json()["version"],
            client.get(f"{MODEL}/forecasts/latest?series=weekly").json()["version"],
            client.get(MODEL).json()["version"],
        ]
        assert len(set(found)) == 1, found
        version: int = found[0]
        return version

    def test_without_a_champion_it_is_the_newest(self, client: TestClient) -> None:
        point(client, 1)
        assert self.default(client) == 3

    def test_the_champion_wins_over_newer_ones(self, client: TestClient) -> None:
        assert self.default(client) == 3
        point(client, 1, "champion")
        assert self.default(client) == 1
        assert client.post(f"{MODEL}/forecasts", json={"version": "latest"}).json()["version"] == 3
        assert client.get(f"{MODEL}/versions/latest").json()["version"] == 3

    def test_a_rollback_serves_the_version_before_at_once(self, client: TestClient) -> None:
        force(client, 1)
        before = client.get(f"{MODEL}/forecasts/latest").json()
        force(client, 2)
        assert self.default(client) == 2
        assert roll_back(client, "champion") == 1
        assert client.get(f"{MODEL}/forecasts/latest").json() == before

    def test_without_its_champion_a_model_serves_the_newest_again(self, client: TestClient) -> None:
        force(client, 1)
        assert self.default(client) == 1
        client.delete(f"{ALIASES}/champion")
        assert self.default(client) == 3


@pytest.mark.usefixtures("three")
class TestRollback:
    def test_each_goes_one_further_back(self, client: TestClient) -> None:
        for version in (1, 2, 3):
            point(client, version)
        assert [roll_back(client), roll_back(client)] == [2, 1]
        body = check_problem(client.post(f"{ALIASES}/challenger/rollback"), 409)
        assert "never pointed to another version" in body["detail"]
        assert aliases(client) == {"challenger": 1}

    def test_what_was_taken_back_is_not_come_back_to(self, client: TestClient) -> None:
        point(client, 1)
        point(client, 2)
        roll_back(client)
        point(client, 3)
        assert roll_back(client) == 1

    def test_the_history_keeps_all(self, client: TestClient) -> None:
        point(client, 1)
        point(client, 2)
        roll_back(client)
        history = client.get(ALIASES).json()["items"][0]["history"]
        lines = [(line["action"], line["version"]) for line in history]
        assert lines == [("rolled_back", 1), ("set", 2), ("set", 1)]

    def test_the_same_key_rolls_back_once(self, client: TestClient) -> None:
        for version in (1, 2, 3):
            point(client, version)
        path, headers = f"{ALIASES}/challenger/rollback", {"Idempotency-Key": "abc"}
        first, second = (client.post(path, headers=headers) for _ in range(2))
        assert first.status_code == second.status_code == 200
        assert first.json() == second.json()
        assert aliases(client) == {"challenger": 2}


@pytest.mark.usefixtures("three")
class TestDelete:
    def test_the_version_is_as_before_and_the_history_stays(self, client: TestClient) -> None:
        point(client, 1)
        assert client.delete(f"{ALIASES}/challenger").status_code == 204
        assert client.get(f"{MODEL}/versions/1").json()["aliases"] == []
        check_problem(client.get(f"{MODEL}/versions/challenger"), 404)
        (item,) = client.get(ALIASES).json()["items"]
        assert item["version"] is None
        assert [line["action"] for line in item["history"]] == ["deleted", "set"]

    def test_a_deleted_one_is_gone_for_rollbacks(self, client: TestClient) -> None:
        point(client, 1)
        point(client, 2)
        client.delete(f"{ALIASES}/challenger")
        check_problem(client.delete(f"{ALIASES}/challenger"), 404)
        check_problem(client.post(f"{ALIASES}/challenger/rollback"), 404)
        point(client, 3)
        check_problem(client.post(f"{ALIASES}/challenger/rollback"), 409)

    def test_a_version_with_an_alias_cannot_be_deleted_alone(
        self, client: TestClient, database: Database
    ) -> None:
        point(client, 1)
        with pytest.raises(IntegrityError), database.transaction() as session:
            session.delete(get_version(session, "weekly-gru", "1")[0])
        assert aliases(client) == {"challenger": 1}

    def test_a_rollback_passes_over_versions_that_are_gone(
        self, client: TestClient, database: Database
    ) -> None:
        for version in (1, 2, 3):
            point(client, version)
        with database.transaction() as session:
            session.delete(get_version(session, "weekly-gru", "2")[0])
        assert roll_back(client) == 1

    def test_all_go_with_the_model(self, client: TestClient, database: Database) -> None:
        force(client, 1)
        point(client, 2)
        assert client.delete(MODEL).status_code == 204
        with database.reading() as session:
            for table in (Alias, AliasChange):
                assert session.scalar(sa.select(sa.func.count()).select_from(table)) == 0


@pytest.mark.usefixtures("three")
class TestAtOnce:
    def test_the_history_is_that_of_one_after_another(
        self, client: TestClient, database: Database
    ) -> None:
        def change(number: int) -> int:
            if number % 5 == 4:
                return client.post(f"{ALIASES}/challenger/rollback").status_code
            request = {"version": number % 3 + 1}
            return client.put(f"{ALIASES}/challenger", json=request).status_code

        point(client, 1)
        with ThreadPoolExecutor(8) as pool:
            statuses = set(pool.map(change, range(40)))
        assert statuses <= {200, 409}
        with database.reading() as session:
            lines = session.scalars(sa.select(AliasChange).order_by(AliasChange.number)).all()
        assert [line.number for line in lines] == list(range(1, len(lines) + 1))
        assert aliases(client) == {"challenger": lines[-1].version}
        stack: list[int | None] = []
        for line in lines:
            if line.action == "set":
                stack.append(line.version)
            else:
                stack.pop()
            assert stack[-1] == line.version

    def test_the_first_change_of_an_alias_may_come_twice(self, client: TestClient) -> None:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: point(client, 1), range(8)))
        assert all(body == found[0] for body in found)
        assert len(found[0]["history"]) == 1
