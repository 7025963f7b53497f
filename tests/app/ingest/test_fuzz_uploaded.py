"""Generated files of known truth through HTTP: what a 422 names is followed literally.

Many more of them are read in `tests/app/parsing/fuzz/`.
"""

from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings

from tests.app.ingest.test_uploads import send
from tests.app.parsing.fuzz.checks import check_found
from tests.app.parsing.fuzz.files import made
from tests.app.parsing.fuzz.remedies import Found, Options, ReadSeries, Refusal, Rows, ways
from tests.app.parsing.fuzz.shapes import Shape, shapes
from tests.app.test_problems import check_problem

# What is read from a file does not depend on the database.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")
MICROSECOND = timedelta(microseconds=1)
# All examples share a database: each file becomes a series of its own.
NUMBERS = count()


class TestUploads:
    @given(shape=shapes)
    @settings(
        max_examples=20,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def test_a_file_is_stored_as_its_truth_or_the_422_says_how(
        self, client: TestClient, shape: Shape
    ) -> None:
        file = made(shape)
        read = partial(_upload, client, file.content)
        for query, found in ways(read, file.options, file.answers):
            check_found(file, query, found)


def _upload(client: TestClient, content: bytes, query: Options) -> Found:
    """Send a file into a new series, and read what was stored."""
    answer = send(client, content, f"fuzz{next(NUMBERS)}", **query)
    if answer.status_code == 422:
        return Refusal(check_problem(answer, 422)["detail"])
    assert answer.status_code == 201, answer.text
    report = answer.json()
    return [_stored(client, one) for one in report.get("items", [report])]


def _stored(client: TestClient, report: dict[str, Any]) -> ReadSeries:
    stored = client.get(f"/v1/series/{report['series']}/observations").json()
    rows: Rows = {
        (datetime.fromisoformat(time) - EPOCH) // MICROSECOND: values
        for time, *values in stored["rows"]
    }
    split: dict[str, Any] = report.get("split") or {}
    return ReadSeries(split.get("values", {}), tuple(stored["columns"][1:]), rows, ())
