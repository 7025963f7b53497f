"""Periodic tasks: called at once and at an interval, whatever a call does."""

import threading

import pytest

from app.worker.periodic import PeriodicTask

pytestmark = pytest.mark.unit

WAIT_SECONDS = 10.0


class Calls:
    """Counts calls and lets a test wait for a number of them."""

    def __init__(self, *, failing: bool = False) -> None:
        self.count = 0
        self._failing = failing
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()
        if self._failing:
            message = "the database is gone\nwith a second line"
            raise RuntimeError(message)

    def reach(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, WAIT_SECONDS)


class TestPeriodicTask:
    def test_it_runs_at_once_and_again_after_the_interval(self) -> None:
        calls = Calls()
        task = PeriodicTask("count", calls, 0.001)
        task.start()
        assert calls.reach(3)
        task.stop()

    def test_a_delayed_task_does_not_run_at_once(self) -> None:
        calls = Calls()
        task = PeriodicTask("count", calls, 3600, delay_seconds=3600)
        task.start()
        task.stop()
        assert calls.count == 0

    def test_a_failing_call_does_not_end_it(self) -> None:
        calls = Calls(failing=True)
        task = PeriodicTask("count", calls, 0.001)
        task.start()
        assert calls.reach(2)
        task.stop()

    def test_the_log_names_the_task_and_the_first_line_of_the_error(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        calls = Calls(failing=True)
        task = PeriodicTask("count", calls, 0.001)
        task.start()
        assert calls.reach(2)
        task.stop()
        assert "the task 'count' failed: the database is gone" in caplog.messages

    def test_a_stopped_task_makes_no_more_calls(self) -> None:
        calls = Calls()
        task = PeriodicTask("count", calls, 0.001)
        task.start()
        assert calls.reach(1)
        task.stop()
        count = calls.count
        assert not threading.Event().wait(0.05)
        assert calls.count == count
