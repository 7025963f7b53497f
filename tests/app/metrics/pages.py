"""Read the page of metrics."""

from typing import Any

import httpx2
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families


class Samples:
    """The samples of one page."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self.all = [sample for family in self.families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the only sample with a name and these labels; None if there is none."""
        found = [
            each.value
            for each in self.all
            if each.name == name and labels.items() <= each.labels.items()
        ]
        assert len(found) <= 1, found
        return found[0] if found else None

    def names(self) -> set[str]:
        return {each.name for each in self.all}


def scrape(client: TestClient | httpx2.Client, **given: Any) -> Samples:
    answer = client.get("/metrics", **given)
    assert answer.status_code == 200, answer.text
    return Samples(answer.text)
