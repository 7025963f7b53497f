"""How long writes of eight threads wait on SQLite: in a line of the process, or by its sleeps."""

import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from app.db import Database, WaitingLine

THREADS = 8
WRITES = 60
WORK_SECONDS = 0.002
ROUNDS = 3


class NoLine(WaitingLine):
    """Lets all in at once: SQLite then makes them sleep."""

    def wait(self, timeout_seconds: float) -> bool:
        return True

    def leave(self) -> None:
        """Nothing was taken."""


def main() -> None:
    """Both ways in turn."""
    for number in range(ROUNDS):
        line, sleeps = waits_ms(WaitingLine()), waits_ms(NoLine())
        for name, waits in (("line", line), ("sleeps", sleeps)):
            p50, p99, most = np.percentile(waits, [50, 99, 100])
            print(f"{number + 1} {name:7} p50 {p50:6.1f} ms, p99 {p99:7.1f} ms, max {most:7.1f} ms")
        ratio = np.percentile(sleeps, 99) / np.percentile(line, 99)
        print(f"{number + 1} p99, sleeps / line: {ratio:.1f}")


def waits_ms(line: WaitingLine) -> list[float]:
    """How long each write of all threads took, in milliseconds."""
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'a.db'}")
        database._writers = line  # noqa: SLF001
        with database.transaction() as session:
            session.execute(sa.text("CREATE TABLE t (a BLOB)"))

        def write() -> None:
            for _ in range(WRITES):
                began = time.perf_counter()
                with database.transaction() as session:
                    session.execute(sa.text("INSERT INTO t VALUES (randomblob(2000))"))
                    time.sleep(WORK_SECONDS)
                took.append(1000 * (time.perf_counter() - began))

        threads = [threading.Thread(target=write) for _ in range(THREADS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        database.dispose()
    return took


if __name__ == "__main__":
    main()
