"""Only the newest value is written, and the last one always."""

import threading

import pytest

from app.database_retry import DATABASE_ERRORS
from app.jobs.coalescing_writer import CoalescingWriter

pytestmark = pytest.mark.unit


class TestCoalescingWriter:
    def test_values_that_wait_are_replaced(self) -> None:
        written: list[int] = []
        busy, go_on = threading.Event(), threading.Event()

        def write(value: int) -> None:
            busy.set()
            assert go_on.wait(10)
            written.append(value)

        writer = CoalescingWriter(write, interval_seconds=0)
        writer.put(0)
        assert busy.wait(10)
        for value in range(1, 100):
            writer.put(value)
        go_on.set()
        writer.close()
        assert written == [0, 99]

    def test_closing_writes_the_last_word_without_waiting_for_its_turn(self) -> None:
        written: list[str] = []
        writer = CoalescingWriter(written.append, interval_seconds=3600)
        writer.put("first")
        writer.put("last")
        writer.close()
        assert written[-1] == "last"

    def test_closing_twice_does_no_harm(self) -> None:
        writer = CoalescingWriter(print, interval_seconds=0)
        writer.close()
        writer.close()

    @pytest.mark.parametrize("kind", DATABASE_ERRORS)
    def test_a_database_that_comes_back_gets_the_value(self, kind: type[Exception]) -> None:
        written: list[int] = []
        failures = iter([True, False])
        done = threading.Event()

        def write(value: int) -> None:
            if next(failures):
                raise kind("", None, Exception()) if kind is DATABASE_ERRORS[0] else kind()
            written.append(value)
            done.set()

        writer = CoalescingWriter(write, interval_seconds=0)
        writer.put(1)
        assert done.wait(10)
        writer.close()
        assert written == [1]
