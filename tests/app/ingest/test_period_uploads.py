"""Quarters, weeks, clocks and means of years over HTTP: stored, or refused with what works."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.ingest.test_uploads import send, series_names
from tests.app.test_problems import check_problem

# What is read from a file does not depend on the database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def numbered(header: str, form: str, periods: int, rows: int) -> str:
    """Years from 2001 with numbers from 1, and a channel that counts the rows."""
    lines = (f"{form.format(2001 + n // periods, n % periods + 1)},{n}.5\n" for n in range(rows))
    return f"{header},a\n{''.join(lines)}"


def stored(client: TestClient, text: str, **query: Any) -> dict[str, Any]:
    """The report of an upload."""
    answer = send(client, text, **query)
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    return report


class TestPeriods:
    @pytest.mark.parametrize(
        ("header", "form", "periods", "cadence"),
        [
            ("Year,Quarter", "{},{}", 4, "QS"),
            ("period", "{}-{}", 4, "QS"),
            ("period", "{} H{}", 2, "2QS"),
            ("period", "{}M{:02}", 12, "MS"),
        ],
    )
    def test_the_cadence_is_that_of_the_periods(
        self, client: TestClient, header: str, form: str, periods: int, cadence: str
    ) -> None:
        report = stored(client, numbered(header, form, periods, 36))
        assert (report["rows_stored"], report["cadence"]) == (36, cadence)

    def test_a_refusal_names_formats_that_work(self, client: TestClient) -> None:
        text = numbered("period", "{}-{}", 4, 4)
        detail = check_problem(send(client, text), 422)["detail"]
        assert series_names(client) == []
        assert "`timestamp_format=%Y-%m` or `timestamp_format=%Y-%q`" in detail
        report = stored(client, text, timestamp_format="%Y-%q")
        assert (report["last"], report["cadence"]) == ("2001-10-01T00:00:00Z", "QS")

    def test_means_of_years_are_neither_stored_nor_quarantined(self, client: TestClient) -> None:
        report = stored(client, numbered("year,period", "{},M{:02}", 13, 39))
        assert (report["rows_stored"], report["rows_quarantined"]) == (36, 0)
        assert [issue["code"] for issue in report["issues"]] == ["year_means"]

    @pytest.mark.parametrize(
        ("header", "form"), [("Year,Quarter", "{},Q{}"), ("time", "{}.{}"), ("w", "{}-W{:02}")]
    )
    def test_corrected_rows_are_read_like_the_file(
        self, client: TestClient, header: str, form: str
    ) -> None:
        text = numbered(header, form, 4, 24).replace("17.5", "much")
        report = stored(client, text)
        assert (report["rows_stored"], report["rows_quarantined"]) == (23, 1)
        address = f"/v1/series/days/uploads/{report['id']}/quarantine"
        rows = client.get(address, params={"format": "rows"}).text.replace("much", "17.5")
        again = stored(client, rows, like=report["id"])
        assert (again["rows_stored"], again["rows_quarantined"]) == (1, 0)
        values = client.get("/v1/series/days/observations").json()["rows"]
        assert [row[1] for row in values] == [n + 0.5 for n in range(24)]

    def test_a_corrected_row_of_a_decimal_year_keeps_its_month(self, client: TestClient) -> None:
        lines = [f"{1959 + (n + 0.5) / 12:.3f},{n}.5\n" for n in range(24)]
        report = stored(client, "time,a\n" + "".join(lines).replace("17.5", "much"))
        address = f"/v1/series/days/uploads/{report['id']}/quarantine"
        rows = client.get(address, params={"format": "rows"}).text.replace("much", "17.5")
        stored(client, rows, like=report["id"])
        values = client.get("/v1/series/days/observations").json()["rows"]
        assert values[17] == ["1960-06-01T00:00:00Z", 17.5]
