"""Rows that could not be stored: downloaded, corrected, and uploaded again."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.test_problems import check_problem

DAYS = [f"{day:02}/02/2024" for day in range(1, 25)]
ROWS = "".join(f"{day};x;{n},5;{n + 1}\n" for n, day in enumerate(DAYS))
BAD = "03/03/2024;=cmd;much;\n04/03/2024;x;-8,5\n"
GOOD = {";much;": ";-6,5;7", ";-8,5\n": ";-8,5;9\n"}
FILES = {
    "a header": ("Date;note;a;b\n", {}),
    "a preamble": ("Station 7\nmade by hand\n\nDate;note;a;b\n", {}),
    "no header": ("", {"columns": "Date,,a,b", "timestamp": "Date"}),
}


def post(client: TestClient, text: str, **query: Any) -> Any:
    """Upload a file and return its report."""
    answer = client.post("/v1/series/s/uploads", params=query, content=text)
    assert answer.status_code == 201, answer.text
    return answer.json()


class TestCorrectedRows:
    @pytest.mark.parametrize("kind", FILES)
    def test_they_are_downloaded_corrected_and_merged(self, client: TestClient, kind: str) -> None:
        header, query = FILES[kind]
        report = post(client, header + ROWS + BAD, create=True, **query)
        assert (report["rows_stored"], report["rows_quarantined"]) == (24, 2)
        address = f"/v1/series/s/uploads/{report['id']}/quarantine"
        text = client.get(address, params={"format": "rows"}).text
        assert "03/03/2024;'=cmd;much;\n04/03/2024;x;-8,5\n" in text
        for wrong, right in GOOD.items():
            text = text.replace(wrong, right)
        again = post(client, text, like=report["id"])
        assert (again["rows_stored"], again["rows_quarantined"]) == (2, 0)
        rows = client.get("/v1/series/s/observations").json()
        assert rows["columns"] == ["time", "a", "b"]
        assert rows["rows"][-2:] == [
            ["2024-03-03T00:00:00Z", -6.5, 7],
            ["2024-03-04T00:00:00Z", -8.5, 9],
        ]

    def test_bars_without_a_header_keep_their_columns(self, client: TestClient) -> None:
        rows = [f"X,20240119,{n // 60:02}:{n % 60:02},10,12,9,11,0,0\n" for n in range(150)]
        text = "".join(rows) + "X,20240120,09:16,10,8,9,11,0,0\n"
        report = post(client, text, create=True)
        address = f"/v1/series/s/uploads/{report['id']}/quarantine?format=rows"
        corrected = client.get(address).text.replace(",10,8,9,", ",10,12,9,")
        again = post(client, corrected, like=report["id"])
        assert (again["rows_stored"], again["dialect"]["fields"]) == (
            1,
            report["dialect"]["fields"],
        )
        assert client.get("/v1/series/s/observations").json()["rows"][-1][:5] == [
            *("2024-01-20T09:16:00Z", 10, 12, 9, 11)
        ]

    def test_a_long_line_is_kept_whole(self, client: TestClient) -> None:
        long = "y" * 3_000
        report = post(client, f"Date;note;a;b\n{ROWS}05/03/2024;{long};bad;\n", create=True)
        address = f"/v1/series/s/uploads/{report['id']}/quarantine?format=rows"
        assert f"05/03/2024;{long};bad;\n" in client.get(address).text

    def test_an_unknown_upload_is_not_found(self, client: TestClient) -> None:
        post(client, f"Date;note;a;b\n{ROWS}", create=True)
        answer = client.post("/v1/series/s/uploads?like=99", content="Date;a\n1;2\n")
        assert "no upload 99" in check_problem(answer, 404)["detail"]
        query = "like=1&split=note"
        check_problem(client.post(f"/v1/series/s/uploads?{query}", content=ROWS), 422)


class TestTidyTables:
    def test_a_corrected_row_is_read_as_its_file_was(self, client: TestClient) -> None:
        rows = "".join(
            f"2024-01-{day:02},{name},{day}\n" for day in range(1, 21) for name in ("temp", "hum")
        )
        query = {"create": True, "pivot": "variable", "value": "value"}
        text = f"time,variable,value\n{rows}2024-01-21,temp,much\n"
        report = client.post("/v1/series/tidy/uploads", params=query, content=text).json()
        assert report["rows_quarantined"] == 1
        address = f"/v1/series/tidy/uploads/{report['id']}/quarantine?format=rows"
        corrected = client.get(address).text.replace("much", "7")
        again = client.post(
            "/v1/series/tidy/uploads", params={"like": report["id"]}, content=corrected
        )
        assert (again.status_code, again.json()["rows_stored"]) == (201, 1), again.text
        last = client.get("/v1/series/tidy/observations").json()
        assert last["rows"][-1] == ["2024-01-21T00:00:00Z", None, 7]
