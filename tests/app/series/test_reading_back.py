"""Reading back: buckets, charts, pieces, tags, and what is kept decoded between requests."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.series.column_cache import ColumnCache, Earlier, SeriesKey
from app.series.storage import row_reader
from tests.app.ingest.test_observations import hours, put, read
from tests.app.ingest.test_series import create
from tests.app.series.test_round_trips import arrow_table
from tests.app.test_problems import check_problem

PATH = "/v1/series/s/observations"
FORMS = ("csv", "arrow", "parquet")


def minutes(first: str, count: int, step: int = 1) -> list[str]:
    """Times that many minutes apart."""
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    return [(start + timedelta(minutes=step * n)).isoformat() for n in range(count)]


class TestBuckets:
    def test_measured_hours_are_named_by_their_end_and_must_be_complete(
        self, client: TestClient
    ) -> None:
        create(
            client, "s", kind="climate", channels=[{"name": "a"}, {"name": "wd", "angular": True}]
        )
        clock = minutes("2024-01-01T00:10", 15, 10)
        put(
            client, ["time", "a", "wd"], [[t, n, 350 if n % 2 else 10] for n, t in enumerate(clock)]
        )
        found = read(client, every="1h")
        assert [row[:2] for row in found["rows"]] == [
            ["2024-01-01T01:00:00Z", 2.5],
            ["2024-01-01T02:00:00Z", 8.5],
        ]
        assert found["rows"][0][2] % 360 == pytest.approx(0, abs=1e-9)
        several = read(client, every="1h", agg=["max,min", "count", "first"], channels="a")
        assert several["columns"] == ["time", "a_max", "a_min", "a_count", "a_first"]
        assert several["rows"][1][1:] == [11, 6, 6, 6]

    def test_bars_are_named_by_their_beginning(self, client: TestClient) -> None:
        create(client, "s", kind="ohlc", timezone="Asia/Kolkata")
        names = ["time", "open", "high", "low", "close", "volume"]
        clock = minutes("2024-01-01T03:45", 11)
        put(client, names, [[t, 10 + n, 12 + n, 9 + n, 11 + n, 5] for n, t in enumerate(clock)])
        found = read(client, every="5min")
        assert found["rows"] == [
            ["2024-01-01T03:45:00Z", 10, 16, 9, 15, 25],
            ["2024-01-01T03:50:00Z", 15, 21, 14, 20, 25],
        ]
        # The day is complete once a bar of the next one is there; it begins at local midnight.
        assert read(client, every="1D")["rows"] == []
        put(client, names, [["2024-01-02T03:45:00Z", 1, 1, 1, 1, 1]])
        assert read(client, every="1D")["rows"] == [["2023-12-31T18:30:00Z", 10, 22, 9, 21, 55]]

    def test_months_are_those_of_the_zone_and_empty_ones_are_left_out(
        self, client: TestClient
    ) -> None:
        create(client, "s", timezone="Europe/Berlin")
        days = ["2024-01-30", "2024-01-31", "2024-02-01", "2024-04-01", "2024-05-01"]
        put(client, ["time", "a"], [[f"{day}T23:30:00+01:00", 1] for day in days])
        put(client, ["time", "a"], [["2024-01-30T00:00:00+01:00", 1]])
        found = read(client, every="MS", agg="sum")
        assert found["rows"] == [
            ["2023-12-31T23:00:00Z", 3.0],
            ["2024-01-31T23:00:00Z", 1.0],
            ["2024-03-31T22:00:00Z", 1.0],
        ]

    def test_a_range_chooses_whole_buckets_by_name_and_pages_join(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(row_reader, "READ_ROWS", 7)
        create(client, "s")
        put(
            client,
            ["time", "a"],
            [[t, n] for n, t in enumerate(minutes("2024-01-01T00:00", 100, 15))],
        )
        everything = read(client, every="1h", agg="sum")["rows"]
        assert len(everything) == 25
        some = read(client, every="1h", agg="sum", start="2024-01-01T02:30", end="2024-01-01T04:59")
        assert some["rows"] == everything[3:5]
        pages, query = [], {"every": "1h", "agg": "sum", "limit": 4}
        while True:
            page = read(client, **query)
            pages += page["rows"]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert pages == everything
        assert len(read(client, every="1h", max_points=10)["rows"]) <= 10
        assert len(arrow_table(client, "s", every="1h")) == 25

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("every=1h&agg=median", "agg"),
            ("agg=mean", "agg"),
            ("every=1min", "every"),
            ("every=soon", "every"),
            ("every=1h&agg=ohlc", "agg"),
        ],
    )
    def test_what_cannot_be_is_refused(self, client: TestClient, query: str, field: str) -> None:
        create(client, "s")
        put(client, ["time", "a"], [[t, 1] for t in minutes("2024-01-01T00:00", 5, 10)])
        problem = check_problem(client.get(f"{PATH}?{query}"), 422)
        assert problem["errors"][0]["pointer"] == f"/query/{field}"

    def test_an_empty_series_has_no_buckets(self, client: TestClient) -> None:
        create(client, "s", channels=[{"name": "a"}])
        for more in ({}, {"max_points": 5}):
            assert read(client, every="1h", **more)["rows"] == []
        assert client.get(f"{PATH}?every=1h&format=csv").text == "time,a\n"


class TestPast:
    def test_every_form_reads_a_revision_back(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(row_reader, "READ_ROWS", 3)
        create(client, "s")
        put(client, ["time", "a", "b"], [[t, n, -n] for n, t in enumerate(hours(8))])
        query: dict[str, Any] = {"channels": "b", "as_of_revision": 1}
        extra: list[dict[str, Any]] = [{}, {"max_points": 4}, {"every": "2h"}]
        before = [read(client, **query, **more)["rows"] for more in extra]
        files = [client.get(PATH, params={**query, "format": form}).content for form in FORMS]
        put(client, ["time", "b"], [[t, 7] for t in hours(20)])
        client.delete(PATH, params={"start": hours(3)[2], "end": hours(5)[4]})
        assert [read(client, **query, **more)["rows"] for more in extra] == before
        again = [client.get(PATH, params={**query, "format": form}).content for form in FORMS]
        assert again == files
        answer = client.get(PATH, params={"as_of_revision": 4})
        assert check_problem(answer, 422)["errors"][0]["pointer"] == "/query/as_of_revision"


class TestTags:
    def test_what_has_not_changed_is_not_sent_again(self, client: TestClient) -> None:
        create(client, "s", channels=[{"name": "a"}])
        put(client, ["time", "a"], [[t, 1] for t in hours(5)])

        def tag(**query: Any) -> str:
            return client.get(PATH, params=query).headers["etag"]

        seen = tag(max_points=10)
        headers = {"if-none-match": seen}
        again = client.get(f"{PATH}?max_points=10", headers=headers)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", seen)
        others = [{}, {"max_points": 11}, {"max_points": 10, "format": "csv"}, {"channels": "a"}]
        assert len({seen, *(tag(**query) for query in others)}) == 5
        put(client, ["time", "a"], [[hours(1)[0], 2]])
        assert client.get(f"{PATH}?max_points=10", headers=headers).status_code == 200
        past = tag(as_of_revision=1)
        client.patch("/v1/series/s", json={"channels": [{"name": "a", "unit": "K"}]})
        assert tag(as_of_revision=1) != past


class TestKept:
    def test_a_series_of_the_same_name_is_another(self, client: TestClient) -> None:
        for value in (1.0, 2.0):
            create(client, "s")
            put(client, ["time", "a"], [[t, value] for t in hours(50)])
            for _ in range(2):
                assert {row[1] for row in read(client, max_points=10)["rows"]} == {value}
            assert client.delete("/v1/series/s").status_code == 204

    def test_a_chart_is_read_once_and_again_after_a_write(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pieces: list[row_reader.RowQuery] = []
        starts: list[int] = []
        real = row_reader.read_piece

        def counted(
            session: Any, wanted: row_reader.RowQuery, *range_: int
        ) -> row_reader.StoredRows:
            pieces.append(wanted)
            starts.append(range_[0])
            return real(session, wanted, *range_)

        create(client, "s")
        put(client, ["time", "a", "b"], [[t, 1, 2] for t in hours(50)])
        monkeypatch.setattr(row_reader, "read_piece", counted)
        for _ in range(3):
            read(client, channels="b", max_points=10)
            read(client, channels="b", every="5h", start=hours(9)[8])
        assert [(one.first_column, one.columns) for one in pieces] == [(1, 1)]
        read(client, channels="a,b", max_points=10)
        assert [(one.first_column, one.columns) for one in pieces[1:]] == [(0, 1)]
        put(client, ["time", "b"], [[hours(1)[0], 9]])
        del pieces[:]
        assert read(client, channels="b", max_points=10)["rows"][0][1] == 9
        assert len(pieces) == 1
        # Only what was touched is read again.
        put(client, ["time", "b"], [[hours(51)[n], 5] for n in (40, 50)])
        rows = read(client, channels="b", max_points=100)["rows"]
        assert [row[1] for row in rows] == [9, *[2] * 39, 5, *[2] * 9, 5]
        assert starts[-1] == np.datetime64("2024-01-02T16:00", "us").astype(np.int64)
        body = {"channels": [{"name": "b", "missing": [2]}]}
        assert client.patch("/v1/series/s", json=body).status_code == 200
        rows = read(client, channels="b", max_points=100)["rows"]
        assert [row[1] for row in rows] == [9, *[None] * 39, 5, *[None] * 9, 5]

    def test_it_stays_within_its_bytes_and_several_threads_read_once(self) -> None:
        kept = ColumnCache(most_bytes=4_000)
        reads: list[int] = []

        def load(number: int) -> float:
            def read_columns(columns: tuple[int, ...], _: Earlier | None) -> Any:
                reads.append(number)
                return np.arange(100), np.full((100, len(columns)), float(number))

            key = SeriesKey(number, 0, 1)
            _, values = kept.load(key, (0,), read_columns)
            assert kept.size_bytes <= 4_000 + 1_600
            return float(values[-1, 0])

        asked = [number for number in range(3) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(load, asked)) == asked
        assert kept.size_bytes <= 4_000
        assert sorted(set(reads)) == [0, 1, 2]
        assert kept.find(SeriesKey(2, 0, 1), (0,)) is not None
        assert kept.find(SeriesKey(2, 0, 2), (0,)) is None
        assert ColumnCache(0).find(SeriesKey(2, 0, 1), (0,)) is None
