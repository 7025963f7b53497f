"""A series without rows is read as a chart and in buckets: the answer holds no rows."""

import pytest
from fastapi.testclient import TestClient


@pytest.mark.parametrize("query", ["max_points=5", "every=1D&agg=mean", "every=MS&agg=min,max"])
@pytest.mark.parametrize("channels", [[], [{"name": "v"}]])
def test_charts_and_buckets_of_an_empty_series_hold_no_rows(
    client: TestClient, query: str, channels: list[dict[str, str]]
) -> None:
    created = {"name": "empty", "kind": "climate", **({"channels": channels} if channels else {})}
    assert client.post("/v1/series", json=created).status_code == 201
    answer = client.get(f"/v1/series/empty/observations?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == []
