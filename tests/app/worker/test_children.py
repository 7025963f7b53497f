"""The processes that do the jobs: none outlives its use, each end has its sentence."""

import os
import signal
import sys
from pathlib import Path

import pytest

from app.jobs.attempts import Attempt
from app.worker.children import MEBIBYTE, Children, describe_exit
from tests.crash.conftest import eventually

ECHO = (sys.executable, "-c", "import sys; sys.exit(len(sys.stdin.readline()) > 5)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); "
    "sys.stdin.read()",
)
ATTEMPT = Attempt("id", 1, "count", {})
WAIT_SECONDS = 60


class TestChild:
    def test_it_is_given_its_job(self) -> None:
        with Children(ECHO, warm=False).take() as child:
            child.begin(ATTEMPT)
            assert child.wait(WAIT_SECONDS) == 1

    def test_it_has_ended_when_its_context_has(self) -> None:
        with Children(STUBBORN, warm=False).take() as child:
            assert child.is_running()
        assert not child.is_running()
        assert not Path(f"/proc/{child.pid}").exists()

    def test_a_job_for_a_process_that_has_died_is_no_error(self) -> None:
        with Children(ECHO, warm=False).take() as child:
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait(WAIT_SECONDS) == -signal.SIGKILL
            child.begin(ATTEMPT)


SEES_GPU = (
    sys.executable,
    "-c",
    "import os, sys; sys.exit(10 + len(os.environ['CUDA_VISIBLE_DEVICES']))",
)


class TestDevice:
    @pytest.mark.parametrize(
        ("device", "asked", "names"),
        [
            ("cpu", None, 0),
            ("cpu", "cpu", 0),
            ("gpu:3", None, 1),
            ("gpu:3", "gpu", 1),
            ("gpu:3", "cpu", 0),
        ],
    )
    def test_a_child_sees_what_its_job_may_use_only(
        self, device: str, asked: str | None, names: int
    ) -> None:
        with Children(SEES_GPU, warm=False, device=device).take(asked) as child:
            assert child.wait(WAIT_SECONDS) == 10 + names

    def test_a_job_for_a_cpu_does_not_take_the_one_that_is_warm_on_a_gpu(self) -> None:
        children = Children(STUBBORN, warm=True, device="gpu:0")
        children.warm_up()
        with children.take("cpu") as cold, children.take("gpu") as warm:
            assert cold.pid > warm.pid
        children.stop()


class TestWarmChild:
    def test_a_job_takes_the_one_that_waits(self) -> None:
        children = Children(ECHO, warm=True)
        children.warm_up()
        with children.take() as first, children.take() as second:
            assert first.pid != second.pid
        children.stop()

    def test_one_that_died_is_replaced(self) -> None:
        children = Children(ECHO, warm=True)
        children.warm_up()
        with children.take() as dead:
            os.kill(dead.pid, signal.SIGKILL)
            dead.wait(WAIT_SECONDS)
        children.warm_up()
        with children.take() as child:
            assert child.is_running()
        children.stop()

    def test_stopping_ends_it(self) -> None:
        children = Children(ECHO, warm=True)
        children.warm_up()
        children.stop()
        children.stop()


class TestMemory:
    def test_it_is_that_of_the_process_while_it_runs(self) -> None:
        with Children(STUBBORN, warm=False).take() as child:
            eventually(lambda: (child.memory_bytes() or 0) > MEBIBYTE, "an interpreter's memory")
        assert child.memory_bytes() is None


@pytest.mark.unit
class TestDescribeExit:
    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (-signal.SIGKILL, "was ended by SIGKILL before the job's end."),
            (-signal.SIGSEGV, "was ended by SIGSEGV before the job's end."),
            (2, "ended with exit code 2 before the job's end."),
        ],
    )
    def test_the_owner_reads_what_was_seen(self, code: int, words: str) -> None:
        message = describe_exit(code, 300 * MEBIBYTE, "try fewer `lanes` (now 60)", "training")
        assert message.startswith(f"The training process {words}")
        assert "At the last look it used 300 MiB of memory." in message

    def test_a_killed_one_names_what_to_make_smaller(self) -> None:
        message = describe_exit(-signal.SIGKILL, None, "try fewer `lanes` (now 60)", "training")
        assert message.endswith("to need less, try fewer `lanes` (now 60).")
        assert "At the last look" not in message
