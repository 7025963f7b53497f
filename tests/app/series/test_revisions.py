"""Revisions: any past one reads back, concurrent writers lose nothing, rows load for models."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.access.acting import act_for
from app.db import Database
from app.errors import Invalid, NotFound
from app.series import service
from app.series.changes import Batch
from app.series.schemas import ChannelSettings, SeriesCreate
from app.series.tables import Series, SeriesRevision
from app.series.write import Written, write_batch

HOUR = 3_600_000_000
NAMES = ("a", "b")


@pytest.fixture
def series(database: Database) -> Series:
    """A series with two channels and no rows."""
    with database.transaction() as session:
        channels = [ChannelSettings(name=name) for name in NAMES]
        return service.create_series(session, SeriesCreate(name="s", channels=channels))


def write(database: Database, hours: list[int], values: list[list[float]]) -> Written:
    """Write rows at whole hours since 1970."""
    batch = Batch(np.array(hours) * HOUR, np.array(values, dtype=float), NAMES)
    with database.transaction() as session:
        return write_batch(session, service.lock_series(session, "s"), batch, source="put")


def values_at(database: Database, revision: int | None) -> list[list[float | None]]:
    """All values as they were at a revision."""
    with database.reading() as session:
        values = service.load_series(session, "s", until_revision=revision).values
    return [[None if np.isnan(value) else value for value in row] for row in values.tolist()]


class TestRevisions:
    def test_every_revision_reads_back_as_it_was(self, database: Database, series: Series) -> None:
        write(database, [0, 1, 2], [[1, 1], [2, np.nan], [3, 3]])
        write(database, [1, 3], [[20, 2], [4, 4]])
        write(database, [-1, 1], [[0, 0], [200, np.nan]])
        assert values_at(database, 1) == [[1, 1], [2, None], [3, 3]]
        assert values_at(database, 2) == [[1, 1], [20, 2], [3, 3], [4, 4]]
        assert values_at(database, 3) == [[0, 0], [1, 1], [200, None], [3, 3], [4, 4]]
        assert values_at(database, None) == values_at(database, 3)

    def test_times_at_equal_and_at_unequal_steps_read_back(
        self, database: Database, series: Series, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.series.storage.row_writer.UNPACKED_ROWS", 4)
        hours = [-9, -6, -3, 0, 1, 2, 4, 8, 100, *range(200, 210), 1000]
        write(database, hours, [[hour, -hour] for hour in hours])
        with database.reading() as session:
            stored = service.load_series(session, "s")
        assert (stored.times.astype(np.int64) // HOUR).tolist() == hours
        assert stored.values.tolist() == [[hour, -hour] for hour in hours]

    def test_each_revision_knows_the_earliest_moment_it_touched(
        self, database: Database, series: Series
    ) -> None:
        write(database, [5, 6], [[1, 1], [1, 1]])
        write(database, [5, 6, 7], [[1, 1], [2, 2], [1, 1]])
        with database.reading() as session:
            moments = session.scalars(
                sa.select(SeriesRevision.min_time).order_by(SeriesRevision.revision)
            )
            assert [moment.hour for moment in moments] == [5, 6]

    def test_count_and_span_are_kept_beside_the_series(
        self, database: Database, series: Series
    ) -> None:
        write(database, [5, 6, 7], [[1, 1]] * 3)
        write(database, [-5, 6], [[1, 1], [2, 2]])
        with database.reading() as session:
            stored = service.get_series(session, "s")
        assert stored.rows == 4
        assert stored.first_time is not None
        assert stored.last_time is not None
        assert (stored.first_time.year, stored.last_time.hour) == (1969, 7)

    def test_two_writers_at_once_lose_nothing(self, database: Database, series: Series) -> None:
        def add(writer: int) -> list[int]:
            hours = [range(number, 200, 40) for number in range(writer, 40, 4)]
            return [write(database, list(part), [[writer, 0]] * 5).revision for part in hours]

        with ThreadPoolExecutor(4, initializer=act_for, initargs=("default",)) as pool:
            revisions = [revision for made in pool.map(add, range(4)) for revision in made]
        assert sorted(revisions) == list(range(1, 41))
        values = values_at(database, None)
        assert [row[0] for row in values] == [hour % 4 for hour in range(200)]


class TestLoading:
    def test_a_series_loads_with_its_settings(self, database: Database, series: Series) -> None:
        write(database, [0, 1, 2], [[1, 1]] * 3)
        with database.reading() as session:
            data = service.load_series(session, series.id)
        assert data.channel_names == NAMES
        assert (data.cadence, data.calendar, data.timezone) == ("1h", "continuous", "UTC")
        assert data.times.dtype == np.dtype("datetime64[us]")

    def test_rows_after_a_moment_load_alone(self, database: Database, series: Series) -> None:
        write(database, [0, 1, 2], [[1, 1], [2, 2], [3, 3]])
        with database.reading() as session:
            times, values = service.load_after(session, series.id, np.datetime64(HOUR, "us"))
            everything, _ = service.load_after(session, series.id, None)
        assert times.tolist() == [np.datetime64(2 * HOUR, "us").item()]
        assert values.tolist() == [[3.0, 3.0]]
        assert len(everything) == 3

    def test_a_series_without_a_step_cannot_be_learnt_from(
        self, database: Database, series: Series
    ) -> None:
        write(database, [0], [[1, 1]])
        with database.reading() as session, pytest.raises(Invalid, match="1 rows: too few"):
            service.load_series(session, "s")

    def test_an_unknown_series_is_not_found(self, database: Database) -> None:
        with database.reading() as session, pytest.raises(NotFound, match="no series 'nothing'"):
            service.load_series(session, "nothing")


class TestConcurrentUploads:
    def test_the_same_file_twice_at_once_is_stored_once(self, client: TestClient) -> None:
        content = "time,a\n" + "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 29))

        def send(_: int) -> int:
            answer = client.post("/v1/series/s/uploads?create=true", content=content)
            return answer.status_code

        with ThreadPoolExecutor(3) as pool:
            statuses = sorted(pool.map(send, range(3)))
        assert statuses == [200, 200, 201]
        assert client.get("/v1/series/s").json()["revision"] == 1
