"""Exchange codes over HTTP: checked, read by a child process, kept, renewed, and forecast with."""

import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import exchange_calendars
import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.calendars import service
from app.calendars.codes import ALIASES, LIBRARY_CODES
from app.calendars.tables import ExchangeCalendar
from app.db import Database, utc_now
from tests.app.conftest import Trainer, put_rows
from tests.app.test_problems import check_problem
from tests.models.calendars.test_exchange import hours_of

if TYPE_CHECKING:
    from models.training.trained import Trained

FAILING = (sys.executable, "-c", "raise SystemExit('no such calendar')")


def store(database: Database, code: str, **fields: object) -> None:
    """Put an exchange's sessions into the database, as if they had been read."""
    values = {
        "code": code,
        "library_version": service.library_version(),
        "read_at": utc_now(),
        "hours": hours_of("XNYS").to_json() | {"code": code},
    }
    with database.transaction() as session:
        session.add(ExchangeCalendar(**(values | fields)))


def stored(database: Database) -> dict[str, ExchangeCalendar]:
    with database.reading() as session:
        return {row.code: row for row in session.scalars(sa.select(ExchangeCalendar))}


@pytest.mark.unit
class TestCodes:
    def test_they_are_those_of_the_library(self) -> None:
        names = exchange_calendars.get_calendar_names
        assert set(names(include_aliases=False)) == LIBRARY_CODES
        assert set(names()) - LIBRARY_CODES == ALIASES.keys() - {"NSE"}


class TestCreate:
    def test_sessions_are_read_once_and_serve_every_series(
        self, client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body = {"name": "nifty", "kind": "ohlc", "calendar": "nse"}
        answer = client.post("/v1/series", json=body)
        assert (answer.status_code, answer.json()["calendar"]) == (201, "XNSE")
        # The library lacks XNSE: Bombay has the same days.
        hours = stored(database)["XNSE"].hours
        assert (hours["code"], hours["timezone"]) == ("XNSE", "Asia/Kolkata")
        monkeypatch.setattr(service, "CHILD_COMMAND", FAILING)
        assert client.post("/v1/series", json=body | {"name": "bank"}).status_code == 201

    def test_an_unknown_code_is_refused_with_those_that_are_near(self, client: TestClient) -> None:
        problem = check_problem(
            client.post("/v1/series", json={"name": "a", "calendar": "XNYC"}), 422
        )
        assert problem["errors"][0]["pointer"] == "/calendar"
        assert "XNYS" in problem["detail"]
        client.post("/v1/series", json={"name": "a"})
        check_problem(client.patch("/v1/series/a", json={"calendar": ""}), 422)

    @pytest.mark.parametrize("why", ["cannot build it", "pip install exchange-calendars"])
    def test_sessions_that_cannot_be_read_are_a_conflict_with_the_remedy(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch, why: str
    ) -> None:
        monkeypatch.setattr(service, "CHILD_COMMAND", FAILING)
        if why.startswith("pip"):
            monkeypatch.setattr(service, "library_version", lambda: None)
        answer = client.post("/v1/series", json={"name": "a", "calendar": "XTAE"})
        problem = check_problem(answer, 409)
        assert why in problem["detail"]
        assert "sessions" in problem["detail"]
        assert client.get("/v1/series/a").status_code == 404


class TestRenew:
    OLD = utc_now() - timedelta(days=31)

    @pytest.mark.parametrize(
        "stale", [{"library_version": "4.0"}, {"read_at": OLD}], ids=["library", "month"]
    )
    def test_what_is_old_is_read_again(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, stale: dict[str, Any]
    ) -> None:
        store(database, "XLON", **stale)
        store(database, "XNYS")
        answer = json.dumps(hours_of("XTKS").to_json())
        monkeypatch.setattr(service, "CHILD_COMMAND", (sys.executable, "-c", f"print({answer!r})"))
        service.renew(database)
        found = stored(database)
        assert found["XLON"].hours["timezone"] == "Asia/Tokyo"
        assert found["XLON"].library_version == service.library_version()
        assert utc_now() - found["XLON"].read_at < timedelta(minutes=5)
        assert found["XNYS"].hours["timezone"] == "America/New_York"

    def test_what_cannot_be_read_again_stays(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store(database, "XLON", read_at=self.OLD)
        monkeypatch.setattr(service, "CHILD_COMMAND", FAILING)
        service.renew(database)
        assert stored(database)["XLON"].read_at == self.OLD


@pytest.fixture(scope="module")
def trained_days() -> list["Trained"]:
    """A network for days, once the first test has needed it."""
    return []


def day_rows(days: list[str]) -> list[list[Any]]:
    return [[f"{day}T00:00:00Z", 10 + n % 5] for n, day in enumerate(days)]


@pytest.fixture
def days(client: TestClient, database: Database) -> list[str]:
    """A series of New York's sessions up to Monday, 23 December 2024."""
    store(database, "XNYS")
    known = hours_of("XNYS").dates
    own = known[known <= np.datetime64("2024-12-23")][-250:].astype(str).tolist()
    answer = client.post("/v1/series", json={"name": "days", "calendar": "NASDAQ"})
    assert answer.json()["calendar"] == "XNYS"
    put_rows(client, day_rows(own), "days")
    return own


class TestForecasts:
    def test_they_skip_holidays_and_leave_no_gap(
        self,
        client: TestClient,
        database: Database,
        days: list[str],
        trained_days: list["Trained"],
    ) -> None:
        spec = {"horizon": 4, "epochs": 1, "layers": [{"cell": "gru", "units": 2}]}
        asked = client.post("/v1/models", json={"name": "m", "series": "days", "spec": spec})
        Trainer(database, trained_days).finish(asked.json()["job"]["id"])
        body = client.post("/v1/models/m/forecasts", json={}).json()
        ahead = [point["time"][:10] for point in body["points"]]
        assert ahead == ["2024-12-24", "2024-12-26", "2024-12-27", "2024-12-30"]
        assert body["calendar_known_until"] == str(hours_of("XNYS").last_day)
        put_rows(client, day_rows([*days, *ahead]), "days")
        assert client.get("/v1/series/days/quality").json()["gaps"]["count"] == 0

        # 9 January 2025 became a day of mourning: it may be known after the training only.
        hours = hours_of("XNYS")
        with database.transaction() as session:
            kept = hours.dates != np.datetime64("2024-12-31")
            later = type(hours)(
                hours.code,
                hours.timezone,
                hours.first_day,
                hours.last_day,
                hours.dates[kept],
                hours.marks[kept],
            )
            row = session.get_one(ExchangeCalendar, "XNYS")
            row.hours, row.read_at = later.to_json(), utc_now()
        # Trained versions keep their calendar, and stored times stay, whatever the series' is.
        rows = client.get("/v1/series/days/observations").json()["rows"]
        changed = client.patch("/v1/series/days", json={"calendar": "continuous"}).json()
        assert changed["calendar"] == "continuous"
        assert client.get("/v1/series/days/observations").json()["rows"] == rows
        body = client.post("/v1/models/m/forecasts", json={}).json()
        ahead = [point["time"][:10] for point in body["points"]]
        assert ahead == ["2025-01-02", "2025-01-03", "2025-01-06", "2025-01-07"]


class TestQuality:
    def test_it_tells_of_sessions_and_what_is_missing_in_them(
        self, client: TestClient, days: list[str]
    ) -> None:
        client.post("/v1/series", json={"name": "holes", "calendar": "XNYS"})
        put_rows(client, day_rows([*days[:100], *days[102:]]), "holes")
        quality = client.get("/v1/series/holes/quality").json()
        assert quality["gaps"]["items"] == [
            {
                "after": f"{days[99]}T00:00:00Z",
                "length": "3 days 00:00:00",
                "seconds": 259200.0,
                "clock_change": False,
            }
        ]
        sessions = quality["sessions"]
        assert (sessions["source"], sessions["bars"], sessions["days_without_rows"]) == (
            "XNYS",
            1,
            2,
        )
        assert (sessions["open"], sessions["close"]) == ("09:30:00", "16:00:00")
        assert sessions["holidays"][-2:] == ["2024-09-02", "2024-11-28"]
        assert sessions["known_until"] == str(hours_of("XNYS").last_day)

    def test_bars_that_come_while_the_exchange_is_closed_are_doubted(
        self, client: TestClient, database: Database
    ) -> None:
        store(database, "XNYS")
        # A morning in New York, read as UTC: 9:30 is hours before the open.
        lines = "time,y\n" + "".join(
            f"2024-06-{day:02}T{hour:02}:30:00,{hour}\n"
            for day in (3, 4, 5, 6, 7)
            for hour in range(9, 13)
        )
        for name, zone in (("wrong", "UTC"), ("right", "America/New_York")):
            client.post("/v1/series", json={"name": name, "calendar": "XNYS", "timezone": zone})
            assert client.post(f"/v1/series/{name}/uploads", content=lines).status_code == 201
        wrong = client.get("/v1/series/wrong/quality").json()["issues"]
        assert [(one["code"], one["count"]) for one in wrong] == [("outside_sessions", 20)]
        assert "09:30:00 to 16:00:00 in America/New_York" in wrong[0]["message"]
        assert client.get("/v1/series/right/quality").json()["issues"] == []

    def test_sessions_learnt_from_rows_are_reported(self, client: TestClient) -> None:
        body = {"name": "bars", "kind": "ohlc", "timezone": "Asia/Kolkata"}
        client.post("/v1/series", json=body)
        # Three weeks of 9:00, then 9:20 to 10:05 by quarters; no Wednesday in the second one.
        rows = [
            [f"2024-01-{day:02}T{clock}:00+05:30", 1.0]
            for day in [*range(1, 6), 8, 9, 11, 12, *range(15, 20)]
            for clock in ("09:00", "09:20", "09:35", "09:50", "10:05")
            if (day, clock) != (16, "09:50")
        ]
        put_rows(client, rows, "bars")
        sessions = client.get("/v1/series/bars/quality").json()["sessions"]
        assert sessions == {
            "source": "learnt",
            "timezone": "Asia/Kolkata",
            "open": "09:20:00",
            "close": "10:05:00",
            "pre_open_bars": ["09:00:00"],
            "bars": 5,
            "weekdays": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
            "days_without_rows": 1,
            "holidays": ["2024-01-10"],
            "missing_rows": 1,
            "missing_after": ["2024-01-16T04:05:00Z"],
            "rows_outside": 0,
            "known_until": None,
            "unsure": False,
        }
        assert client.post("/v1/series", json={"name": "none"}).status_code == 201
        assert client.get("/v1/series/none/quality").json()["sessions"] is None
