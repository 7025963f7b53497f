"""Every answer has a request id and security headers, and leaves one line in the log."""

import json
import logging
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.processes import running_service

pytestmark = pytest.mark.one_database


class TestRequestId:
    def test_a_given_id_comes_back(self, client: TestClient) -> None:
        answer = client.get("/v1/series", headers={"X-Request-ID": "trace-01:a.b_c"})
        assert answer.headers["x-request-id"] == "trace-01:a.b_c"

    @pytest.mark.parametrize("given", [None, "", "a b", "a" * 129, 'a"}{', "a\u00e9"])
    def test_an_id_is_made_where_none_is_safe(self, client: TestClient, given: str | None) -> None:
        headers = {} if given is None else {"X-Request-ID": given.encode()}
        made = [client.get("/v1/series", headers=headers).headers["x-request-id"] for _ in "ab"]
        assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)
        assert made[0] != made[1]

    @pytest.mark.parametrize("path", ["/v1/series/none-such", "/nowhere", "/v1/series?a=1"])
    def test_problem_details_hold_it(self, client: TestClient, path: str) -> None:
        answer = client.get(path, headers={"X-Request-ID": "mine"})
        assert answer.json()["request_id"] == "mine"

    def test_a_bug_is_answered_with_it(self, settings: Settings) -> None:
        application = create_app(settings)

        @application.get("/bug")
        def _bug() -> None:
            raise RuntimeError("a bug")

        with TestClient(application) as client:
            answer = client.get("/bug", headers={"X-Request-ID": "mine"})
        assert answer.status_code == 500
        assert answer.json()["request_id"] == "mine"
        assert answer.headers["x-request-id"] == "mine"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "a bug" not in answer.text

    def test_a_job_keeps_the_id_of_its_request(self, client: TestClient) -> None:
        client.post(
            "/v1/series/weekly/uploads?create=true",
            content="time,y\n" + "".join(f"2020-01-{d:02},{d}\n" for d in range(1, 32)),
            headers={"Content-Type": "text/csv"},
        )
        spec = {"horizon": 1, "epochs": 1, "layers": [{"cell": "gru", "units": 2}]}
        answer = client.post(
            "/v1/models",
            json={"name": "m", "series": "weekly", "spec": spec},
            headers={"X-Request-ID": "training-1"},
        )
        job = client.get(f"/v1/jobs/{answer.json()['job']['id']}").json()
        assert job["request_id"] == "training-1"


def test_answers_say_that_they_are_data(client: TestClient) -> None:
    for path in ("/v1/series", "/healthz", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")


class TestAccessLog:
    def test_a_request_is_one_line(
        self, client: TestClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, "app.access"):
            client.get("/v1/series/none-such?", headers={"X-Request-ID": "mine"})
        (line,) = [record for record in caplog.records if record.name == "app.access"]
        assert line.__dict__["route"] == "/v1/series/{name}"
        assert line.__dict__["status"] == 404

    def test_it_can_be_switched_off(
        self, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        quiet: FastAPI = create_app(settings.model_copy(update={"access_log": False}))
        with TestClient(quiet) as client, caplog.at_level(logging.INFO, "app.access"):
            client.get("/v1/series")
        assert not [record for record in caplog.records if record.name == "app.access"]

    @pytest.mark.slow
    def test_the_process_writes_json_with_the_route_and_the_id(
        self, database_url: str, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        settings = {"STATECAST_LOG_FORMAT": "json", "STATECAST_WARM_CHILD": "false"}
        with (
            log.open("wb") as output,
            running_service(database_url, log=output, **settings) as client,
        ):
            client.get("/v1/series/none-such?", headers={"X-Request-ID": "in-the-log"})
        lines = [json.loads(line) for line in log.read_text().splitlines() if "in-the-log" in line]
        (line,) = [line for line in lines if line["logger"] == "app.access"]
        assert line["method"] == "GET"
        assert line["route"] == "/v1/series/{name}"
        assert line["path"] == "/v1/series/none-such"
        assert line["status"] == 404
        assert line["request_id"] == "in-the-log"
        assert line["ms"] > 0
        assert line["bytes"] > 0
