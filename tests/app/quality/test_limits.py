"""Values outside of a channel's limits, in a sample and in the reports of uploads."""

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.quality.checks import check_values
from app.quality.sample import Finding, Sample
from tests.app.ingest.test_series import create, rows_of

TIMES = [f"2024-01-01T{hour:02}:00:00Z" for hour in range(24)]
VALUES = [20.0 + hour % 3 for hour in range(24)]
VALUES[3], VALUES[7], VALUES[9] = -5.5, -1.0, 60.0


def outside(values: list[float], **limits: float | None) -> Finding | None:
    times = np.datetime64("2024-01-01", "us") + np.arange(len(values)) * np.timedelta64(1, "h")
    sample = Sample(["t"], times, np.array(values)[:, np.newaxis], known={"t": limits})
    codes = {finding.code: finding for finding in check_values(sample)}
    return codes.get("outside_limits")


@pytest.mark.unit
class TestSample:
    def test_both_sides_are_counted_with_the_farthest_value(self) -> None:
        found = outside(VALUES, minimum=0, maximum=50)
        assert found is not None
        assert (found.count, found.places) == (3, ((3, 0), (7, 0), (9, 0)))
        assert found.message == (
            "Values outside of their channels' `minimum` and `maximum`: "
            "t (2 below 0, the lowest -5.5; 1 above 50, the highest 60)."
        )

    def test_one_limit_is_enough(self) -> None:
        found = outside([*VALUES, np.nan], maximum=59.5, minimum=None)
        assert found is not None
        assert (found.count, found.places) == (1, ((9, 0),))

    def test_values_at_the_limits_are_inside(self) -> None:
        assert outside(VALUES, minimum=-5.5, maximum=60) is None
        assert outside([np.nan] * 24, minimum=0) is None


def upload(client: TestClient) -> dict[str, Any]:
    lines = [f"{time},{value}" for time, value in zip(TIMES, VALUES, strict=True)]
    answer = client.post("/v1/series/s/uploads", content="\n".join(["time,t", *lines]))
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    return report


def finding_of(issues: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((issue for issue in issues if issue["code"] == "outside_limits"), None)


class TestUploads:
    @pytest.mark.parametrize("implausible", ["keep", "hold"])
    def test_rows_outside_are_stored_with_a_finding(
        self, client: TestClient, implausible: str
    ) -> None:
        create(client, "s", channels=[{"name": "t", "minimum": 0}], implausible=implausible)
        report = upload(client)
        assert (report["rows_stored"], report["rows_quarantined"]) == (24, 0)
        found = finding_of(report["issues"])
        assert found is not None
        assert (found["count"], found["action"]) == (2, "kept as it is")
        assert [example["line"] for example in found["examples"]] == [5, 9]
        assert client.get("/v1/series/s/quarantine").json()["items"] == []

    def test_later_limits_change_no_row_and_are_in_the_quality(self, client: TestClient) -> None:
        create(client, "s", channels=[{"name": "t"}])
        assert finding_of(upload(client)["issues"]) is None
        before = rows_of(client, "s")
        answer = client.patch("/v1/series/s", json={"channels": [{"name": "t", "maximum": 50}]})
        assert answer.status_code == 200, answer.text
        assert (rows_of(client, "s"), answer.json()["revision"]) == (before, 1)
        found = finding_of(client.get("/v1/series/s/quality").json()["issues"])
        assert found is not None
        assert (found["count"], found["examples"][0]["value"]) == (1, 60)
