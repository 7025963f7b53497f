"""Appends to a series that a version is deployed on: state, forecast, all in one transaction."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.live.tables import KeptState, StateCheckpoint
from app.registry.forecaster_cache import forecasters
from app.registry.tables import Bundle
from models.serving.artefact import FORMAT, read_bundle, write_bundle
from models.serving.forecaster import Forecaster, State
from tests.app.conftest import (
    ROWS,
    SPEC,
    START,
    WEEK,
    Trainer,
    put_rows,
    weekly_rows,
    weekly_value,
)
from tests.app.deployed import point, read_forecast, values


@contextmanager
def statements(database: Database, client: TestClient) -> Iterator[list[str]]:
    """The statements that the application sends meanwhile."""
    seen: list[str] = []
    engine = client.app.state.database.engine  # type: ignore[attr-defined]

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(engine, "before_cursor_execute", note)


def replayed(client: TestClient, database: Database, model: str) -> dict[str, Any]:
    """The forecast after all that was kept of the series is thrown away."""
    with database.transaction() as session:
        session.execute(sa.delete(KeptState))
        session.execute(sa.delete(StateCheckpoint))
        session.execute(sa.text("DELETE FROM forecasts"))
    answer = client.post(f"/v1/models/{model}/forecasts")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


class TestForecasts:
    def test_an_append_answers_with_the_forecast_that_it_stored(
        self, client: TestClient, deployed: str
    ) -> None:
        report = put_rows(client, weekly_rows(ROWS, 1))
        (entry,) = report["forecasts"]
        body = read_forecast(client, entry["id"])
        assert entry == {
            "id": body["id"],
            "model": deployed,
            "version": 1,
            "series": "weekly",
            "origin": body["origin"],
            "aliases": ["champion"],
            "error": None,
        }
        assert datetime.fromisoformat(body["origin"]) == START + ROWS * WEEK
        assert body["data_revision"] == report["revision"]

    def test_latest_is_the_forecast_of_the_append(self, client: TestClient, deployed: str) -> None:
        (entry,) = put_rows(client, weekly_rows(ROWS, 1))["forecasts"]
        assert client.get(f"/v1/models/{deployed}/forecasts/latest").json()["id"] == entry["id"]
        assert client.post(f"/v1/models/{deployed}/forecasts").json()["id"] == entry["id"]
        assert len(client.get("/v1/forecasts").json()["items"]) == 1

    def test_a_model_without_an_alias_is_left_alone(self, client: TestClient, model: str) -> None:
        assert put_rows(client, weekly_rows(ROWS, 1))["forecasts"] == []
        assert client.get("/v1/forecasts").json()["items"] == []

    def test_each_version_with_an_alias_forecasts_once(
        self, client: TestClient, database: Database, deployed: str, trainer: Trainer
    ) -> None:
        again = {"name": deployed, "series": "weekly", "spec": SPEC}
        trainer.finish(client.post("/v1/models", json=again).json()["job"]["id"])
        point(database, deployed, "challenger", 2)
        point(database, deployed, "canary", 2)
        entries = put_rows(client, weekly_rows(ROWS, 1))["forecasts"]
        assert [(entry["version"], entry["aliases"]) for entry in entries] == [
            (1, ["champion"]),
            (2, ["canary", "challenger"]),
        ]

    def test_a_write_that_changes_nothing_causes_nothing(
        self, client: TestClient, deployed: str
    ) -> None:
        put_rows(client, weekly_rows(ROWS, 1))
        report = put_rows(client, weekly_rows(ROWS, 1))
        assert (report["rows_stored"], report["rows_updated"], report["forecasts"]) == (0, 0, [])

    def test_an_upload_moves_the_states_too(self, client: TestClient, deployed: str) -> None:
        lines = [f"{time},{value}" for time, value in weekly_rows(ROWS, 3)]
        text = "\n".join(["time,y", *lines])
        answer = client.post("/v1/series/weekly/uploads", content=text)
        assert answer.status_code == 201, answer.text
        (item,) = client.get("/v1/forecasts").json()["items"]
        (caused,) = answer.json()["forecasts"]
        assert (caused["id"], caused["aliases"]) == (item["id"], ["champion"])
        assert caused["origin"] == item["origin"]
        again = client.post("/v1/series/weekly/uploads", content=text)
        assert (again.status_code, again.json()) == (200, answer.json())
        (listed, *_) = client.get("/v1/series/weekly/uploads").json()["items"]
        assert listed == answer.json()
        assert datetime.fromisoformat(item["origin"]) == START + (ROWS + 2) * WEEK

    def test_a_new_series_is_forecast_after_its_first_request(
        self, client: TestClient, deployed: str
    ) -> None:
        client.post("/v1/series", json={"name": "other", "kind": "generic"})
        shifted = [[time, 2 * value + 5] for time, value in weekly_rows(0, ROWS)]
        assert put_rows(client, shifted, series="other")["forecasts"] == []
        client.post(f"/v1/models/{deployed}/forecasts", json={"series": "other"})
        entries = put_rows(client, weekly_rows(ROWS, 1), series="other")["forecasts"]
        assert [entry["series"] for entry in entries] == ["other"]


class TestErrors:
    def test_a_version_that_cannot_forecast_does_not_fail_the_append(
        self, client: TestClient, database: Database, deployed: str
    ) -> None:
        rows = [[time, 1e300] for time, _ in weekly_rows(ROWS, 1)]
        report = put_rows(client, rows)
        (entry,) = report["forecasts"]
        assert report["rows_stored"] == 1
        assert entry["id"] is None
        assert "finite" in entry["error"]
        # Corrected, everything goes on as if it had not been.
        (entry,) = put_rows(client, weekly_rows(ROWS, 1))["forecasts"]
        streamed = read_forecast(client, entry["id"])
        assert values(streamed) == pytest.approx(
            values(replayed(client, database, deployed)), abs=1e-6
        )

    def test_a_bundle_of_another_release_does_not_fail_the_append(
        self, client: TestClient, database: Database, deployed: str
    ) -> None:
        put_rows(client, weekly_rows(ROWS, 1))
        with database.transaction() as session:
            stored = session.scalars(sa.select(Bundle)).one()
            artefact = read_bundle(stored.content)
            older = replace(artefact, manifest={**artefact.manifest, "format": FORMAT - 1})
            stored.content = write_bundle(older)
        forecasters._ready.clear()
        (entry,) = put_rows(client, weekly_rows(ROWS + 1, 1))["forecasts"]
        assert entry["id"] is None
        assert "Train the model again" in entry["error"]

    @pytest.mark.parametrize("from_start", [True, False])
    def test_what_made_a_state_infinite_is_not_read_again_until_it_is_corrected(
        self,
        client: TestClient,
        database: Database,
        deployed: str,
        monkeypatch: pytest.MonkeyPatch,
        from_start: bool,
    ) -> None:
        client.post(f"/v1/models/{deployed}/forecasts")
        if from_start:
            with database.transaction() as session:
                session.execute(sa.delete(KeptState))
        (entry,) = put_rows(client, [[(START + ROWS * WEEK).isoformat(), 1e300]])["forecasts"]
        assert "finite" in entry["error"]
        read: list[int] = []
        advance = Forecaster.advance

        def counted(own: Forecaster, state: State, times: Any, rows: Any) -> Any:
            read.append(len(times))
            return advance(own, state, times, rows)

        monkeypatch.setattr(Forecaster, "advance", counted)
        for value, week in enumerate((ROWS + 1, ROWS + 2, ROWS + 2)):
            row = [(START + week * WEEK).isoformat(), value]
            (entry,) = put_rows(client, [row])["forecasts"]
            assert "finite" in entry["error"]
        answer = client.post(f"/v1/models/{deployed}/forecasts")
        assert (answer.status_code, read) == (409, [])
        (entry,) = put_rows(client, weekly_rows(ROWS, 1))["forecasts"]
        assert entry["error"] is None
        assert read
        streamed = read_forecast(client, entry["id"])
        assert values(streamed) == pytest.approx(
            values(replayed(client, database, deployed)), abs=1e-6
        )

    def test_another_series_is_not_touched_by_bad_rows(
        self, client: TestClient, database: Database, deployed: str
    ) -> None:
        client.post("/v1/series", json={"name": "other", "kind": "generic"})
        put_rows(client, weekly_rows(0, ROWS), series="other")
        client.post(f"/v1/models/{deployed}/forecasts", json={"series": "other"})
        bad = [[time, -1e300] for time, _ in weekly_rows(ROWS, 1)]
        put_rows(client, bad, series="other")
        (entry,) = put_rows(client, weekly_rows(ROWS, 1))["forecasts"]
        assert entry["error"] is None

    @pytest.mark.parametrize("damage", [b"nonsense", None])
    def test_a_damaged_or_infinite_state_is_rebuilt(
        self, client: TestClient, database: Database, deployed: str, damage: bytes | None
    ) -> None:
        put_rows(client, weekly_rows(ROWS, 1))
        with database.transaction() as session:
            kept = session.scalars(sa.select(KeptState)).one()
            state = State.from_bytes(kept.content)
            broken = tuple(np.full_like(each, np.nan) for each in state.recurrent)
            kept.content = damage or replace(state, recurrent=broken).to_bytes()
        (entry,) = put_rows(client, weekly_rows(ROWS + 1, 1))["forecasts"]
        assert entry["error"] is None
        streamed = values(read_forecast(client, entry["id"]))
        assert streamed == values(replayed(client, database, deployed))


class TestDeletions:
    def test_a_series_without_rows_has_no_forecast_until_they_are_back(
        self, client: TestClient, database: Database, deployed: str
    ) -> None:
        (before,) = put_rows(client, weekly_rows(ROWS, 6))["forecasts"]
        bounds = {"start": START.isoformat(), "end": (START + 999 * WEEK).isoformat()}
        deleted = client.delete("/v1/series/weekly/observations", params=bounds).json()
        assert deleted["rows_deleted"] == ROWS + 6
        (entry,) = deleted["forecasts"]
        assert (entry["id"], entry["origin"]) == (None, None)
        assert "0 rows" in entry["error"]
        path = f"/v1/models/{deployed}/forecasts"
        answers = client.post(path), client.get(f"{path}/latest")
        assert [answer.status_code for answer in answers] == [422, 422]
        (back,) = client.post("/v1/series/weekly/restore").json()["forecasts"]
        again = read_forecast(client, back["id"])
        assert values(again) == values(read_forecast(client, before["id"]))
        assert values(replayed(client, database, deployed)) == values(again)


class TestCost:
    def test_without_a_deployed_version_an_append_costs_one_statement_more(
        self, client: TestClient, database: Database, weekly: str
    ) -> None:
        with statements(database, client) as seen:
            put_rows(client, weekly_rows(ROWS, 1))
        live = [each for each in seen if "aliases" in each or "kept_states" in each]
        assert len(live) == 1
        assert not [each for each in seen if "forecast" in each and each not in live]

    def test_the_number_of_statements_does_not_grow_with_the_history(
        self, client: TestClient, database: Database, deployed: str
    ) -> None:
        sent = []
        for week in (ROWS, ROWS + 1000):
            put_rows(client, weekly_rows(week, 990))
            for later in range(5):
                put_rows(client, weekly_rows(week + 990 + later, 1))
            # A few appends: now and then one also counts the rows of the day for the limits.
            counts = []
            for later in range(4):
                with statements(database, client) as seen:
                    put_rows(client, weekly_rows(week + 995 + later, 1))
                counts.append(len(seen))
            sent.append(min(counts))
        assert sent[0] == sent[1]


class TestConcurrency:
    def test_the_second_writer_s_forecast_has_seen_the_first_writer_s_rows(
        self, client: TestClient, database: Database, deployed: str
    ) -> None:
        put_rows(client, weekly_rows(ROWS, 1))
        with ThreadPoolExecutor(6) as pool:
            reports = list(
                pool.map(
                    lambda week: put_rows(client, weekly_rows(week, 1)), range(ROWS + 1, ROWS + 13)
                )
            )
        newest = max(reports, key=lambda report: report["revision"])
        assert sorted(report["revision"] for report in reports) == list(range(3, 15))
        assert all(entry["error"] is None for report in reports for entry in report["forecasts"])
        streamed = read_forecast(client, newest["forecasts"][0]["id"])
        assert datetime.fromisoformat(streamed["origin"]) == START + (ROWS + 12) * WEEK
        again = replayed(client, database, deployed)
        assert values(streamed) == pytest.approx(values(again), abs=1e-6)
        assert streamed["points"][0]["naive"] == weekly_value(ROWS + 12)
