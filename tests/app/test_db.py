"""The database room: transactions, snapshots and column types, on both engines."""

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from app.access.acting import acting_for
from app.db import (
    Database,
    FloatVector,
    Timestamp,
    WaitingLine,
    insert_or_ignore,
    to_microseconds,
)
from app.idempotency import IdempotencyKey

NOW = datetime(2020, 2, 29, 12, 30, 0, 123456, tzinfo=UTC)


def add_key(database: Database, key: str) -> bool:
    with database.transaction() as session:
        return insert_or_ignore(session, IdempotencyKey, key=key, fingerprint="f", created_at=NOW)


def count_keys(session: sa.orm.Session) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(IdempotencyKey)) or 0


class TestTransaction:
    def test_work_is_committed_at_the_end(self, database: Database) -> None:
        assert add_key(database, "a")
        with database.reading() as session:
            assert count_keys(session) == 1

    def test_an_error_rolls_everything_back(self, database: Database) -> None:
        with contextlib.suppress(ZeroDivisionError), database.transaction() as session:
            insert_or_ignore(session, IdempotencyKey, key="a", fingerprint="f", created_at=NOW)
            _ = 1 / 0
        with database.reading() as session:
            assert count_keys(session) == 0

    def test_the_second_of_two_equal_keys_is_ignored(self, database: Database) -> None:
        assert add_key(database, "a")
        assert not add_key(database, "a")

    def test_writers_that_read_first_do_not_fail_each_other(self, database: Database) -> None:
        def read_then_write(name: str) -> None:
            for number in range(10):
                with acting_for("default"), database.transaction() as session:
                    count_keys(session)
                    values = {"fingerprint": "f", "created_at": NOW}
                    insert_or_ignore(session, IdempotencyKey, key=f"{name}{number}", **values)

        threads = [threading.Thread(target=read_then_write, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with database.reading() as session:
            assert count_keys(session) == 40


class TestReading:
    def test_a_reader_keeps_its_moment_while_a_writer_commits(self, database: Database) -> None:
        with database.reading() as session:
            assert count_keys(session) == 0
            add_key(database, "a")
            assert count_keys(session) == 0
        with database.reading() as session:
            assert count_keys(session) == 1

    def test_a_locked_sqlite_file_is_an_operational_error(self, database_url: str) -> None:
        if not database_url.startswith("sqlite"):
            pytest.skip("one writer at a time is SQLite's rule; PostgreSQL locks rows")
        first = Database(database_url)
        second = Database(database_url, timeout_seconds=0.1)
        with first.transaction(), pytest.raises(OperationalError, match="locked"):
            add_key(second, "a")
        first.dispose()
        second.dispose()


class TestColumnTypes:
    @pytest.fixture
    def table(self, database: Database) -> Iterator[sa.Table]:
        table = sa.Table(
            "probe",
            sa.MetaData(),
            sa.Column("moment", Timestamp),
            sa.Column("vector", FloatVector),
        )
        with database.engine.begin() as connection:
            table.create(connection)
        yield table
        with database.engine.begin() as connection:
            table.drop(connection)

    @pytest.mark.parametrize(
        "moment",
        [
            NOW,
            datetime(1749, 1, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(9999, 12, 31, tzinfo=UTC),
        ],
    )
    def test_a_moment_comes_back_to_the_microsecond(
        self, database: Database, table: sa.Table, moment: datetime
    ) -> None:
        with database.transaction() as session:
            session.execute(table.insert().values(moment=moment))
            assert session.scalar(sa.select(table.c.moment)) == moment

    def test_a_vector_comes_back_bit_for_bit(self, database: Database, table: sa.Table) -> None:
        vector = np.array([0.1, -0.0, np.nan, np.inf, 5e-324])
        with database.transaction() as session:
            session.execute(table.insert().values(vector=vector))
            stored = session.scalar(sa.select(table.c.vector))
        np.testing.assert_array_equal(stored, vector)

    @pytest.mark.unit
    def test_microseconds_are_exact_far_from_1970(self) -> None:
        moment = datetime(1677, 9, 22, tzinfo=UTC) + timedelta(microseconds=1)
        assert to_microseconds(moment) == -9223286399999999


@pytest.mark.unit
class TestWaitingLine:
    def test_it_is_handed_over_in_the_order_of_arrival(self) -> None:
        line, served = WaitingLine(), []
        assert line.wait(0)

        def take(number: int) -> None:
            assert line.wait(10)
            served.append(number)
            line.leave()

        threads = []
        for number in range(5):
            threads.append(threading.Thread(target=take, args=[number]))
            threads[-1].start()
            while len(line._waiting) <= number:
                time.sleep(0.001)
        line.leave()
        for each in threads:
            each.join()
        assert served == [0, 1, 2, 3, 4]
        assert line.wait(0)

    def test_one_that_waits_too_long_leaves_the_line(self) -> None:
        line = WaitingLine()
        assert line.wait(0)
        assert not line.wait(0.01)
        line.leave()
        assert line.wait(0)

    def test_no_two_are_in_at_once(self) -> None:
        line, inside, most = WaitingLine(), 0, 0

        def work() -> None:
            nonlocal inside, most
            for _ in range(200):
                assert line.wait(10)
                inside += 1
                most = max(most, inside)
                inside -= 1
                line.leave()

        threads = [threading.Thread(target=work) for _ in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert most == 1


class TestWriters:
    @pytest.mark.one_database
    def test_one_that_waits_longer_than_the_limit_gets_an_error(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path / 'a.db'}", timeout_seconds=0.05)
        errors: list[Exception] = []

        def write() -> None:
            try:
                with database.transaction():
                    pass
            except sa.exc.TimeoutError as error:
                errors.append(error)

        with database.transaction():
            thread = threading.Thread(target=write)
            thread.start()
            thread.join()
        assert len(errors) == 1
        with database.transaction():
            pass
        database.dispose()
