"""The dry run of an upload: what it says of a file, and that it stores nothing."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.app.ingest.test_uploads import series_names
from tests.app.parsing.dialects.arrow_files import arrow_file, arrow_table
from tests.app.parsing.dialects.cases import CASES
from tests.app.parsing.dialects.refused import REFUSED
from tests.app.parsing.dialects.writers import DAYS, Case, Refused, market, weather
from tests.app.test_problems import check_problem

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def inspect(client: TestClient, content: str | bytes, **query: Any) -> dict[str, Any]:
    """What the dry run says of a file."""
    answer = client.post("/v1/uploads:inspect", params=query, content=content)
    assert answer.status_code == 200, answer.text
    assert series_names(client) == []
    found: dict[str, Any] = answer.json()
    return found


def kinds(found: dict[str, Any]) -> dict[str, str]:
    """The kind of each column by its name."""
    return {column["name"]: column["kind"] for column in found["columns"]}


class TestInspect:
    def test_dialect_and_first_rows_are_shown(self, client: TestClient) -> None:
        found = inspect(client, weather("time;temp;rain\n", mark=";", time="%d.%m.%Y %H:%M"))
        assert found["readable"] is True
        dialect = found["dialect"]
        assert (dialect["format"], dialect["delimiter"], dialect["decimal"]) == ("csv", ";", ".")
        assert dialect["timestamp_format"] == ["%d.%m.%Y %H:%M"]
        assert found["lines"][1] == {"line": 2, "text": "03.01.2022 00:00;20;1000"}
        assert found["rows"]["columns"] == ["time", "temp", "rain"]
        assert found["rows"]["rows"][0] == ["2022-01-03T00:00:00Z", 20.0, 1000.0]
        assert len(found["rows"]["rows"]) == 10
        counted = ("rows_read", "rows_duplicate", "rows_quarantined", "cadence")
        assert [found[name] for name in counted] == [40, 0, 0, "19h"]

    def test_kinds_of_columns_are_named(self, client: TestClient) -> None:
        text = market(
            "unix,date,symbol,Open,High,Low,Close,spread,,\n",
            time="%s,%Y-%m-%d,AAPL",
            order=("open", "high", "low", "close", "volume"),
            after=",,",
        )
        found = inspect(client, text)
        assert found["kind"] == "ohlc"
        assert kinds(found) == {
            "unix": "time",
            "date": "time",
            "symbol": "symbol",
            "Open": "open",
            "High": "high",
            "Low": "low",
            "Close": "close",
            "spread": "value",
            "": "empty",
        }
        channels = {column["name"]: column["channel"] for column in found["columns"]}
        assert (channels["Open"], channels["spread"], channels["unix"]) == ("open", "spread", None)

    def test_an_arrow_file_has_no_lines(self, client: TestClient) -> None:
        found = inspect(client, arrow_file(arrow_table()))
        assert (found["dialect"]["format"], found["lines"]) == ("arrow", [])
        assert kinds(found) == {"time": "time", "temp": "value", "rain": "value"}

    def test_an_unclear_order_is_a_problem_with_its_parameter(self, client: TestClient) -> None:
        text = weather(time="%d/%m/%Y", times=DAYS[:5])
        found = inspect(client, text)
        assert (found["readable"], found["rows"], found["rows_read"]) == (False, None, None)
        problem = found["problems"][0]
        assert problem["parameters"] == ["timestamp_format"]
        assert "is 2022-01-03 by %d/%m/%Y and 2022-03-01 by %m/%d/%Y" in problem["message"]
        assert kinds(found) == {"time": "time", "temp": "value", "rain": "value"}
        settled = inspect(client, text, timestamp_format="dayfirst")
        assert (settled["readable"], settled["problems"]) == (True, [])

    def test_what_is_found_is_what_an_upload_reports(self, client: TestClient) -> None:
        text = weather() + "never,1,2\n" + weather(None)
        found = inspect(client, text, timezone="Asia/Kolkata")
        address = "/v1/series/x/uploads"
        query = {"create": True, "timezone": "Asia/Kolkata"}
        report = client.post(address, params=query, content=text).json()
        names = ("rows_read", "rows_duplicate", "rows_quarantined", "first", "last", "cadence")
        for name in (*names, "gaps", "issues"):
            assert found[name] == report[name]
        assert found["dialect"].items() <= report["dialect"].items()

    def test_a_file_over_the_limit_is_refused(self, settings: Settings) -> None:
        limits = {"upload_limit_bytes": 1_000, "body_limit_bytes": 10}
        with TestClient(create_app(settings.model_copy(update=limits))) as client:
            answer = client.post("/v1/uploads:inspect", content=weather())
            check_problem(answer, 413)
            assert client.post("/v1/uploads:inspect", content=weather()[:500]).status_code == 200

    def test_an_unknown_parameter_is_refused(self, client: TestClient) -> None:
        check_problem(client.post("/v1/uploads:inspect?delimeter=;", content=weather()), 422)

    @pytest.mark.parametrize("case", CASES[::8], ids=lambda case: case.name)
    def test_files_of_every_dialect_are_readable(self, client: TestClient, case: Case) -> None:
        found = inspect(client, case.content, **case.query)
        assert (found["readable"], found["problems"]) == (True, [])
        assert found["rows"]["columns"] == ["time", *case.values]

    @pytest.mark.parametrize("case", REFUSED[::4], ids=lambda case: case.name)
    def test_refused_files_have_the_refusal_as_a_problem(
        self, client: TestClient, case: Refused
    ) -> None:
        found = inspect(client, case.content, **case.query)
        assert found["readable"] is False
        assert case.sentence in found["problems"][0]["message"]
