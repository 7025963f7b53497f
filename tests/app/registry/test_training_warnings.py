"""Open findings of uploads: they are warnings of the next training until they are resolved."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi.testclient import TestClient

FIRST = datetime(2024, 3, 1, tzinfo=UTC)


def upload(
    client: TestClient, name: str, *, placeholder: float | None = None, end: str = ""
) -> None:
    """A series of 300 hours, four of which hold the placeholder."""
    lines = ["time,temp"]
    for hour in range(300):
        value = round(20 + 6 * math.sin(hour / 3.7) + hour % 7 / 10, 1)
        if placeholder is not None and hour % 70 == 5:
            value = placeholder
        lines.append(f"{(FIRST + timedelta(hours=hour)).isoformat()},{value}")
    path = f"/v1/series/{name}/uploads?create=true"
    answer = client.post(path, content="\n".join(lines) + end)
    assert answer.status_code == 201, answer.text


def train(client: TestClient, series: Any) -> list[dict[str, Any]]:
    spec = {"horizon": 2, "epochs": 1, "layers": [{"cell": "gru", "units": 4}]}
    answer = client.post("/v1/models", json={"name": "m", "series": series, "spec": spec})
    assert answer.status_code == 202, answer.text
    warnings: list[dict[str, Any]] = answer.json()["warnings"]
    return warnings


def test_a_likely_placeholder_is_a_warning_until_it_is_missing(client: TestClient) -> None:
    upload(client, "s", placeholder=-999)
    (warning,) = train(client, "s")
    assert warning["code"] == "sentinel"
    assert "-999" in warning["message"]
    client.patch("/v1/series/s", json={"channels": [{"name": "temp", "missing": [-999]}]})
    assert train(client, "s") == []


def test_a_clean_series_has_none(client: TestClient) -> None:
    upload(client, "s")
    assert train(client, "s") == []


def test_warnings_of_a_panel_name_their_series(client: TestClient) -> None:
    upload(client, "s")
    upload(client, "t", placeholder=-999)
    (warning,) = train(client, ["s", "t"])
    assert warning["message"].startswith("t: ")


def test_the_same_finding_of_two_uploads_is_one_warning(client: TestClient) -> None:
    upload(client, "s", placeholder=-999)
    upload(client, "s", placeholder=-999, end="\n")
    assert len(client.get("/v1/series/s/uploads").json()["items"]) == 2
    assert len(train(client, "s")) == 1
