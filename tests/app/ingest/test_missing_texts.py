"""Texts that mean missing, over HTTP: at creation, by PATCH, in uploads and in appended rows."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.test_problems import check_problem

ODD = {3: "T", 11: "T", 17: "T", 19: "<1"}
TIMES = [f"2024-01-{1 + n // 24:02}T{n % 24:02}:00:00Z" for n in range(48)]


def rain(row: int) -> str:
    """The field of a row."""
    return ODD.get(row, f"{row * row % 37}.5")


def file_of(*, only_rain: bool = False) -> str:
    """A file of two channels, or of one."""
    names = "time,rain" if only_rain else "time,rain,temp"
    rest = (lambda _: "") if only_rain else (lambda n: f",{n * n % 31}")
    rows = [f"{time},{rain(n)}{rest(n)}" for n, time in enumerate(TIMES)]
    return "\n".join([names, *rows, ""])


def stored(client: TestClient) -> list[Any]:
    """The stored values of the channel `rain`."""
    answer = client.get("/v1/series/s/observations").json()
    place = answer["columns"].index("rain")
    return [row[place] for row in answer["rows"]]


def upload(client: TestClient, text: str) -> Any:
    """The report of an upload."""
    answer = client.post("/v1/series/s/uploads", params={"create": True}, content=text)
    assert answer.status_code == 201, answer.text
    return answer.json()


def missing(client: TestClient) -> Any:
    """The setting `missing` of the channel `rain`."""
    channels = client.get("/v1/series/s").json()["channels"]
    return next(channel["missing"] for channel in channels if channel["name"] == "rain")


TRUTH = [None if n in ODD else float(rain(n)) for n in range(48)]


class TestUploads:
    def test_odd_fields_are_missing_and_the_suggestion_can_be_sent(
        self, client: TestClient
    ) -> None:
        report = upload(client, file_of())
        assert (report["rows_stored"], report["rows_quarantined"]) == (48, 0)
        assert stored(client) == TRUTH
        issue = next(one for one in report["issues"] if one["code"] == "odd_cells")
        assert (issue["count"], issue["examples"][0]["line"]) == (4, 5)
        answer = client.patch("/v1/series/s", json=issue["suggestion"])
        assert (answer.status_code, answer.json()["rows_updated"]) == (200, 0)
        assert missing(client) == ["<1", "T"]
        assert stored(client) == TRUTH
        more = "time,rain,temp\n2024-01-03T00:00:00Z,T,5\n"
        report = upload(client, more)
        assert "odd_cells" not in {one["code"] for one in report["issues"]}
        assert report["dialect"]["missing"] == {"rain": ["<1", "T"]}

    def test_texts_and_numbers_are_given_at_creation(self, client: TestClient) -> None:
        channels = [{"name": "rain", "missing": [" T ", -9999, "<1", "0.5"]}]
        body = {"name": "s", "channels": channels}
        assert client.post("/v1/series", json=body).status_code == 201
        # A text that is a number means the number.
        assert missing(client) == ["T", -9999, "<1", 0.5]
        upload(client, file_of())
        assert stored(client) == [None if value == 0.5 else value for value in TRUTH]

    def test_quarantined_rows_come_in_when_the_file_is_sent_again(self, client: TestClient) -> None:
        text = file_of(only_rain=True).replace("<1", "trace")
        report = upload(client, text)
        assert (report["rows_stored"], report["rows_quarantined"]) == (47, 1)
        assert client.post("/v1/series/s/uploads", content=text).status_code == 200
        body = {"channels": [{"name": "rain", "missing": ["trace", "T"]}]}
        assert client.patch("/v1/series/s", json=body).status_code == 200
        report = upload(client, text)
        assert (report["rows_stored"], report["rows_quarantined"]) == (1, 0)
        assert stored(client) == TRUTH
        assert client.post("/v1/series/s/uploads", content=text).status_code == 200

    def test_numbers_still_change_stored_rows_in_both_directions(self, client: TestClient) -> None:
        upload(client, file_of())
        for marks, value in ((["T", 25.5], None), (["T"], 25.5)):
            body = {"channels": [{"name": "rain", "missing": marks}]}
            assert client.patch("/v1/series/s", json=body).json()["rows_updated"] > 0
            assert stored(client)[5] == value

    def test_a_counter_is_left_out_of_later_files_too(self, client: TestClient) -> None:
        rows = [f"{time},{n},{n * n % 31}" for n, time in enumerate(TIMES)]
        for part in (rows[:40], rows[40:47], rows[47:]):
            report = upload(client, "\n".join(["time,RECORD,temp", *part, ""]))
            assert report["rows_stored"] == len(part)
            assert "RECORD" in str(report["issues"])
        assert client.get("/v1/series/s/observations").json()["columns"] == ["time", "temp"]


class TestAppends:
    def test_texts_of_the_channel_are_missing(self, client: TestClient) -> None:
        channels = [{"name": "rain", "missing": ["T"]}, {"name": "temp"}]
        client.post("/v1/series", json={"name": "s", "channels": channels})
        body: dict[str, Any] = {
            "columns": ["time", "rain", "temp"],
            "rows": [[TIMES[0], 1.5, 2], [TIMES[1], "T", 3]],
        }
        answer = client.put("/v1/series/s/observations", json=body)
        assert answer.status_code == 200, answer.text
        assert stored(client) == [1.5, None]
        body["rows"] = [[TIMES[2], 1, "T"]]
        problem = check_problem(client.put("/v1/series/s/observations", json=body), 422)
        assert problem["errors"][0]["pointer"] == "/rows/0/2"


@pytest.mark.one_database
class TestRefusals:
    @pytest.mark.parametrize("mark", [" ", "x" * 101, None, [1]])
    def test_what_is_neither_a_number_nor_a_text(self, client: TestClient, mark: Any) -> None:
        body = {"name": "s", "channels": [{"name": "rain", "missing": [mark]}]}
        check_problem(client.post("/v1/series", json=body), 422)
