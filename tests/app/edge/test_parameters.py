"""A query parameter that a route does not know is refused, on every route."""

from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient


def operations(application: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of the whole document."""
    return [
        (method, path, operation)
        for path, methods in application.openapi()["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.mark.one_database
class TestUnknown:
    def test_every_operation_refuses_one(self, application: FastAPI, client: TestClient) -> None:
        for method, path, _ in operations(application):
            answer = client.request(
                method, path.replace("{version}", "1"), params={"colour": "red"}
            )
            assert answer.status_code == 422, (method, path, answer.text)
            pointers = [each["pointer"] for each in answer.json()["errors"]]
            assert "/query/colour" in pointers, (method, path, pointers)

    def test_the_answer_lists_the_known_ones(self, client: TestClient) -> None:
        detail = client.get("/v1/series?colour=red").json()["detail"]
        assert detail.startswith("`colour` is not a parameter of this route. It knows `")
        assert "`limit`" in detail

    def test_known_ones_are_accepted(self, client: TestClient) -> None:
        assert client.get("/v1/series?limit=3").status_code == 200


@pytest.mark.one_database
class TestMethods:
    def test_405_names_every_method_of_the_path(
        self, application: FastAPI, client: TestClient
    ) -> None:
        known: dict[str, set[str]] = {}
        for method, path, _ in operations(application):
            known.setdefault(path, set()).add(method.upper())
        for path, methods in known.items():
            answer = client.request("TRACE", path.replace("{version}", "1"))
            allowed = set(answer.headers["allow"].split(", "))
            assert answer.status_code == 405
            assert allowed == methods | ({"HEAD"} if "GET" in methods else set()), path

    def test_head_is_get_without_a_body(self, application: FastAPI, client: TestClient) -> None:
        for method, path, _ in operations(application):
            if method == "get":
                asked = path.replace("{version}", "1")
                read, head = client.get(asked), client.head(asked)
                assert (head.status_code, head.content) == (read.status_code, b""), path
                assert head.headers["content-type"] == read.headers["content-type"]

    def test_head_of_a_stream_of_events_ends(self, client: TestClient, queued_job: str) -> None:
        answer = client.head(f"/v1/jobs/{queued_job}/events")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.fixture
def queued_job(client: TestClient) -> str:
    """A job that waits for a worker."""
    start = np.datetime64("2020-01-01", "h")
    rows = [[f"{start + hour}:00Z", hour % 24] for hour in range(300)]
    client.post(
        "/v1/series", json={"name": "s", "kind": "generic", "channels": [{"name": "y"}]}
    ).raise_for_status()
    client.put("/v1/series/s/observations", json={"columns": ["time", "y"], "rows": rows})
    spec = {"horizon": 1, "epochs": 1, "layers": [{"cell": "gru", "units": 2}]}
    answer = client.post("/v1/models", json={"name": "m", "series": "s", "spec": spec})
    job_id: str = answer.json()["job"]["id"]
    return job_id
