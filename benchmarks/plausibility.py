"""The share of an append that looking at its rows takes, in one process and through HTTP.

The same series gets the same rows with the look and without it, in turn, so that whatever else the
machine does meets both. `other process`: every second append goes to another web process, so that
what is known of the series has to be brought up to date.
"""

import http.client
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

import numpy as np
import uvicorn

from app.db import Database
from app.ingest import appending
from app.ingest.plausibility import recent_cache
from app.ingest.plausibility.recent_cache import RecentCache
from app.main import create_app
from app.series.observation_schemas import ObservationsWrite
from app.series.schemas import SeriesCreate
from app.series.service import ensure_series
from app.settings import Settings
from benchmarks.inputs.service import databases
from examples.running import free_port

HISTORY = 1_000
TURNS = 1_000
WARM_UP = 100
BEGIN = np.datetime64("2020-01-01T00", "s")
HOUR = np.timedelta64(3600, "s")
MOST_SHARE = 0.1
WAYS = ("off", "on", "other process")
STEPS_OF_LOOK = (
    (appending, "check", lambda *_: []),
    (recent_cache, "recent_of", lambda *_: None),
    (appending, "_remember", lambda *_, **__: None),
)

Append = Callable[[str, int], float]


def main() -> None:
    """Print the medians and the shares beside their target."""
    for name, url in databases():
        database = Database(url)
        with database.transaction() as session:
            for way in WAYS:
                request = SeriesCreate(name=series_of(way), kind="generic", timezone="UTC")
                ensure_series(session, request)
        for way in WAYS:
            appending.append(database, series_of(way), rows(0, HISTORY))
        report(f"{name}, in one process", in_process(database), HISTORY)
        with server(url) as port:
            report(f"{name}, through HTTP", through_http(port), HISTORY + TURNS)
        database.dispose()


def series_of(way: str) -> str:
    """The series that is appended to in a way."""
    return way.replace(" ", "-")


def rows(first: int, count: int) -> ObservationsWrite:
    """Hours of y = 10 + 3 sin(2 pi t / 24)."""
    hours = np.arange(first, first + count)
    values = 10 + 3 * np.sin(2 * np.pi * hours / 24)
    times = [f"{BEGIN + hour * HOUR}Z" for hour in hours]
    pairs = [list(pair) for pair in zip(times, values.tolist(), strict=True)]
    return ObservationsWrite(columns=["time", "y"], rows=pairs)


def in_process(database: Database) -> Append:
    """An append as a function call; the seconds that it took."""

    def append(series: str, row: int) -> float:
        request = rows(row, 1)
        started = time.perf_counter()
        appending.append(database, series, request)
        return time.perf_counter() - started

    return append


def through_http(port: int) -> Append:
    """An append as a request on one kept connection; the seconds that it took."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def append(series: str, row: int) -> float:
        body = json.dumps(rows(row, 1).model_dump(mode="json"))
        headers = {"Content-Type": "application/json"}
        started = time.perf_counter()
        connection.request("PUT", f"/v1/series/{series}/observations", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        taken = time.perf_counter() - started
        if answer.status != HTTPStatus.OK or b'"issues":[]' not in content:
            sys.exit(f"append to {series}: {answer.status} {content.decode()}")
        return taken

    return append


@contextmanager
def server(url: str) -> Iterator[int]:
    """The service in a thread of this process, so that the look can be switched off in turn."""
    port = free_port()
    settings = Settings(database_url=url)
    config = uvicorn.Config(create_app(settings), port=port, access_log=False, log_config=None)
    web = uvicorn.Server(config)
    thread = threading.Thread(target=web.run)
    thread.start()
    while not web.started:
        time.sleep(0.01)
    yield port
    web.should_exit = True
    thread.join()


def report(title: str, append: Append, first: int) -> None:
    """Append in turn, and print the median of each way and of the differences in each turn."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    caches = (RecentCache(), RecentCache())
    originals = [getattr(module, name) for module, name, _ in STEPS_OF_LOOK]
    usual_cache = recent_cache.cache
    for turn in range(TURNS):
        for place in range(len(WAYS)):
            way = WAYS[(turn + place) % len(WAYS)]
            for (module, name, nothing), original in zip(STEPS_OF_LOOK, originals, strict=True):
                setattr(module, name, nothing if way == "off" else original)
            recent_cache.cache = caches[turn % 2] if way == "other process" else usual_cache
            seconds[way].append(append(series_of(way), first + turn))
    for (module, name, _), original in zip(STEPS_OF_LOOK, originals, strict=True):
        setattr(module, name, original)
    recent_cache.cache = usual_cache
    off = np.array(seconds["off"][WARM_UP:])
    print(f"{title}: {statistics.median(off) * 1000:.2f} ms without the look")
    for way in WAYS[1:]:
        more = float(np.median(np.array(seconds[way][WARM_UP:]) - off))
        share = more / statistics.median(off)
        print(f"  {way:14} {more * 1e6:+6.0f} us {share:+6.1%}   (target <= {MOST_SHARE:.0%})")


if __name__ == "__main__":
    main()
