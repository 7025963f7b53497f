"""A real Prometheus scrapes a real service, loads the alerts, and answers every query of ours."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from examples.running import free_port, stop
from tests.app.metrics.test_documents import ALERTS, panels
from tests.processes import running_service, wait_for_job

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

KEY = "a-key-for-prometheus"
WEEKS = 120
SPEC = {"horizon": 2, "epochs": 1, "layers": [{"cell": "gru", "units": 2}]}
CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{alerts}"]
scrape_configs:
  - job_name: statecast
    authorization: {{credentials: {key}}}
    static_configs: [{{targets: ["{address}"]}}]
"""
# Only of a model with scored forecasts.
SCORES = ("statecast_live_error_ratio", "statecast_live_coverage")


def until(happens: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


@contextmanager
def prometheus(folder: Path, address: str) -> Iterator[httpx2.Client]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is absent: it comes with Debian's package `prometheus`")
    configuration = folder / "prometheus.yml"
    configuration.write_text(CONFIGURATION.format(alerts=ALERTS, key=KEY, address=address))
    own = f"127.0.0.1:{free_port()}"
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'samples'}",
        f"--web.listen-address={own}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with httpx2.Client(base_url=f"http://{own}/api/v1", timeout=30) as client:
            yield client
    finally:
        stop(process)


def ask(client: httpx2.Client, query: str) -> list[dict[str, Any]]:
    answer = client.get("/query", params={"query": query})
    assert answer.status_code == 200, (query, answer.text)
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def is_scraped(client: httpx2.Client) -> bool:
    """Whether Prometheus has started, and the service has answered it."""
    try:
        answer = client.get("/query", params={"query": 'up{job="statecast"} == 1'})
    except httpx2.TransportError:
        return False
    return answer.status_code == 200 and bool(answer.json()["data"]["result"])


def fill(service: httpx2.Client) -> None:
    """A series, a model with a champion, a forecast and an append."""
    rows = [[f"{1950 + week // 12}-{1 + week % 12:02}-01", week % 12] for week in range(WEEKS)]
    content = "time,y\n" + "".join(f"{time},{value}\n" for time, value in rows)
    csv = {"Content-Type": "text/csv"}
    service.post("/v1/series/s/uploads?create=true", content=content, headers=csv)
    body = {"name": "m", "series": "s", "spec": SPEC}
    asked = service.post("/v1/models", json=body).json()
    assert wait_for_job(service, asked["job"]["id"])["state"] == "succeeded"
    champion = {"version": 1, "force": True, "reason": "a test"}
    assert service.put("/v1/models/m/aliases/champion", json=champion).is_success


def work(service: httpx2.Client, number: int) -> None:
    row = [f"{1960 + number // 12}-{1 + number % 12:02}-01T00:00:00Z", 1.0]
    body = {"columns": ["time", "y"], "rows": [row]}
    assert service.put("/v1/series/s/observations", json=body).is_success
    service.post("/v1/models/m/forecasts", json={"series": "s"})


def test_every_query_is_answered(tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is absent: it comes with Debian's package `prometheus`")
    database_url = f"sqlite:///{tmp_path / 'statecast.db'}"
    with (
        (tmp_path / "service.log").open("wb") as log,
        running_service(database_url, log, STATECAST_API_KEY=KEY) as service,
    ):
        service.headers["Authorization"] = f"Bearer {KEY}"
        fill(service)
        address = f"{service.base_url.host}:{service.base_url.port}"
        with prometheus(tmp_path, address) as client:
            until(lambda: is_scraped(client))
            for number in range(3):
                work(service, number)
                time.sleep(1.5)
            until(lambda: bool(ask(client, "rate(statecast_append_seconds_count[1m]) > 0")))
            for panel in panels():
                for target in panel["targets"]:
                    query = target["expr"]
                    is_about_scores = any(name in query for name in SCORES)
                    assert is_about_scores or ask(client, query), query
            until(lambda: all(each["lastEvaluation"] > "1" for each in rules(client)))
            assert {each["health"] for each in rules(client)} == {"ok"}
            for rule in rules(client):
                observed = without_threshold(rule["query"])
                is_about_scores = any(name in observed for name in SCORES)
                assert is_about_scores or ask(client, observed) or "5.." in observed, observed


def rules(client: httpx2.Client) -> list[dict[str, Any]]:
    (group,) = client.get("/rules").json()["data"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    assert len(found) == ALERTS.read_text().count("- alert:")
    return found


def without_threshold(query: str) -> str:
    """The figure of an alert, without the comparison after which nothing is left."""
    query = re.sub(r'state="failed"', 'state="succeeded"', query)
    return re.sub(r"\s(>|<|==|>=)\s*(ignoring ?\(state\) )?[\w.* ]+$", "", query)
