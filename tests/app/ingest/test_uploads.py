"""Uploads over HTTP: reports, repetition, quarantine, limits and refusals."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from app.main import create_app
from app.settings import Settings
from tests.app.parsing.files import packed
from tests.app.test_problems import check_problem

DAYS = "".join(f"2024-01-{day:02},{day},{day * 10}\n" for day in range(1, 11))
TEXT = f"time,a,b\n{DAYS}"


def send(client: TestClient, content: str | bytes, name: str = "days", **query: Any) -> Response:
    """Upload a file as the raw body; the series is created when it is missing."""
    return client.post(
        f"/v1/series/{name}/uploads", params={"create": True, **query}, content=content
    )


def series_names(client: TestClient) -> list[str]:
    """The names of all series."""
    return [series["name"] for series in client.get("/v1/series").json()["items"]]


class TestUpload:
    def test_the_report_says_what_was_read_and_stored(self, client: TestClient) -> None:
        answer = send(client, TEXT)
        assert answer.status_code == 201
        report = answer.json()
        assert answer.headers["location"] == f"/v1/series/days/uploads/{report['id']}"
        counted = ("rows_read", "rows_stored", "rows_updated", "rows_duplicate", "rows_quarantined")
        assert [report[name] for name in counted] == [10, 10, 0, 0, 0]
        assert (report["first"], report["last"]) == ("2024-01-01T00:00:00Z", "2024-01-10T00:00:00Z")
        assert (report["cadence"], report["gaps"]["count"], report["revision"]) == ("1D", 0, 1)

    def test_the_series_is_created_on_request_only(self, client: TestClient) -> None:
        problem = check_problem(send(client, TEXT, create=False), 404)
        assert "`?create=true`" in problem["detail"]

    def test_a_created_series_has_the_files_channels_and_kind(self, client: TestClient) -> None:
        send(client, "date,Open,High,Low,Close\n2024-01-02,2,3,1,2\n2024-01-03,2,3,1,2\n")
        made = client.get("/v1/series/days").json()
        assert (made["kind"], made["calendar"]) == ("ohlc", "sessions")
        assert [channel["name"] for channel in made["channels"]] == ["open", "high", "low", "close"]

    def test_values_that_arrived_as_missing_come_back_with_their_file(
        self, client: TestClient
    ) -> None:
        channels = [{"name": "a", "missing": [3]}, {"name": "b"}]
        client.post("/v1/series", json={"name": "days", "channels": channels})
        first = send(client, TEXT).json()
        assert first["dialect"]["missing"] == {"a": [3.0]}
        assert send(client, TEXT).status_code == 200
        client.patch("/v1/series/days", json={"channels": [{"name": "a", "missing": []}]})
        again = send(client, TEXT)
        assert (again.status_code, again.json()["rows_updated"]) == (201, 1)
        assert send(client, TEXT).json() == again.json()

    def test_units_beside_the_numbers_become_those_of_the_channels(
        self, client: TestClient
    ) -> None:
        report = send(client, "time,a,b\n2024-01-01,1 °C,5\n2024-01-02,2 °C,6\n").json()
        (finding,) = [each for each in report["issues"] if each["code"] == "number_units"]
        assert "a (degC)" in finding["message"]
        channels = client.get("/v1/series/days").json()["channels"]
        assert [channel["unit"] for channel in channels] == ["degC", None]

        assert send(client, "time,a,b\n2024-01-03,3 deg C,7\n2024-01-04,4 deg C,8\n").is_success
        other = send(client, "time,a,b\n2024-01-05,5 °F,9\n2024-01-06,6 °F,9\n")
        assert "a (degF instead of degC)" in check_problem(other, 409)["detail"]
        assert client.get("/v1/series/days").json()["rows"] == 4

    def test_a_form_with_a_file_does_as_well(self, client: TestClient) -> None:
        address = "/v1/series/days/uploads?create=true"
        answer = client.post(address, files={"file": ("days.csv.gz", packed(TEXT))})
        assert answer.status_code == 201
        assert answer.json()["dialect"]["compression"] == "gzip"

    def test_a_form_without_the_file_is_refused(self, client: TestClient) -> None:
        answer = client.post("/v1/series/days/uploads?create=true", files={"data": ("x", b"x")})
        assert "field `file`" in check_problem(answer, 422)["detail"]

    def test_settings_of_the_series_are_used(self, client: TestClient) -> None:
        channels = [{"name": "b", "missing": [20]}, {"name": "a", "unit": "m"}]
        body = {"name": "days", "timezone": "Asia/Kolkata", "channels": channels}
        client.post("/v1/series", json=body)
        assert send(client, TEXT).json()["first"] == "2023-12-31T18:30:00Z"
        rows = client.get("/v1/series/days/observations").json()["rows"]
        assert rows[1] == ["2024-01-01T18:30:00Z", 2.0, None]
        assert client.get("/v1/series/days").json()["channels"][0]["unit"] == "m"

    def test_query_parameters_say_how_to_read(self, client: TestClient) -> None:
        text = "2024-01-02;1,234;x\n2024-01-03;5,5;x\n"
        query = {"decimal": ",", "header": False, "columns": "time,value,", "timezone": "UTC"}
        assert send(client, text, **query).status_code == 201
        rows = client.get("/v1/series/days/observations").json()["rows"]
        assert [row[1] for row in rows] == [1.234, 5.5]

    def test_an_unknown_parameter_is_refused(self, client: TestClient) -> None:
        problem = check_problem(send(client, TEXT, delimeter=";"), 422)
        assert problem["errors"][0]["pointer"] == "/query/delimeter"

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("names", "channels"),
        [
            ("a" * 5_000 + ",b", ["a" * 190 + "…", "b"]),
            ("a\x0bb,b", ["a\x0bb", "b"]),
            ('"a\nb",b', ["a\nb", "b"]),
            ("b,b", ["b", "b_2"]),
            (",b", ["column_2", "b"]),
        ],
    )
    def test_names_of_any_kind_become_channels(
        self, client: TestClient, names: str, channels: list[str]
    ) -> None:
        assert send(client, f"time,{names}\n{DAYS}").status_code == 201
        stored = client.get("/v1/series/days/observations").json()
        assert stored["columns"] == ["time", *channels]
        assert stored["rows"][-1][1:] == [10.0, 100.0]

    @pytest.mark.one_database
    @pytest.mark.parametrize("columns", ["time,a,a", f"time,a,{'b' * 201}"])
    def test_names_that_no_channels_can_have_are_refused(
        self, client: TestClient, columns: str
    ) -> None:
        problem = check_problem(send(client, DAYS, columns=columns), 422)
        assert "`columns` must give" in problem["detail"]

    def test_uploads_are_listed_newest_first(self, client: TestClient) -> None:
        one = send(client, TEXT).json()
        two = send(client, TEXT + "2024-01-11,1,2\n").json()
        listed = client.get("/v1/series/days/uploads").json()["items"]
        assert [report["id"] for report in listed] == [two["id"], one["id"]]
        shown = client.get(f"/v1/series/days/uploads/{one['id']}").json()
        assert shown["sha256"] == one["sha256"]

    def test_an_upload_belongs_to_its_series(self, client: TestClient) -> None:
        report = send(client, TEXT).json()
        send(client, TEXT, name="other")
        check_problem(client.get(f"/v1/series/other/uploads/{report['id']}"), 404)


class TestRepetition:
    def test_the_same_bytes_change_nothing_and_get_the_first_report(
        self, client: TestClient
    ) -> None:
        first, second = send(client, TEXT), send(client, TEXT)
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json() == second.json()
        assert client.get("/v1/series/days").json()["revision"] == 1

    def test_the_same_bytes_read_in_another_way_are_another_upload(
        self, client: TestClient
    ) -> None:
        send(client, TEXT)
        again = send(client, TEXT, timezone="Asia/Kolkata")
        assert (again.status_code, again.json()["rows_stored"]) == (201, 10)

    def test_overlapping_files_merge(self, client: TestClient) -> None:
        send(client, TEXT)
        changed = TEXT.replace("2024-01-10,10,100", "2024-01-10,10,999")
        report = send(client, changed + "2024-01-11,11,110\n").json()
        assert (report["rows_stored"], report["rows_updated"], report["rows_unchanged"]) == (
            1,
            1,
            9,
        )
        assert report["revision"] == 2

    def test_a_file_with_nothing_new_makes_no_revision(self, client: TestClient) -> None:
        send(client, TEXT)
        report = send(client, TEXT.replace("\n", "\r\n")).json()
        assert (report["rows_unchanged"], report["revision"]) == (10, 1)

    def test_a_file_with_some_of_the_channels_leaves_the_others(self, client: TestClient) -> None:
        send(client, TEXT)
        send(client, "time,b\n2024-01-01,7\n2024-01-11,8\n")
        rows = client.get("/v1/series/days/observations").json()["rows"]
        assert (rows[0][1:], rows[-1][1:]) == ([1.0, 7.0], [None, 8.0])

    def test_a_file_with_other_channels_is_a_conflict(self, client: TestClient) -> None:
        send(client, TEXT)
        problem = check_problem(send(client, "time,c\n2024-01-01,7\n"), 409)
        assert "no channels 'c'; its channels are 'a', 'b'" in problem["detail"]


class TestQuarantine:
    def test_bad_rows_download_with_line_and_reason(self, client: TestClient) -> None:
        report = send(client, TEXT + '2024-02-01,"x, y",1\nnever,1,2\n').json()
        assert (report["rows_stored"], report["rows_quarantined"]) == (10, 2)
        issue = report["issues"][0]
        assert (issue["code"], issue["count"]) == ("unreadable_time", 1)
        answer = client.get(f"/v1/series/days/uploads/{report['id']}/quarantine")
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert rows == [
            ["line", "reason", "text"],
            ["12", "'a' is not a finite number: 'x, y'", '2024-02-01,"x, y",1'],
            ["13", "'never' cannot be read as a time", "never,1,2"],
        ]


@pytest.mark.one_database
class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "empty"),
            (bytes(range(256)), "binary"),
            (b"a,b\n1.5,2\n2.5,3\n", "`timestamp=`"),
            (b"t,a\n2024-01-01,1\n2024-01-02,1,2\n2024-01-03\n2024-01-04,,,,1\n", "`delimiter=`"),
            (b"date,a\n01/02/2024,1\n02/03/2024,2\n", "`timestamp_format=%d/%m/%Y`"),
        ],
    )
    def test_what_cannot_be_read_is_refused_and_nothing_is_stored(
        self, client: TestClient, content: bytes, sentence: str
    ) -> None:
        assert sentence in check_problem(send(client, content), 422)["detail"]
        assert series_names(client) == []

    def test_another_kind_than_the_series_is_refused(self, client: TestClient) -> None:
        send(client, TEXT)
        check_problem(send(client, TEXT + "\n", kind="climate"), 422)


@pytest.mark.one_database
class TestLimits:
    @pytest.fixture
    def strict_client(self, settings: Settings) -> TestClient:
        limits = {"upload_limit_bytes": 1_000, "decompressed_limit_bytes": 5_000}
        return TestClient(create_app(settings.model_copy(update=limits)))

    def test_a_body_over_the_limit_is_refused(self, strict_client: TestClient) -> None:
        with strict_client as client:
            problem = check_problem(send(client, TEXT * 20), 413)
            assert "at most 1000 bytes" in problem["detail"]
            assert series_names(client) == []

    def test_a_stream_without_a_length_is_refused_as_well(self, strict_client: TestClient) -> None:
        with strict_client as client:
            pieces = (TEXT.encode() for _ in range(20))
            answer = client.post("/v1/series/days/uploads?create=true", content=pieces)
            check_problem(answer, 413)

    def test_a_form_over_the_limit_is_refused(self, strict_client: TestClient) -> None:
        with strict_client as client:
            address = "/v1/series/days/uploads?create=true"
            check_problem(client.post(address, files={"file": ("x", TEXT.encode() * 20)}), 413)

    def test_a_gzip_bomb_is_refused(self, strict_client: TestClient) -> None:
        with strict_client as client:
            bomb = packed("time,a\n" + "2024-01-01,1\n" * 10_000)
            assert len(bomb) < 1_000
            problem = check_problem(send(client, bomb), 413)
            assert "once unpacked" in problem["detail"]
            assert series_names(client) == []


class TestRealFiles:
    def test_jena_is_uploaded_in_one_call(self, client: TestClient, shared_data: Path) -> None:
        content = (shared_data / "jena_climate_2009-01_2011-01.csv.gz").read_bytes()
        report = send(client, content, name="jena", kind="climate").json()
        assert (report["rows_read"], report["rows_stored"]) == (106_727, 106_583)
        assert (report["rows_duplicate"], report["rows_quarantined"]) == (144, 0)
        assert report["gaps"] == {"count": 1, "longest": "00:30:00", "longest_seconds": 1800.0}
        made = client.get("/v1/series/jena").json()
        assert (made["rows"], made["cadence"], len(made["channels"])) == (106_583, "10min", 14)
        query = {"start": "2011-01-11T04:10:00Z", "channels": "T (degC)"}
        rows = client.get("/v1/series/jena/observations", params=query).json()["rows"]
        assert len(rows) == 1

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "name",
        [
            "ETTh1.csv.gz",
            "aapl_daily_2000_2020.csv",
            "AirQualityUCI.csv",
            "monthly-sunspots.csv",
            "nifty_1min_2022.csv.gz",
        ],
    )
    def test_every_kind_of_file_is_stored(
        self, client: TestClient, shared_data: Path, name: str
    ) -> None:
        answer = send(client, (shared_data / name).read_bytes(), name="real")
        assert answer.status_code == 201
        assert answer.json()["rows_stored"] == client.get("/v1/series/real").json()["rows"]
