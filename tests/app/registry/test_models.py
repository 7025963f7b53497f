"""Models over HTTP: trained, listed, read, downloaded, deleted."""

import io
import json
import zipfile

import pytest
from fastapi.testclient import TestClient

from tests.app.conftest import SPEC, Trainer
from tests.app.test_problems import check_problem


def train(client: TestClient, **changes: object) -> dict[str, object]:
    body = {"name": "m", "series": "weekly", "spec": SPEC, **changes}
    answer = client.post("/v1/models", json=body)
    assert answer.status_code == 202, answer.text
    queued: dict[str, object] = answer.json()
    return queued


class TestTrain:
    def test_the_answer_is_the_queued_job_and_its_place(
        self, client: TestClient, weekly: str
    ) -> None:
        answer = client.post("/v1/models", json={"name": "m", "series": weekly})
        body = answer.json()
        assert answer.status_code == 202
        assert (body["name"], body["version"], body["job"]["state"]) == ("m", 1, "queued")
        assert answer.headers["location"] == f"/v1/jobs/{body['job']['id']}"
        assert client.get(answer.headers["location"]).json()["id"] == body["job"]["id"]

    def test_the_same_name_again_is_the_next_version(self, client: TestClient, weekly: str) -> None:
        assert [train(client)["version"] for _ in range(3)] == [1, 2, 3]

    def test_the_stored_spec_has_every_default_filled_in(
        self, client: TestClient, weekly: str
    ) -> None:
        train(client, spec={})
        spec = client.get("/v1/models/m/versions/1").json()["spec"]
        assert spec["targets"] == ["y"]
        assert spec["horizon"] == 12
        assert spec["layers"]
        assert spec["epochs"] > 0

    def test_fields_of_the_spec_win_over_the_preset_s(
        self, client: TestClient, weekly: str
    ) -> None:
        train(client, preset="default", spec={"horizon": 2})
        version = client.get("/v1/models/m/versions/1").json()
        assert version["preset"] == "default"
        assert version["spec"]["horizon"] == 2

    def test_a_request_sent_twice_with_one_key_trains_once(
        self, client: TestClient, weekly: str
    ) -> None:
        headers = {"Idempotency-Key": "abc"}
        body = {"name": "m", "series": weekly}
        first, second = (client.post("/v1/models", json=body, headers=headers) for _ in range(2))
        assert first.json() == second.json()
        assert first.headers["location"] == second.headers["location"]
        assert client.get("/v1/models/m").json()["versions"] == 1

    def test_a_key_of_another_request_is_422(self, client: TestClient, weekly: str) -> None:
        headers = {"Idempotency-Key": "abc"}
        client.post("/v1/models", json={"name": "m", "series": weekly}, headers=headers)
        again = client.post("/v1/models", json={"name": "n", "series": weekly}, headers=headers)
        body = check_problem(again, 422)
        assert body["errors"][0]["pointer"] == "/header/Idempotency-Key"

    def test_a_failed_request_leaves_its_key_free(self, client: TestClient, weekly: str) -> None:
        headers = {"Idempotency-Key": "abc"}
        wrong = {"name": "m", "series": "none"}
        check_problem(client.post("/v1/models", json=wrong, headers=headers), 404)
        right = {"name": "m", "series": weekly}
        assert client.post("/v1/models", json=right, headers=headers).status_code == 202


@pytest.mark.one_database
class TestRefusedSpec:
    @pytest.mark.parametrize(
        ("spec", "pointer"),
        [
            ({"horizn": 3}, "/spec/horizn"),
            ({"horizon": "many"}, "/spec/horizon"),
            ({"horizon": 0}, "/spec/horizon"),
            ({"horizon": 4000}, "/spec/horizon"),
            ({"horizon": 3, "leads": [1]}, "/spec/leads"),
            ({"targets": ["z"]}, "/spec/targets/0"),
            ({"layers": [{"cell": "lstm", "units": 0}]}, "/spec/layers/0/units"),
            ({"layers": [{"cell": "gru", "go_backwards": True}]}, "/spec/layers/0/go_backwards"),
            ({"layers": [{"activation": "gelu"}]}, "/spec/layers/0/activation"),
            ({"layers": [{"kernel_regularizer": 0.1}]}, "/spec/layers/0/kernel_regularizer"),
            (
                {"layers": [{"kernel_initializer": {"name": "identity", "gain": "x"}}]},
                "/spec/layers/0/kernel_initializer/gain",
            ),
            ({"optimizer": {"schedule": "magic"}}, "/spec/optimizer/schedule"),
            (
                {"optimizer": {"schedule": {"name": "cosine", "factor": 0.5}}},
                "/spec/optimizer/schedule/factor",
            ),
            ({"shuffle": True}, "/spec/shuffle"),
            ({"lookback": 10}, "/spec/lookback"),
            ({"mode": "windowed", "lanes": 2}, "/spec/lanes"),
            ({"cadence": "1min"}, "/spec/cadence"),
            ({"split": {"test": "1999-01-01T00:00:00Z"}}, "/spec/split/test"),
        ],
    )
    def test_the_answer_points_at_the_field(
        self, client: TestClient, weekly: str, spec: dict[str, object], pointer: str
    ) -> None:
        answer = client.post("/v1/models", json={"name": "m", "series": weekly, "spec": spec})
        body = check_problem(answer, 422)
        assert pointer in [error["pointer"] for error in body["errors"]], body
        assert client.get("/v1/models").json()["items"] == []
        assert client.get("/v1/jobs").json()["items"] == []

    def test_an_unknown_preset_is_422(self, client: TestClient, weekly: str) -> None:
        request = {"name": "m", "series": weekly, "preset": "none"}
        body = check_problem(client.post("/v1/models", json=request), 422)
        assert body["errors"][0]["pointer"] == "/preset"

    def test_an_unknown_series_is_404(self, client: TestClient) -> None:
        check_problem(client.post("/v1/models", json={"name": "m", "series": "none"}), 404)

    @pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 101, "ü"])
    def test_a_name_that_is_no_name_is_422(
        self, client: TestClient, weekly: str, name: str
    ) -> None:
        body = check_problem(client.post("/v1/models", json={"name": name, "series": weekly}), 422)
        assert body["errors"][0]["pointer"] == "/name"


class TestRead:
    def test_a_trained_version_tells_everything(self, client: TestClient, model: str) -> None:
        version = client.get(f"/v1/models/{model}/versions/1").json()
        assert version["state"] == "ready"
        assert version["series"] == ["weekly"]
        assert version["data"]["revision"] == 1
        assert version["data"]["rows"] == 300
        assert version["network"]["layers"][0]["cell"] == "gru"
        assert version["network"]["parameters"] > 0
        assert version["training"]["epochs"] == 2
        test = version["metrics"]["test"]["y"]
        assert test["mae"] > 0
        assert [row["lead"] for row in test["leads"]] == [1, 2, 3, 4]
        assert test["skill"] == pytest.approx(1 - test["mae"] / test["naive_mae"])
        assert test["best_baseline"] in {"naive", "seasonal_naive", "drift", "ar"}
        assert test["significance"]["naive"]["sentence"]
        assert version["baselines"]["season"] == {"steps": 52, "source": "cadence"}
        assert len(version["residuals"]["test"]["y"]["leads"]) == 4
        assert version["audit"]["passed"]

    def test_latest_is_the_newest_trained_one(self, client: TestClient, model: str) -> None:
        train(client, name=model)
        latest = client.get(f"/v1/models/{model}/versions/latest").json()
        summary = client.get(f"/v1/models/{model}").json()
        assert latest["version"] == summary["version"] == 1
        assert (summary["latest"]["version"], summary["latest"]["state"]) == (2, "queued")

    @pytest.mark.parametrize("version", ["2", "0", "-1", "champion", "1.0", "9" * 30])
    def test_an_unknown_version_is_404(self, client: TestClient, model: str, version: str) -> None:
        check_problem(client.get(f"/v1/models/{model}/versions/{version}"), 404)

    def test_the_history_has_an_entry_per_epoch(self, client: TestClient, model: str) -> None:
        epochs = client.get(f"/v1/models/{model}/versions/1/history").json()["epochs"]
        assert [epoch["epoch"] for epoch in epochs] == [1, 2]
        assert all(epoch["loss"] > 0 and epoch["val_loss"] > 0 for epoch in epochs)

    def test_lists_are_cut_into_pages(self, client: TestClient, weekly: str) -> None:
        for name in ("c", "a", "b"):
            train(client, name=name)
        first = client.get("/v1/models?limit=2").json()
        second = client.get(f"/v1/models?limit=2&cursor={first['next']}").json()
        names = [item["name"] for page in (first, second) for item in page["items"]]
        assert names == ["a", "b", "c"]
        assert second["next"] is None

    def test_versions_are_listed_newest_first(self, client: TestClient, weekly: str) -> None:
        for _ in range(3):
            train(client)
        page = client.get("/v1/models/m/versions?limit=2").json()
        assert [item["version"] for item in page["items"]] == [3, 2]

    def test_presets_are_listed_with_what_they_are_for(self, client: TestClient) -> None:
        presets = {item["name"]: item for item in client.get("/v1/presets").json()["items"]}
        assert presets["jena-gru-windowed"]["spec"]["lookback"] == 720
        assert all(item["description"] for item in presets.values())


@pytest.mark.one_database
class TestArtefact:
    def test_the_bundle_holds_manifest_weights_and_graph(
        self, client: TestClient, model: str
    ) -> None:
        content = client.get(f"/v1/models/{model}/versions/1/artefact").content
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            assert set(bundle.namelist()) == {"manifest.json", "model.keras", "model.onnx"}
            assert json.loads(bundle.read("manifest.json"))["targets"]["names"] == ["y"]

    @pytest.mark.parametrize("kind", ["keras", "onnx"])
    def test_a_part_is_the_bundle_s(self, client: TestClient, model: str, kind: str) -> None:
        path = f"/v1/models/{model}/versions/1/artefact"
        with zipfile.ZipFile(io.BytesIO(client.get(path).content)) as bundle:
            assert client.get(f"{path}?format={kind}").content == bundle.read(f"model.{kind}")

    def test_an_unknown_format_is_422(self, client: TestClient, model: str) -> None:
        answer = client.get(f"/v1/models/{model}/versions/1/artefact?format=pickle")
        check_problem(answer, 422)

    def test_a_version_in_training_has_none_yet(self, client: TestClient, weekly: str) -> None:
        train(client)
        body = check_problem(client.get("/v1/models/m/versions/1/artefact"), 409)
        assert "queued" in body["detail"]


class TestDelete:
    def test_versions_and_forecasts_go_with_the_model(self, client: TestClient, model: str) -> None:
        forecast = client.post(f"/v1/models/{model}/forecasts").json()["id"]
        assert client.delete(f"/v1/models/{model}").status_code == 204
        check_problem(client.get(f"/v1/models/{model}"), 404)
        check_problem(client.get(f"/v1/forecasts/{forecast}"), 404)

    def test_a_model_of_the_same_name_starts_again(
        self, client: TestClient, model: str, trainer: Trainer
    ) -> None:
        client.delete(f"/v1/models/{model}")
        queued = train(client, name=model)
        assert queued["version"] == 1
        check_problem(client.post(f"/v1/models/{model}/forecasts"), 404)

    def test_a_queued_training_is_cancelled(self, client: TestClient, weekly: str) -> None:
        job = train(client)["job"]
        client.delete("/v1/models/m")
        assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"  # type: ignore[index]

    def test_a_series_in_use_stays_unless_forced(self, client: TestClient, model: str) -> None:
        body = check_problem(client.delete("/v1/series/weekly"), 409)
        assert model in body["detail"]
        assert client.delete("/v1/series/weekly?force=true").status_code == 204
        check_problem(client.get(f"/v1/models/{model}"), 404)
