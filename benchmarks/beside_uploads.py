"""Forecasts while a CSV file of 100 MB is read and stored by the same service, against idle ones.

The sender is a process of its own: it must not slow the client that measures.
"""

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx2

from benchmarks.inputs.big_files import write_csv
from benchmarks.inputs.service import database, train_hourly, web
from examples.running import statecast, stop

SIZE_BYTES = 100_000_000
IDLE_SECONDS = 5.0
WARM_UP = 100
MOST_TIMES = 2.0
REQUESTS = (
    ("POST", "/v1/models/bench/forecasts"),
    ("GET", "/v1/models/bench/forecasts/latest"),
)
SEND = """
import sys, time, httpx2
with open(sys.argv[2], "rb") as file:
    answer = httpx2.post(sys.argv[1], content=file, timeout=600)
if answer.status_code not in (201, 202):
    sys.exit(answer.text)
state = "queued" if answer.status_code == 202 and "wait" in sys.argv else "succeeded"
while state in ("queued", "running"):
    time.sleep(0.5)
    job = httpx2.URL(sys.argv[1]).join(answer.headers["location"])
    state = httpx2.get(job, timeout=60).json()["state"]
sys.exit(0 if state == "succeeded" else state)
"""


def main() -> None:
    """Print the medians of both requests, idle and beside an upload, and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.csv"
        rows = write_csv(path, SIZE_BYTES)
        with database() as url, web(url) as (client, process), worker(url):
            train_hourly(url, client)
            for method, address in REQUESTS:
                name = method.lower()
                idle = median_until(client, method, address, time.monotonic() + IDLE_SECONDS, None)
                started = time.perf_counter()
                sender = send(client, f"big-{name}", path, "wait")
                beside = median_until(client, method, address, None, sender)
                seconds = time.perf_counter() - started
                print(
                    f"{method:4} {address.rpartition('/')[2]:10} idle {idle:6.2f} ms, beside an "
                    f"upload {beside:6.2f} ms: {beside / idle:5.2f} x (target <= {MOST_TIMES:g})"
                )
                print(f"     {rows} rows in {seconds:.1f} s: {rows / seconds:.0f} rows/s")
            print(f"     web process: {process.memory_info().rss / 1e6:.0f} MB")


@contextmanager
def worker(url: str) -> Iterator[None]:
    """A worker that reads files; training libraries would only take memory."""
    process = statecast(url, "worker", STATECAST_WARM_CHILD="false")
    try:
        yield
    finally:
        stop(process)


def send(client: httpx2.Client, series: str, path: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start to upload a file; with `wait` it goes on until the file is read."""
    address = f"{client.base_url}/v1/series/{series}/uploads?create=true&kind=climate"
    return subprocess.Popen([sys.executable, "-c", SEND, address, str(path), *options])


def median_until(
    client: httpx2.Client,
    method: str,
    path: str,
    deadline: float | None,
    sender: subprocess.Popen[bytes] | None,
) -> float:
    """The median milliseconds of a request, until a moment or until a process has ended."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port)
    seconds: list[float] = []
    while (deadline is not None and time.monotonic() < deadline) or (
        sender is not None and sender.poll() is None
    ):
        started = time.perf_counter()
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        seconds.append(time.perf_counter() - started)
        if answer.status != HTTPStatus.OK:
            sys.exit(f"{method} {path}: {answer.status} {body.decode()}")
    connection.close()
    if sender is not None and sender.returncode != 0:
        sys.exit("the upload failed")
    return statistics.median(seconds if deadline is None else seconds[WARM_UP:]) * 1000


if __name__ == "__main__":
    main()
