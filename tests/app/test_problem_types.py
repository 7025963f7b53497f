"""Each situation is answered with a type of its own, which the operation's document lists."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from app.errors import TYPE_PREFIX
from app.schedules.service import MOST_SCHEDULES
from app.settings import Settings
from tests.app.conftest import SPEC, put_rows, weekly_rows
from tests.problem_answers import ProblemAnswer, unlisted

MODEL = "/v1/models/weekly-gru"
ROW = ["2000-01-01T00:00:00Z", 1]
TRAINING = {"name": "other-model", "series": "weekly", "spec": SPEC}
USED_KEY = {"Idempotency-Key": "used"}
HOOK = {"url": "https://93.184.216.34/hook", "events": ["alias.changed"]}


def training(**changes: object) -> dict[str, Any]:
    return {"json": {**TRAINING, **changes}}


# Type, method, path, and what else is sent.
REQUESTS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("series-not-found", "GET", "/v1/series/none", {}),
    ("upload-not-found", "GET", "/v1/series/weekly/uploads/7", {}),
    ("held-row-not-found", "POST", "/v1/series/weekly/quarantine:confirm", {"json": {"ids": [7]}}),
    ("model-not-found", "GET", "/v1/models/none", {}),
    ("version-not-found", "GET", f"{MODEL}/versions/9", {}),
    ("version-not-found", "GET", f"{MODEL}/versions/none", {}),
    ("no-trained-version", "POST", "/v1/models/queued/forecasts", {}),
    ("no-trained-version", "GET", "/v1/models/queued/versions/latest", {}),
    ("version-series-not-found", "GET", f"{MODEL}/drift?series=short", {}),
    ("alias-not-found", "DELETE", f"{MODEL}/aliases/none", {}),
    ("alias-not-found", "GET", f"{MODEL}/performance?alias=none", {}),
    ("forecast-not-found", "GET", "/v1/forecasts/none", {}),
    ("backtest-not-found", "GET", f"{MODEL}/backtests/none", {}),
    ("schedule-not-found", "GET", f"{MODEL}/schedules/7", {}),
    ("study-not-found", "GET", "/v1/studies/none", {}),
    ("job-not-found", "GET", "/v1/jobs/none", {}),
    ("webhook-not-found", "GET", "/v1/webhooks/7", {}),
    ("series-exists", "POST", "/v1/series", {"json": {"name": "weekly"}}),
    ("series-in-use", "DELETE", "/v1/series/weekly", {}),
    (
        "channels-differ",
        "PUT",
        "/v1/series/weekly/observations",
        {"json": {"columns": ["time", "z"], "rows": [ROW]}},
    ),
    ("nothing-to-restore", "POST", "/v1/series/weekly/restore", {"json": {"revision": 99}}),
    ("version-not-trained", "GET", "/v1/models/queued/versions/1/artefact", {}),
    ("version-not-trained", "PUT", "/v1/models/queued/aliases/stage", {"json": {"version": 1}}),
    (
        "warm-start-differs",
        "POST",
        "/v1/models",
        training(name="weekly-gru", series="longer", warm_start=1),
    ),
    ("nothing-to-roll-back", "POST", f"{MODEL}/aliases/stage/rollback", {}),
    ("series-not-forecastable", "POST", f"{MODEL}/forecasts", {"json": {"series": "short"}}),
    ("idempotency-key-reused", "POST", "/v1/webhooks", {"json": HOOK, "headers": USED_KEY}),
    ("unknown-channel", "GET", "/v1/series/weekly/observations?channels=z", {}),
    ("unknown-channel", "PATCH", "/v1/series/weekly", {"json": {"channels": [{"name": "z"}]}}),
    ("unknown-revision", "GET", "/v1/series/weekly/observations?as_of_revision=99", {}),
    ("unknown-preset", "POST", "/v1/models", training(preset="none")),
    ("unknown-preset", "POST", "/v1/studies", training(search={"preset": "none"})),
    ("kind-differs", "POST", "/v1/series/weekly/uploads?kind=ohlc", {"content": b"time,y\n"}),
    (
        "channels-missing",
        "PUT",
        "/v1/series/empty/observations",
        {"json": {"columns": ["time", "z"], "rows": [ROW]}},
    ),
    ("no-cadence", "POST", "/v1/models", training(series="empty")),
    ("series-incompatible", "POST", f"{MODEL}/forecasts", {"json": {"series": "daily"}}),
    ("series-not-in-panel", "POST", f"{MODEL}/backtests", {"json": {"series": "short"}}),
    (
        "origin-not-forecastable",
        "POST",
        f"{MODEL}/forecasts",
        {"json": {"origin": "2000-01-01T00:00:00Z"}},
    ),
    ("webhook-address-refused", "POST", "/v1/webhooks", {"json": {**HOOK, "url": "http://[::1]"}}),
    ("invalid", "GET", "/v1/series?limit=0", {}),
    ("not-found", "GET", "/v1/nothing", {}),
    ("method-not-allowed", "PUT", "/v1/models", {"json": {}}),
]


def slug_of(answer: Response) -> str:
    kind: str = answer.json().get("type", answer.text)
    return kind.removeprefix(TYPE_PREFIX)


@pytest.fixture
def world(client: TestClient, model: str) -> TestClient:
    """Series of four kinds, a trained model, one in the queue, an alias, a used key."""
    for name in ("empty", "short", "longer", "daily"):
        client.post("/v1/series", json={"name": name, "channels": [{"name": "y"}]})
    put_rows(client, weekly_rows(0, 3), series="short")
    put_rows(client, weekly_rows(0, 310), series="longer")
    days = [[f"2000-01-{day:02d}T00:00:00Z", day] for day in range(1, 29)]
    put_rows(client, days, series="daily")
    client.post("/v1/models", json={**TRAINING, "name": "queued"})
    client.put(f"/v1/models/{model}/aliases/stage", json={"version": 1})
    hook = {**HOOK, "model": model}
    assert client.post("/v1/webhooks", json=hook, headers=USED_KEY).status_code == 201
    return client


class TestTypes:
    def test_every_situation_has_a_type_of_its_own(self, world: TestClient) -> None:
        """One test, because the world costs more than all of the requests."""
        expected = [(path, slug) for slug, _, path, _ in REQUESTS]
        received = [
            (path, slug_of(world.request(method, path, **sent)))
            for _, method, path, sent in REQUESTS
        ]
        assert received == expected

    def test_a_job_that_has_ended_keeps_nothing_and_cannot_be_cancelled(
        self, client: TestClient, weekly: str
    ) -> None:
        job = client.post("/v1/models", json=training()["json"]).json()["job"]["id"]
        assert slug_of(client.get(f"/v1/jobs/{job}/checkpoint")) == "checkpoint-not-found"
        client.post(f"/v1/jobs/{job}/cancel")
        assert slug_of(client.post(f"/v1/jobs/{job}/cancel")) == "job-already-ended"

    def test_a_backtest_in_the_queue_has_no_points(self, client: TestClient, model: str) -> None:
        backtest = client.post(f"{MODEL}/backtests").json()["id"]
        answer = client.get(f"{MODEL}/backtests/{backtest}/points")
        assert slug_of(answer) == "backtest-not-succeeded"

    def test_a_model_may_have_a_limited_number_of_schedules(
        self, client: TestClient, model: str
    ) -> None:
        answers = [
            client.post(f"{MODEL}/schedules", json={"after_rows": 10})
            for _ in range(MOST_SCHEDULES + 1)
        ]
        assert answers[-2].status_code == 201
        assert slug_of(answers[-1]) == "too-many-schedules"

    def test_a_batch_and_a_file_that_are_too_large_have_types_of_their_own(
        self, client: TestClient, weekly: str, settings: Settings
    ) -> None:
        limits = {"body_limit_bytes": 50, "upload_limit_bytes": 50, "forecast_batch_items": 1}
        client.app.state.settings = settings.model_copy(update=limits)
        client.app.state.file_processes.settings = client.app.state.settings
        batch = {"requests": [{"model": "a"}, {"model": "b"}]}
        assert slug_of(client.post("/v1/forecasts:batch", json=batch)) == "batch-too-large"
        answer = client.post("/v1/series/weekly/uploads", content=b"x" * 51)
        assert slug_of(answer) == "upload-too-large"


class TestRecorder:
    def test_an_answer_of_an_operation_is_noted(
        self, client: TestClient, problem_answers: set[ProblemAnswer]
    ) -> None:
        client.get("/v1/series/none")
        client.get("/v1/nothing")
        assert problem_answers == {ProblemAnswer("get", "/v1/series/{name}", "series-not-found")}

    def test_a_type_that_the_document_lacks_is_found(self, application: FastAPI) -> None:
        listed = ProblemAnswer("get", "/v1/series/{name}", "series-not-found")
        lacking = ProblemAnswer("get", "/v1/series/{name}", "model-not-found")
        assert unlisted(application, {listed, lacking}) == [lacking]
