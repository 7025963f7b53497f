"""The two parts of `statecast serve`, with small programs in their place."""

import sys
import threading
from pathlib import Path

import pytest

from app.serve import MOST_DEATHS_AT_ONCE, Part, watch
from tests.crash.conftest import eventually

FOREVER = (sys.executable, "-c", "import time; time.sleep(600)")


def noting(path: Path, then: str) -> tuple[str, ...]:
    """A program that adds a line to a file at its start, and then does something."""
    code = f"import time; open({str(path)!r}, 'a').write('started\\n'); {then}"
    return (sys.executable, "-c", code)


def starts(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.slow
class TestParts:
    def test_a_part_that_dies_is_started_again_beside_the_other(self, tmp_path: Path) -> None:
        dying = noting(tmp_path / "dying", "raise SystemExit(3)")
        lasting = noting(tmp_path / "lasting", "time.sleep(600)")
        parts = [Part("a", dying, first_wait_seconds=0.01), Part("b", lasting)]
        stop = threading.Event()
        watching = threading.Thread(target=watch, args=(parts, stop))
        watching.start()
        try:
            eventually(lambda: starts(tmp_path / "dying") >= 2, "the second start")
        finally:
            stop.set()
            watching.join()
            for part in parts:
                part.terminate()
                part.wait()
        assert starts(tmp_path / "lasting") == 1

    def test_a_part_that_dies_at_once_again_and_again_ends_all(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        dying = Part("web", noting(tmp_path / "web", "raise SystemExit(3)"), first_wait_seconds=0.0)
        lasting = Part("worker", FOREVER)
        try:
            assert watch([dying, lasting], threading.Event()) == 1
        finally:
            lasting.terminate()
            lasting.wait()
        assert starts(tmp_path / "web") == MOST_DEATHS_AT_ONCE
        last = caplog.records[-1].getMessage()
        assert last.startswith("The web process ended 5 times in a row")
        assert "at last with code 3" in last

    def test_each_wait_is_twice_the_one_before(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        dying = Part("web", noting(tmp_path / "web", "raise SystemExit(3)"), first_wait_seconds=0.2)
        assert watch([dying], threading.Event()) == 1
        waits = [args[2] for each in caplog.records if len(args := list(each.args or ())) == 3]
        assert waits == [0.2, 0.4, 0.8, 1.6]
