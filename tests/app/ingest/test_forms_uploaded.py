"""Workbooks, JSON documents, series files and files without times through HTTP."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.app.parsing.workbook_files import ods, xlsx
from tests.app.test_problems import check_problem

FIRST = datetime.fromisoformat("2023-03-01")
TIMES = [FIRST + timedelta(hours=n) for n in range(30)]
VALUES = [round(5 + n * 7919 % 101 / 8, 3) for n in range(30)]
STORED = [[f"{time.isoformat()}Z", value] for time, value in zip(TIMES, VALUES, strict=True)]
NUMBERS = "".join(f"{value},{value}\n" for value in VALUES)


def send(client: TestClient, content: str | bytes, name: str = "s", **query: Any) -> Response:
    """Upload a file into a series that is created."""
    params = {"create": "true", **query}
    return client.post(f"/v1/series/{name}/uploads", params=params, content=content)


def check_refused(answer: Response, kind: str) -> None:
    """Assert a refusal of one type."""
    assert check_problem(answer, 422)["type"] == f"urn:statecast:problem:{kind}"


def stored(client: TestClient, name: str = "s") -> list[list[Any]]:
    """The first two columns of a series."""
    rows = client.get(f"/v1/series/{name}/observations").json()["rows"]
    return [row[:2] for row in rows]


@pytest.mark.parametrize("write", [xlsx, ods])
def test_a_sheet_of_a_workbook(client: TestClient, write: Any) -> None:
    gas = [["Time", "Gas"], *map(list, zip(TIMES, VALUES, strict=True))]
    book = write({"Oil": [["Time", "Oil"], [FIRST, 1], [TIMES[1], 2]], "Gas": gas})
    refused = send(client, book)
    check_refused(refused, "several-tables")
    assert "`sheet=Gas`" in refused.json()["detail"]
    answer = send(client, book, sheet="Gas")
    assert answer.status_code == 201
    dialect = answer.json()["dialect"]
    assert (dialect["format"], dialect["sheet"]) == (write.__name__, "Gas")
    assert stored(client) == STORED
    again = send(client, book, sheet="Gas")
    assert (again.status_code, again.json()) == (200, answer.json())


def test_a_file_without_times(client: TestClient) -> None:
    refused = send(client, f"flow,level\n{NUMBERS}")
    check_refused(refused, "missing-columns")
    assert "`start=` and `cadence=`" in refused.json()["detail"]
    answer = send(client, f"flow,level\n{NUMBERS}", start="2023-03-01", cadence="1h")
    assert answer.status_code == 201
    assert answer.json()["cadence"] == "1h"
    assert stored(client) == STORED
    wrong = send(client, f"flow,level\n{NUMBERS}", start="2023-03-01")
    check_refused(wrong, "option-invalid")
    assert wrong.json()["errors"][0]["pointer"] == "/query/cadence"


def test_a_corrected_row_of_a_file_without_times(client: TestClient) -> None:
    level = VALUES[5]
    text = "flow,level\n" + NUMBERS.replace(f"{VALUES[5]},{level}\n", "inf,inf\n")
    answer = send(client, text, start="2023-03-01", cadence="1h").json()
    assert answer["rows_quarantined"] == 1
    path = f"/v1/series/s/uploads/{answer['id']}/quarantine"
    corrected = client.get(path, params={"format": "rows"}).text.replace(
        "inf,inf", f"{VALUES[5]},{level}"
    )
    sent = client.post("/v1/series/s/uploads", params={"like": answer["id"]}, content=corrected)
    assert sent.status_code == 201
    assert len(stored(client)) == len(STORED)
    assert stored(client)[5] == STORED[5]


def test_a_json_document_with_a_stated_offset(client: TestClient) -> None:
    document = {
        "utc_offset_seconds": 3600,
        "hourly": {"time": [f"{time:%Y-%m-%dT%H:%M}" for time in TIMES], "flow": VALUES},
    }
    assert send(client, json.dumps(document)).status_code == 201
    assert stored(client)[:2] == [["2023-02-28T23:00:00Z", 5.0], [*STORED[0][:1], VALUES[1]]]


def test_the_series_of_a_tsf_file(client: TestClient) -> None:
    values = ",".join(map(str, VALUES))
    text = (
        "@relation made\n@attribute series_name string\n@attribute start_timestamp date\n"
        f"@frequency hourly\n@data\nT1:2023-03-01 00-00-00:{values}\nT2:2001-03-01:{values}\n"
    )
    refused = send(client, text)
    check_refused(refused, "several-series")
    assert "`split=series_name`" in refused.json()["detail"]
    answer = send(client, text, split="series_name")
    assert [item["series"] for item in answer.json()["items"]] == ["s-T1", "s-T2"]
    assert stored(client, "s-T1") == STORED


def test_a_table_with_a_column_for_each_time(client: TestClient) -> None:
    header = ",".join(f"{time:%Y-%m-%d %H:%M}" for time in TIMES)
    text = f"place,{header}\nhere,{','.join(map(str, VALUES))}\n"
    answer = send(client, text)
    assert "wide_table" in [issue["code"] for issue in answer.json()["issues"]]
    assert stored(client) == STORED


def test_an_inspection_reads_them_too(client: TestClient) -> None:
    book = xlsx({"Gas": [["Time", "Gas"], *map(list, zip(TIMES, VALUES, strict=True))]})
    shown = client.post("/v1/uploads:inspect", content=book).json()
    assert (shown["readable"], shown["dialect"]["sheet"]) == (True, "Gas")
    shown = client.post("/v1/uploads:inspect", content=f"flow,level\n{NUMBERS}").json()
    assert {"start", "cadence"} <= set(shown["problems"][0]["parameters"])
    params = {"start": "2023-03-01", "cadence": "1h"}
    shown = client.post("/v1/uploads:inspect", content=NUMBERS, params=params).json()
    assert (shown["readable"], shown["cadence"]) == (True, "1h")
