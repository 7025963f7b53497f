"""The whole way of a schedule with a real worker: new rows, a warm training, the gate, an alias."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import ROWS, SPEC, weekly_rows
from tests.crash.conftest import eventually
from tests.processes import running_service, wait_for_job


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a receiver on this machine, and the events it received."""
    reported: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reported.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", reported
    server.shutdown()
    server.server_close()


def test_new_rows_lead_to_a_new_champion_and_webhooks_hear_of_it(
    tmp_path: Path, heard: tuple[str, list[dict[str, Any]]]
) -> None:
    address, reported = heard
    settings = {"STATECAST_SCHEDULES_SECONDS": "0.2", "STATECAST_WEBHOOK_PRIVATE": "true"}
    with running_service(f"sqlite:///{tmp_path}/statecast.db", **settings) as client:

        def put(first: int, count: int) -> list[dict[str, Any]]:
            body = {"columns": ["time", "y"], "rows": weekly_rows(first, count)}
            answer = client.put("/v1/series/weekly/observations", json=body)
            assert answer.status_code == 200, answer.text
            issued: list[dict[str, Any]] = answer.json()["forecasts"]
            return issued

        body = {"url": address, "events": ["training.finished", "alias.changed"]}
        assert client.post("/v1/webhooks", json=body).status_code == 201
        client.post("/v1/series", json={"name": "weekly", "kind": "generic"})
        put(0, ROWS)
        body = {"name": "m", "series": "weekly", "spec": SPEC}
        first = client.post("/v1/models", json=body).json()["job"]["id"]
        assert wait_for_job(client, first)["state"] == "succeeded"
        answer = client.post("/v1/models/m/schedules", json={"after_rows": 20, "start": "warm"})
        assert answer.status_code == 201, answer.text
        path = answer.headers["Location"]
        put(ROWS, 20)

        def last_run() -> dict[str, Any]:
            return client.get(path).json()["last_run"] or {}

        eventually(lambda: last_run().get("finished_at") is not None, "the run's end")
        run = last_run()
        assert (run["promoted"], run["version"]) == (True, 2), run["reason"]
        version = client.get("/v1/models/m/versions/champion").json()
        assert version["version"] == 2
        assert version["data"]["rows"] == ROWS + 20
        assert version["training"]["start"]["taken"]
        (alias,) = client.get("/v1/models/m/aliases").json()["items"]
        assert [line["schedule"] for line in alias["history"]] == [1]
        (issued,) = put(ROWS + 20, 1)
        assert (issued["version"], issued.get("error")) == (2, None)
        assert len(client.get(f"{path}/runs").json()["items"]) == 1
        eventually(lambda: len(reported) == 3, "the receiver hears of all")
    finished = {"model": "m", "state": "succeeded", "error": None}
    assert [(each["event"], each["data"]) for each in reported] == [
        ("training.finished", {**finished, "version": 1, "job": first}),
        ("training.finished", {**finished, "version": 2, "job": run["job"]}),
        ("alias.changed", {"model": "m", "alias": "champion", "version": 2, "action": "set"}),
    ]
