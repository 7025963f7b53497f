"""A webhook hears of a training from a real worker."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.crash.conftest import eventually
from tests.processes import running_service, wait_for_job


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """The address of a receiver on this machine, and what it was told."""
    told: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", told
    server.shutdown()
    server.server_close()


@pytest.mark.xdist_group("e2e")
def test_the_end_of_a_training_is_told(
    tmp_path: Path, heard: tuple[str, list[dict[str, object]]]
) -> None:
    address, told = heard
    settings = {"STATECAST_WEBHOOK_PRIVATE": "true"}
    with running_service(f"sqlite:///{tmp_path}/statecast.db", **settings) as client:
        body = {"url": address, "events": ["training.finished"]}
        assert client.post("/v1/webhooks", json=body).status_code == 201
        client.post("/v1/series", json={"name": "s", "kind": "generic"})
        rows = [
            [f"2024-01-{day:02d}T{hour:02d}:00:00Z", hour]
            for day in range(1, 15)
            for hour in range(24)
        ]
        client.put("/v1/series/s/observations", json={"columns": ["time", "y"], "rows": rows})
        spec = {"horizon": 1, "epochs": 1, "layers": [{"cell": "gru", "units": 2}]}
        answer = client.post("/v1/models", json={"name": "m", "series": "s", "spec": spec})
        job = wait_for_job(client, answer.json()["job"]["id"])
        eventually(lambda: bool(told), "the receiver hears of it")
    assert job["state"] == "succeeded"
    assert told[0]["event"] == "training.finished"
    assert told[0]["data"] == {
        "model": "m",
        "version": 1,
        "job": job["id"],
        "state": "succeeded",
        "error": None,
    }
