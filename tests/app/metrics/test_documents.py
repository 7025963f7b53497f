"""The table of all metrics, the alerts and the dashboard name what the service writes."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.instruments.registry import REGISTRY
from app.metrics.figures import FIGURES
from tests.conftest import ROOT

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/statecast.json"
TABLE_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| [^|]+ \| (\w+) \| ([^|]*)\|$", re.M)
NEEDS_PROMTOOL = "promtool is absent: it comes with Debian's package `prometheus`"


def written() -> dict[str, tuple[str, list[str]]]:
    """Kind and labels of each metric of the table."""
    rows = TABLE_ROW.findall((ROOT / "docs/metrics.md").read_text())
    return {name: (kind, re.findall(r"`(\w+)`", labels)) for name, kind, _, labels in rows}


def made() -> dict[str, tuple[str, list[str]]]:
    found = {figure.name: ("gauge", list(figure.labels)) for figure in FIGURES}
    for instrument in set(REGISTRY._collector_to_names):
        names: list[str] | None = getattr(instrument, "_labelnames", None)
        if names is not None:
            (family,) = instrument.collect()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = (family.type, list(names))
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def used(text: str) -> set[str]:
    return {
        re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"\bstatecast_\w+", text)
    }


@pytest.mark.unit
class TestNames:
    def test_the_table_holds_every_metric_with_its_labels(self) -> None:
        assert written() == made()

    def test_alerts_and_panels_ask_for_metrics_that_exist(self) -> None:
        asked = used(ALERTS.read_text()) | used(DASHBOARD.read_text())
        assert len(asked) > 20
        assert not asked - set(made())

    def test_every_metric_is_in_a_panel_or_an_alert(self) -> None:
        shown = used(ALERTS.read_text()) | used(DASHBOARD.read_text())
        assert not set(made()) - shown - {"statecast_job_run_mean_seconds"}

    def test_panels_do_not_overlap(self) -> None:
        places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels()]
        assert len(set(places)) == len(places)
        assert len({each["id"] for each in panels()}) == len(places)


@pytest.mark.one_database
class TestPromtool:
    def test_it_finds_no_fault_in_the_page(self, client: TestClient, deployed: str) -> None:
        content = client.get("/metrics").content
        assert deployed.encode() in content
        done = self._promtool("metrics", given=content)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def test_it_finds_no_fault_in_the_alerts(self) -> None:
        assert self._promtool("rules", str(ALERTS)).returncode == 0
        example = str(ROOT / "deploy/prometheus/prometheus.yml")
        assert self._promtool("config", example).returncode == 0

    @staticmethod
    def _promtool(*what: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        program = shutil.which("promtool")
        if program is None:
            pytest.skip(NEEDS_PROMTOOL)
        return subprocess.run(
            [program, "check", *what], input=given, capture_output=True, check=False
        )
