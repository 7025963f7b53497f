"""Studies over HTTP, before any worker has looked at them."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.test_problems import check_problem

UNITS = {"/layers/0/units": {"type": "int", "low": 2, "high": 8, "step": 2}}
SPEC = {"horizon": 4, "epochs": 9}


def body(**search: Any) -> dict[str, Any]:
    asked = {"method": "random", "trials": 3, "space": UNITS, **search}
    return {"name": "tuned", "series": "weekly", "spec": SPEC, "search": asked}


def start(client: TestClient, **search: Any) -> str:
    answer = client.post("/v1/studies", json=body(**search))
    assert answer.status_code == 202, answer.text
    study_id: str = answer.json()["id"]
    return study_id


def pointers(answer: Any) -> list[str]:
    return [error["pointer"] for error in check_problem(answer, 422)["errors"]]


class TestStart:
    def test_the_study_is_a_job_with_as_many_trials_queued_as_may_run_at_once(
        self, client: TestClient, weekly: str
    ) -> None:
        answer = client.post("/v1/studies", json=body(parallel=2))
        queued = answer.json()
        assert (queued["name"], queued["job"]["kind"]) == ("tuned", "study")
        assert answer.headers["location"] == f"/v1/jobs/{queued['job']['id']}"
        study = client.get(f"/v1/studies/{queued['id']}").json()
        assert (study["state"], study["model"], study["best"]) == ("queued", None, None)
        assert study["progress"]["queued"] == 2
        assert [trial["state"] for trial in study["trials"]] == ["queued", "queued"]
        kinds = [job["kind"] for job in client.get("/v1/jobs").json()["items"]]
        assert sorted(kinds) == ["study", "trial", "trial"]

    def test_no_more_trials_are_queued_than_there_may_be(
        self, client: TestClient, weekly: str
    ) -> None:
        study = client.get(f"/v1/studies/{start(client, trials=1, parallel=8)}").json()
        assert study["progress"]["queued"] == 1

    @pytest.mark.one_database
    def test_the_search_is_shown_with_its_defaults(self, client: TestClient, weekly: str) -> None:
        study = client.get(f"/v1/studies/{start(client, method='hyperband')}").json()
        assert (study["search"]["factor"], study["search"]["min_epochs"]) == (3, 1)
        study = client.get(f"/v1/studies/{start(client, objective='rolling_origin')}").json()
        assert study["search"]["folds"] == 3

    def test_a_request_sent_twice_with_one_key_is_one_study(
        self, client: TestClient, weekly: str
    ) -> None:
        headers = {"Idempotency-Key": "abc"}
        first, second = (client.post("/v1/studies", json=body(), headers=headers) for _ in range(2))
        assert first.json() == second.json()
        assert len(client.get("/v1/studies").json()["items"]) == 1

    @pytest.mark.one_database
    @pytest.mark.parametrize("name", ["deep-rnn-search", "deep-lstm-search", "deep-gru-search"])
    def test_a_preset_gives_spec_and_space(
        self, client: TestClient, weekly: str, name: str
    ) -> None:
        presets = {p["name"]: p for p in client.get("/v1/presets").json()["items"]}
        search = {"preset": name, "method": "random", "trials": 1}
        request = {"name": "deep", "series": weekly, "spec": {"horizon": 2}, "search": search}
        answer = client.post("/v1/studies", json=request)
        assert answer.status_code == 202, answer.text
        study = client.get(f"/v1/studies/{answer.json()['id']}").json()
        assert set(study["search"]["space"]) == set(presets[name]["search"]["space"])
        assert study["spec"] == {**presets[name]["spec"], "horizon": 2}

    def test_presets_of_models_have_no_search(self, client: TestClient, weekly: str) -> None:
        presets = {p["name"]: p for p in client.get("/v1/presets").json()["items"]}
        assert presets["default"]["search"] is None


@pytest.mark.one_database
class TestRefused:
    @pytest.mark.parametrize(
        ("search", "pointer"),
        [
            ({"space": {}}, "/search/space"),
            ({"method": "grid"}, "/search/method"),
            ({"trials": 0}, "/search/trials"),
            ({"minutes": 0}, "/search/minutes"),
            ({"preset": "none"}, "/search/preset"),
            ({"factor": 3}, "/search/factor"),
            ({"folds": 3}, "/search/folds"),
            ({"objective": "rolling_origin", "folds": 20}, "/search/folds"),
            ({"epochs": 10}, "/search/epochs"),
            ({"method": "hyperband", "min_epochs": 4}, "/spec/epochs"),
            ({"method": "hyperband", "epochs": 2}, "/search/epochs"),
        ],
    )
    def test_the_answer_points_at_the_field(
        self, client: TestClient, weekly: str, search: dict[str, Any], pointer: str
    ) -> None:
        assert pointer in pointers(client.post("/v1/studies", json=body(**search)))
        assert client.get("/v1/studies").json()["items"] == []
        assert client.get("/v1/jobs").json()["items"] == []

    @pytest.mark.parametrize(
        ("name", "dimension", "below"),
        [
            ("/layers/1/units", {"type": "int", "low": 1, "high": 2}, ""),
            ("/layers/0/unitz", {"type": "int", "low": 1, "high": 2}, ""),
            ("layers", {"type": "int", "low": 1, "high": 2}, ""),
            ("", {"type": "int", "low": 1, "high": 2}, ""),
            ("/loss", {"type": "choice", "values": ["mae", "mse"]}, ""),
            ("/split/validation", {"type": "float", "low": 0.1, "high": 0.2}, ""),
            ("/layers/0/units", {"type": "int", "low": 9, "high": 2}, "/low"),
            ("/layers/0/units", {"type": "int", "low": 0, "high": 2}, "/low"),
            ("/layers/0/units", {"type": "int", "low": 1, "high": 5000}, "/high"),
            ("/layers/0/units", {"type": "int", "low": 1.5, "high": 2}, "/low"),
            ("/layers/0/units", {"type": "int", "low": 1}, "/high"),
            ("/layers/0/units", {"type": "float", "low": 1, "high": 9}, ""),
            ("/layers/0/units", {"type": "choice", "low": 1}, "/values"),
            ("/layers/0/units", {"type": "choice", "values": [4, "many"]}, "/values/1"),
            ("/layers/0/cell", {"type": "choice", "values": ["gru", "gru"]}, "/values/1"),
            ("/optimizer/learning_rate", {"type": "log_float", "low": 0, "high": 1}, "/low"),
            ("/burn_in", {"type": "int", "low": 2, "high": 40_000}, "/high"),
        ],
    )
    def test_a_dimension_that_cannot_work_is_422(
        self,
        client: TestClient,
        weekly: str,
        name: str,
        dimension: dict[str, Any],
        below: str,
    ) -> None:
        answer = client.post("/v1/studies", json=body(space={name: dimension}))
        escaped = name.replace("~", "~0").replace("/", "~1")
        assert f"/search/space/{escaped}{below}" in pointers(answer)

    def test_a_field_within_another_is_422(self, client: TestClient, weekly: str) -> None:
        space = {**UNITS, "/layers": {"type": "choice", "values": [[{"cell": "gru"}]]}}
        answer = client.post("/v1/studies", json=body(space=space))
        assert pointers(answer) == ["/search/space/~1layers~10~1units"]

    def test_a_spec_that_cannot_work_points_into_the_spec(
        self, client: TestClient, weekly: str
    ) -> None:
        request = {**body(), "spec": {"targets": ["z"]}}
        assert "/spec/targets/0" in pointers(client.post("/v1/studies", json=request))

    def test_without_validation_rows_trials_cannot_be_compared(
        self, client: TestClient, weekly: str
    ) -> None:
        request = {**body(), "spec": {**SPEC, "split": {"validation": 0}}}
        assert pointers(client.post("/v1/studies", json=request)) == ["/spec/split/validation"]

    def test_two_presets_are_422(self, client: TestClient, weekly: str) -> None:
        request = {**body(preset="deep-gru-search"), "preset": "default"}
        assert pointers(client.post("/v1/studies", json=request)) == ["/preset"]

    def test_an_unknown_series_is_404(self, client: TestClient) -> None:
        check_problem(client.post("/v1/studies", json=body()), 404)

    def test_an_unknown_study_is_404(self, client: TestClient) -> None:
        check_problem(client.get("/v1/studies/none"), 404)
        check_problem(client.delete("/v1/studies/none"), 404)


class TestCancel:
    def test_the_trials_that_wait_are_cancelled_with_their_study(
        self, client: TestClient, weekly: str
    ) -> None:
        study_id = start(client)
        assert client.post(f"/v1/jobs/{study_id}/cancel").status_code == 200
        study = client.get(f"/v1/studies/{study_id}").json()
        assert study["state"] == "cancelled"
        assert [trial["state"] for trial in study["trials"]] == ["cancelled", "cancelled"]
        states = {job["state"] for job in client.get("/v1/jobs").json()["items"]}
        assert states == {"cancelled"}


class TestDelete:
    def test_it_cancels_and_leaves_no_trace(self, client: TestClient, weekly: str) -> None:
        study_id = start(client)
        assert client.delete(f"/v1/studies/{study_id}").status_code == 204
        check_problem(client.get(f"/v1/studies/{study_id}"), 404)
        states = {job["state"] for job in client.get("/v1/jobs").json()["items"]}
        assert states == {"cancelled"}

    def test_a_series_under_study_is_deleted_by_force_only(
        self, client: TestClient, weekly: str
    ) -> None:
        study_id = start(client)
        problem = check_problem(client.delete(f"/v1/series/{weekly}"), 409)
        assert study_id in problem["detail"]
        assert client.delete(f"/v1/series/{weekly}?force=true").status_code == 204
        check_problem(client.get(f"/v1/studies/{study_id}"), 404)


class TestList:
    def test_the_newest_is_first_and_pages_follow(self, client: TestClient, weekly: str) -> None:
        ids = [start(client) for _ in range(3)]
        first = client.get("/v1/studies?limit=2").json()
        rest = client.get(f"/v1/studies?limit=2&cursor={first['next']}").json()
        found = [study["id"] for study in first["items"] + rest["items"]]
        assert sorted(found, reverse=True) == found
        assert set(found) == set(ids)
