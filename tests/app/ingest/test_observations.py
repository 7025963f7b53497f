"""Observations over HTTP: write rows, read ranges, thin out, go back in time."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from fastapi.testclient import TestClient

from tests.app.conftest import put_rows, weekly_rows
from tests.app.ingest.test_series import create
from tests.app.test_problems import check_problem

START = datetime(2024, 1, 1, tzinfo=UTC)


def put(client: TestClient, columns: list[str], rows: list[list[Any]], name: str = "s") -> Any:
    """Write rows."""
    body = {"columns": columns, "rows": rows}
    return client.put(f"/v1/series/{name}/observations", json=body)


def read(client: TestClient, name: str = "s", **query: Any) -> dict[str, Any]:
    """Read rows as JSON."""
    answer = client.get(f"/v1/series/{name}/observations", params=query)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def hours(count: int) -> list[str]:
    """The first hours of 2024."""
    return [(START + timedelta(hours=n)).isoformat() for n in range(count)]


class TestWrite:
    def test_rows_are_inserted_and_replaced(self, client: TestClient) -> None:
        create(client, "s")
        rows = [[hour, number] for number, hour in enumerate(hours(3))]
        assert put(client, ["time", "a"], rows).json() == {
            "rows_stored": 3,
            "rows_updated": 0,
            "revision": 1,
            "forecasts": [],
            "issues": [],
            "rows_with_issues": 0,
            "rows_held": 0,
        }
        changed = put(client, ["time", "a"], [[hours(1)[0], 9], [hours(4)[3], None]]).json()
        assert (changed["rows_stored"], changed["rows_updated"], changed["revision"]) == (1, 1, 2)
        assert [row[1] for row in read(client)["rows"]] == [9.0, 1.0, 2.0, None]

    def test_equal_values_change_nothing(self, client: TestClient) -> None:
        create(client, "s")
        rows = [[hours(1)[0], 1, None]]
        put(client, ["time", "a", "b"], rows)
        again = put(client, ["time", "a", "b"], rows).json()
        assert (again["rows_stored"], again["rows_updated"], again["revision"]) == (0, 0, 1)

    def test_the_last_of_two_rows_of_one_time_wins(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["a", "time"], [[1, hours(1)[0]], [2, hours(1)[0]]])
        assert read(client)["rows"] == [["2024-01-01T00:00:00Z", 2.0]]

    def test_columns_left_out_keep_their_values(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["time", "a", "b"], [[hours(1)[0], 1, 2]])
        put(client, ["time", "b"], [[hours(1)[0], 5], [hours(2)[1], 6]])
        assert [row[1:] for row in read(client)["rows"]] == [[1.0, 5.0], [None, 6.0]]

    def test_every_wrong_field_is_pointed_at(self, client: TestClient) -> None:
        create(client, "s")
        rows = [
            [hours(1)[0], "x"],
            ["yesterday", 1],
            ["2024-01-01", 1],
            [1, 2, 3],
            [hours(1)[0], True],
        ]
        problem = check_problem(put(client, ["time", "a"], rows), 422)
        pointers = [error["pointer"] for error in problem["errors"]]
        assert pointers == ["/rows/0/1", "/rows/1/0", "/rows/2/0", "/rows/3", "/rows/4/1"]
        assert read(client)["rows"] == []

    def test_infinite_numbers_are_refused(self, client: TestClient) -> None:
        create(client, "s")
        headers = {"content-type": "application/json"}
        for number in ("1e999", "NaN", "Infinity", "1" + "0" * 400):
            body = f'{{"columns": ["time", "a"], "rows": [["{hours(1)[0]}", {number}]]}}'
            answer = client.put("/v1/series/s/observations", content=body, headers=headers)
            assert check_problem(answer, 422)["errors"][0]["pointer"] == "/rows/0/1"

    def test_columns_must_hold_the_time_once(self, client: TestClient) -> None:
        create(client, "s")
        for columns in (["a"], ["time"], ["time", "time"], ["time", "a", "a"]):
            problem = check_problem(put(client, columns, [[1] * len(columns)]), 422)
            assert problem["errors"][0]["pointer"] == "/columns"

    def test_an_unknown_channel_is_a_conflict(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["time", "a"], [[hours(1)[0], 1]])
        check_problem(put(client, ["time", "z"], [[hours(1)[0], 1]]), 409)

    def test_bars_that_break_their_rules_are_refused(self, client: TestClient) -> None:
        create(client, "s", kind="ohlc")
        names = ["time", "open", "high", "low", "close"]
        rows = [[hours(1)[0], 2, 3, 1, 2], [hours(2)[1], 2, 1, 3, 2]]
        problem = check_problem(put(client, names, rows), 422)
        assert [error["pointer"] for error in problem["errors"]] == ["/rows/1"]

    def test_an_unknown_series_is_not_found(self, client: TestClient) -> None:
        check_problem(put(client, ["time", "a"], [[hours(1)[0], 1]], name="nothing"), 404)


class TestRead:
    def test_ranges_include_both_ends(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["time", "a"], [[hour, n] for n, hour in enumerate(hours(6))])
        found = read(client, start="2024-01-01T01:00:00Z", end="2024-01-01T03:00:00Z")
        assert [row[1] for row in found["rows"]] == [1.0, 2.0, 3.0]

    def test_channels_come_in_the_order_asked_for(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["time", "a", "b, c"], [[hours(1)[0], 1, 2]])
        found = read(client, channels=["b, c", "a"])
        assert (found["columns"], found["rows"][0][1:]) == (["time", "b, c", "a"], [2.0, 1.0])

    def test_an_unknown_channel_is_refused(self, client: TestClient) -> None:
        create(client, "s")
        answer = client.get("/v1/series/s/observations?channels=z")
        assert check_problem(answer, 422)["errors"][0]["pointer"] == "/query/channels"

    def test_pages_join_without_a_gap(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["time", "a"], [[hour, n] for n, hour in enumerate(hours(7))])
        values, cursor = [], None
        while True:
            page = read(client, limit=3, **({"cursor": cursor} if cursor else {}))
            values += [row[1] for row in page["rows"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert values == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]

    def test_csv_and_json_say_the_same(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["time", "a", 'b "x", y'], [[hours(1)[0], 0.1, None], [hours(2)[1], -2, 1e-9]])
        text = client.get("/v1/series/s/observations?format=csv").text
        assert text.splitlines() == [
            'time,a,"b ""x"", y"',
            "2024-01-01T00:00:00Z,0.1,",
            "2024-01-01T01:00:00Z,-2,1e-9",
        ]

    def test_what_is_written_as_csv_reads_back_equal(self, client: TestClient) -> None:
        create(client, "s")
        rows = [[hour, n / 3, None if n % 5 else -n] for n, hour in enumerate(hours(50))]
        put(client, ["time", "a", "b"], rows)
        content = client.get("/v1/series/s/observations?format=csv").content
        assert client.post("/v1/series/t/uploads?create=true", content=content).status_code == 201
        assert read(client, "t")["rows"] == read(client, "s")["rows"]

    def test_arrow_holds_times_in_utc_and_nulls(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["time", "a"], [[hours(1)[0], 0.5], [hours(2)[1], None]])
        content = client.get("/v1/series/s/observations?format=arrow").content
        table = pa.ipc.open_stream(io.BytesIO(content)).read_all()
        assert table.to_pydict() == {
            "time": [START, START + timedelta(hours=1)],
            "a": [0.5, None],
        }

    def test_an_empty_series_reads_as_nothing(self, client: TestClient) -> None:
        create(client, "s", channels=[{"name": "a"}])
        assert read(client) == {"columns": ["time", "a"], "rows": [], "revision": 0, "next": None}
        assert client.get("/v1/series/s/observations?format=csv").text == "time,a\n"

    def test_a_wrong_cursor_is_refused(self, client: TestClient) -> None:
        create(client, "s")
        check_problem(client.get("/v1/series/s/observations?cursor=x"), 422)


class TestThinning:
    def test_charts_get_real_rows_with_the_extremes(self, client: TestClient) -> None:
        create(client, "s")
        values = np.sin(np.arange(2_000) / 50)
        values[777] = 40.0
        put(
            client,
            ["time", "a"],
            [[h, float(v)] for h, v in zip(hours(2_000), values, strict=True)],
        )
        rows = read(client, max_points=100)["rows"]
        assert len(rows) <= 100
        shown = {row[0]: row[1] for row in rows}
        everything = {row[0]: row[1] for row in read(client)["rows"]}
        assert shown.items() <= everything.items()
        assert 40.0 in shown.values()

    def test_several_channels_share_the_points(self, client: TestClient) -> None:
        create(client, "s")
        rows = [[hour, n, None if n % 2 else -n, None] for n, hour in enumerate(hours(1_000))]
        put(client, ["time", "a", "b", "c"], rows)
        assert 10 < len(read(client, max_points=60)["rows"]) <= 60

    def test_few_rows_stay_as_they_are(self, client: TestClient) -> None:
        create(client, "weekly")
        put_rows(client, weekly_rows(0, 50))
        assert len(read(client, "weekly", max_points=100)["rows"]) == 50


class TestQuality:
    def test_gaps_missing_values_and_flat_lines_are_reported(self, client: TestClient) -> None:
        create(client, "s")
        clock = hours(12)
        rows = [[clock[n], n, 5, None if n < 3 else n] for n in range(12) if n not in (6, 7)]
        put(client, ["time", "a", "flat", "late"], rows)
        quality = client.get("/v1/series/s/quality").json()
        assert (quality["cadence"]["cadence"], quality["cadence"]["source"]) == ("1h", "inferred")
        assert quality["gaps"]["count"] == 1
        assert quality["gaps"]["items"] == [
            {
                "after": "2024-01-01T05:00:00Z",
                "length": "03:00:00",
                "seconds": 10800.0,
                "clock_change": False,
            }
        ]
        a, flat, late = quality["channels"]
        assert (a["missing"], a["minimum"], a["maximum"], a["longest_flat_run"]) == (0, 0, 11, 1)
        assert (flat["constant"], flat["longest_flat_run"]) == (True, 10)
        assert late["missing"] == 3
        assert "constant_channels" in [issue["code"] for issue in quality["issues"]]

    def test_findings_name_times_and_values_and_what_was_done(self, client: TestClient) -> None:
        create(client, "s", kind="ohlc")
        rows = [[hour, 10, 12, 9, 11, n % 7] for n, hour in enumerate(hours(40))]
        rows[5][5], rows[9][5] = -200, -200
        assert put(client, ["time", "open", "high", "low", "close", "volume"], rows).is_success
        assert put(client, ["time", "high"], [[rows[3][0], 8]]).is_success
        quality = client.get("/v1/series/s/quality").json()
        found = {issue["code"]: issue for issue in quality["issues"]}
        assert quality["ohlc_violations"] == found["ohlc_violation"]["count"] == 1
        (broken,) = found["ohlc_violation"]["examples"]
        assert (broken["time"], "high 8" in broken["text"]) == ("2024-01-01T03:00:00Z", True)
        sentinel = found["sentinel"]
        assert [one["time"][11:13] for one in sentinel["examples"]] == ["05", "09"]
        assert {"channel": "volume", "value": -200.0}.items() <= sentinel["examples"][0].items()
        assert sentinel["action"].startswith("kept as it is")
        answer = client.patch("/v1/series/s", json=sentinel["suggestion"])
        assert answer.json()["channels"][4]["missing"] == [-200.0]
        again = client.get("/v1/series/s/quality").json()
        assert "sentinel" not in [issue["code"] for issue in again["issues"]]
        assert again["channels"][4]["missing"] == 2

    def test_an_empty_series_has_nothing_to_check(self, client: TestClient) -> None:
        create(client, "s")
        quality = client.get("/v1/series/s/quality").json()
        assert (quality["rows"], quality["gaps"]["count"], quality["channels"]) == (0, 0, [])
