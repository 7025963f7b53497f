"""What is known of a series' rows stays right after writes of others, and takes bounded memory."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.ingest.plausibility import recent_cache
from app.ingest.plausibility.recent import Recent
from app.ingest.plausibility.recent_cache import RecentCache
from app.series.changes import Batch
from app.series.service import get_series
from app.series.tables import Series
from tests.app.ingest.plausibility.test_live_issues import FIRST, HOUR, append, found, hourly
from tests.app.ingest.test_observations import put
from tests.app.ingest.test_series import create


class Processes:
    """The caches of two web processes: appends go to the one that is chosen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._caches = [RecentCache(), RecentCache()]
        self._monkeypatch = monkeypatch

    def choose(self, number: int) -> None:
        self._monkeypatch.setattr(recent_cache, "cache", self._caches[number])


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    return Processes(monkeypatch)


def known(client: TestClient, database: Database) -> Recent:
    """What is cached of the series `s`."""
    with database.reading() as session:
        recent = recent_cache.cache.get(get_series(session, "s"))
    assert recent is not None
    return recent


def trend(client: TestClient, count: int) -> datetime:
    """A series `s` that rises by one each hour; the time of its next row."""
    create(client, "s", channels=[{"name": "temp"}])
    rows = [[(FIRST + n * HOUR).isoformat(), n + math.sin(n) / 5] for n in range(count)]
    assert put(client, ["time", "temp"], rows).json()["issues"] == []
    return FIRST + count * HOUR


class TestOtherWrites:
    def test_appends_to_two_processes_know_the_rows_of_each_other(
        self, client: TestClient, database: Database, processes: Processes
    ) -> None:
        time = trend(client, 300)
        for n in range(300, 330):
            processes.choose(n // 3 % 2)
            assert found(append(client, (time, n + math.sin(n) / 5))) == []
            assert [row[1][0] for row in known(client, database).tail] == pytest.approx(
                [k + math.sin(k) / 5 for k in range(n - 4, n + 1)]
            )
            time += HOUR
        assert found(append(client, (time, 5000.0))) == [("unexpected_value", "temp", 5000.0)]

    def test_few_rows_of_another_process_are_not_learnt_again(
        self, client: TestClient, database: Database, processes: Processes
    ) -> None:
        time = trend(client, 300)
        processes.choose(0)
        append(client, (time, 300.0))
        processes.choose(1)
        append(client, (time + HOUR, 301.0))
        processes.choose(0)
        append(client, (time + 2 * HOUR, 302.0))
        assert (known(client, database).learnt_rows, known(client, database).new_rows) == (300, 3)

    def test_many_rows_of_another_process_are_learnt_again(
        self, client: TestClient, database: Database, processes: Processes
    ) -> None:
        time = hourly(client, 200)
        processes.choose(0)
        assert found(append(client, (time, 21.5))) == []
        processes.choose(1)
        lines = [f"{(time + n * HOUR).isoformat()},{1000 + n % 9}" for n in range(1, 400)]
        answer = client.post("/v1/series/s/uploads", content="\n".join(["time,temp", *lines]))
        assert answer.status_code == 201, answer.text
        processes.choose(0)
        assert found(append(client, (time + 400 * HOUR, 1004))) == []
        assert known(client, database).learnt_rows == 600

    def test_deleted_rows_are_forgotten(self, client: TestClient, database: Database) -> None:
        time = trend(client, 300)
        append(client, (time, 300.0), (time + HOUR, 301.0))
        query = {"start": (time - 3 * HOUR).isoformat(), "end": (time + HOUR).isoformat()}
        assert client.delete("/v1/series/s/observations", params=query).status_code == 200
        assert found(append(client, (time - 3 * HOUR, 297.0))) == []
        recent = known(client, database)
        assert [round(row[1][0]) for row in recent.tail] == [293, 294, 295, 296, 297]

    def test_a_corrected_last_row_is_known(self, client: TestClient, database: Database) -> None:
        time = trend(client, 300)
        for value in (299.5, 299.9, 300.2):
            assert found(append(client, (time, value))) == []
        recent = known(client, database)
        assert recent.tail[-1][1] == (300.2,)
        assert (len(recent.tail), recent.new_rows) == (5, 3)

    def test_a_series_of_the_same_id_is_another_one(
        self, client: TestClient, database: Database
    ) -> None:
        append(client, (hourly(client), 21.5))
        before = known(client, database)
        client.delete("/v1/series/s")
        time = trend(client, 300)
        append(client, (time, 300.0))
        assert known(client, database).created_at > before.created_at
        assert known(client, database).last == before.last + 200 * 3_600_000_000


class TestAppended:
    @pytest.fixture
    def recent(self, client: TestClient, database: Database) -> Recent:
        create(client, "s")
        rows = [[(FIRST + n * HOUR).isoformat(), n, -n] for n in range(20)]
        put(client, ["time", "up", "down"], rows)
        with database.reading() as session:
            return Recent.learn(session, get_series(session, "s"))

    def tail_after(self, recent: Recent, hours: list[int], *channels: str) -> list[list[float]]:
        series = Series(revision=2, channels=[{"name": "up"}, {"name": "down"}])
        first = int((FIRST - datetime(1970, 1, 1, tzinfo=FIRST.tzinfo)) / timedelta(microseconds=1))
        times = first + 3_600_000_000 * np.array(hours)
        values = np.full((len(hours), len(channels)), 7.0)
        after = recent.after(series, Batch(times, values, channels), is_forecast=False)
        assert after.last == max(recent.last, int(times[-1]))
        return [list(row) for _, row in after.tail]

    def test_new_rows_follow(self, recent: Recent) -> None:
        tail = self.tail_after(recent, [20, 21], "up", "down")
        assert tail == [[17, -17], [18, -18], [19, -19], [7, 7], [7, 7]]

    def test_channels_left_out_are_missing_in_new_rows_and_kept_in_others(
        self, recent: Recent
    ) -> None:
        tail = self.tail_after(recent, [18, 20], "down")
        assert tail[:4] == [[16, -16], [17, -17], [18, 7], [19, -19]]
        assert math.isnan(tail[4][0])
        assert tail[4][1] == 7

    def test_rows_before_the_last_ones_change_nothing(self, recent: Recent) -> None:
        tail = self.tail_after(recent, [3], "up")
        assert tail == [[n, -n] for n in range(15, 20)]


def test_the_longest_unused_series_is_dropped_first(client: TestClient, database: Database) -> None:
    append(client, (hourly(client), 21.5))
    one = known(client, database)
    small = RecentCache(most_bytes=2 * one.size_bytes)
    series = [Series(id=number, created_at=one.created_at, revision=2) for number in range(3)]
    for each in series:
        each.cadence, each.calendar, each.timezone, each.channels = one.settings
    for number in (0, 1, 0, 2):
        small.put(series[number], replace(one, revision=2))
    assert [small.get(each) is not None for each in series] == [True, False, True]
    assert len(small) == 2
