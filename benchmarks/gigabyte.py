"""A CSV file of 1 GB as a job on both databases: seconds, and the most memory of each process."""

import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil

from benchmarks.beside_uploads import send
from benchmarks.inputs.big_files import write_csv
from benchmarks.inputs.service import databases, web
from examples.running import checked, statecast, stop

SIZE_BYTES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000_000
SAMPLE_SECONDS = 0.1
MEGABYTE = 1e6
MOST_WEB_MEGABYTES = 500


class Memory:
    """The most that a process or one of its children had resident, and of that its own."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.resident = self.own = 0.0
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while True:
            with suppress(psutil.Error):
                for one in (self.process, *self.process.children(recursive=True)):
                    used = one.memory_info()
                    self.resident = max(self.resident, used.rss / MEGABYTE)
                    self.own = max(self.own, (used.rss - used.shared) / MEGABYTE)
            time.sleep(SAMPLE_SECONDS)


def main() -> None:
    """Print the figures of both databases."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.csv"
        rows = write_csv(path, SIZE_BYTES)
        for name, url in databases():
            measure(name, url, path, rows)


def measure(name: str, url: str, path: Path, rows: int) -> None:
    """Upload the file and wait for the job."""
    with web(url) as (client, process):
        worker = statecast(url, "worker", STATECAST_WARM_CHILD="false")
        try:
            watched = Memory(process.pid), Memory(worker.pid)
            received, done = upload(client, path)
        finally:
            stop(worker)
    web_memory, worker_memory = watched
    print(f"{name}: {rows} rows, {SIZE_BYTES / 1e9:g} GB")
    print(f"  received and kept   {received:6.1f} s")
    print(f"  read and stored     {done:6.1f} s ({rows / done:.0f} rows/s)")
    print(f"  web process         {web_memory.resident:6.0f} MB (target < {MOST_WEB_MEGABYTES})")
    print(
        f"  reading process     {worker_memory.resident:6.0f} MB, of which "
        f"{worker_memory.own:.0f} MB are not pages of temporary files"
    )


def upload(client: httpx2.Client, path: Path) -> tuple[float, float]:
    """Seconds until the file was taken, and from then until the job was done."""
    started = time.perf_counter()
    if send(client, "big", path).wait() != 0:
        sys.exit("the file was not taken")
    taken = time.perf_counter()
    job = checked(client.get("/v1/jobs"))["items"][0]
    phase = None
    while job["state"] in ("queued", "running"):
        time.sleep(0.5)
        with suppress(httpx2.HTTPError):
            job = checked(client.get(f"/v1/jobs/{job['id']}"))
        if job["progress"]["phase"] != phase:
            phase = job["progress"]["phase"]
            print(f"  {time.perf_counter() - taken:6.1f} s: {phase}", flush=True)
    if job["state"] != "succeeded":
        sys.exit(f"the job {job['state']}: {job['error']}")
    return taken - started, time.perf_counter() - taken


if __name__ == "__main__":
    main()
