"""Many forecasts in one call against a call for each: `POST /v1/forecasts:batch`.

One LSTM(64) with 24 leads forecasts fifty series that came later. Every round brings one row of
each, and the forecasts are then asked for in fifty calls or in one.
"""

import http.client
import json
import statistics
import sys
import time
from http import HTTPStatus
from typing import Any

import httpx2
import numpy as np

from app.db import Database
from app.registry.bundles import read_bundle_bytes
from app.registry.queries import get_version
from benchmarks.inputs.service import database, median_milliseconds, train_hourly, web
from examples.running import checked
from models.serving.batching import run_batched, run_one
from models.serving.forecaster import Forecaster, State

SERIES = 50
ROWS = 1_000
ROUNDS = 12
WARM_UP = 2
REPEATS = 200
BEGIN = np.datetime64("2000-01-01T00", "s")
HOUR = np.timedelta64(3600, "s")


def main() -> None:
    """Print the medians of one call for all and of a call for each, and their ratio."""
    with database() as url, web(url) as (client, _):
        train_hourly(url, client)
        names = [f"later{number}" for number in range(SERIES)]
        for name in names:
            create(client, name)
        medians = measure(client, names)
        alone, side_by_side = network_milliseconds(url)
    print(f"{SERIES} forecasts               one by one   in one call   ratio")
    for what, (single, batch) in medians.items():
        print(f"{what:24} {single:9.1f} ms  {batch:9.1f} ms   {single / batch:5.2f}")
    print(
        f"{'one step, library alone':24} {alone:9.2f} ms  {side_by_side:9.2f} ms   "
        f"{alone / side_by_side:5.2f}"
    )


def create(client: httpx2.Client, name: str) -> None:
    """Upload a series, and keep its state."""
    values = row_values(np.arange(ROWS))
    lines = [f"{BEGIN + row * HOUR}Z,{value:.4f}" for row, value in enumerate(values)]
    query = {"create": "true", "kind": "generic"}
    content = "\n".join(["time,y", *lines])
    checked(client.post(f"/v1/series/{name}/uploads", params=query, content=content))
    checked(client.post("/v1/models/bench/forecasts", json={"series": name}))


def row_values(rows: "np.ndarray[Any, np.dtype[np.int_]]") -> list[float]:
    """y = 10 + 3 sin(2 pi t / 24) + noise."""
    noise = np.random.default_rng(int(rows[0])).normal(0, 0.3, len(rows))
    found: list[float] = (10 + 3 * np.sin(2 * np.pi * rows / 24) + noise).tolist()
    return found


def measure(client: httpx2.Client, names: list[str]) -> dict[str, tuple[float, float]]:
    """Median milliseconds of single calls and of the batch: after an append, and of what is there.

    The two take turns, so that whatever else the machine does meets both.
    """
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port)
    seconds: dict[tuple[str, str], list[float]] = {}
    ways = {"one by one": ask_one_by_one, "in one call": ask_in_one_call}
    for turn in range(2 * (WARM_UP + ROUNDS)):
        way = list(ways)[turn % 2]
        for name in names:
            append(connection, name, ROWS + turn)
        for what in ("one new row each", "nothing new"):
            started = time.perf_counter()
            ways[way](connection, names)
            seconds.setdefault((what, way), []).append(time.perf_counter() - started)
    connection.close()
    medians = {key: statistics.median(each[WARM_UP:]) * 1000 for key, each in seconds.items()}
    whats = dict.fromkeys(what for what, _ in medians)
    return {what: (medians[what, "one by one"], medians[what, "in one call"]) for what in whats}


def ask_one_by_one(connection: http.client.HTTPConnection, names: list[str]) -> None:
    """A call for each series."""
    for name in names:
        send(connection, "POST", "/v1/models/bench/forecasts", {"series": name})


def ask_in_one_call(connection: http.client.HTTPConnection, names: list[str]) -> None:
    """One call for all."""
    requests = [{"model": "bench", "series": name} for name in names]
    content = send(connection, "POST", "/v1/forecasts:batch", {"requests": requests})
    if content.count(b'"origin"') != len(names):
        sys.exit(f"batch: {content[:1000].decode()}")


def append(connection: http.client.HTTPConnection, name: str, row: int) -> None:
    """Write one row."""
    (value,) = row_values(np.array([row]))
    body = {"columns": ["time", "y"], "rows": [[f"{BEGIN + row * HOUR}Z", value]]}
    send(connection, "PUT", f"/v1/series/{name}/observations", body)


def send(connection: http.client.HTTPConnection, method: str, path: str, body: object) -> bytes:
    """Send JSON, and give the answer's body."""
    connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != HTTPStatus.OK:
        sys.exit(f"{method} {path}: {answer.status} {content.decode()}")
    return content


def network_milliseconds(url: str) -> tuple[float, float]:
    """The median time of a step of every series, one by one and side by side."""
    opened = Database(url)
    with opened.reading() as session:
        version, _, _, job = get_version(session, "bench", "latest")
        forecaster = Forecaster.from_bundle(read_bundle_bytes(session, version, job))
    opened.dispose()
    rows = np.arange(ROWS)
    times, values = BEGIN + rows * HOUR, np.array(row_values(rows))[:, np.newaxis]
    times = times.astype("datetime64[us]")
    state = run_one(forecaster.advance(forecaster.initial_state(), times[:-1], values[:-1]))
    last = times[-1:], values[-1:]

    def one_by_one() -> list[State]:
        return [run_one(forecaster.advance(state, *last)) for _ in range(SERIES)]

    def side_by_side() -> list[State | Exception]:
        return run_batched([forecaster.advance(state, *last) for _ in range(SERIES)])

    return median_milliseconds(one_by_one, REPEATS), median_milliseconds(side_by_side, REPEATS)


if __name__ == "__main__":
    main()
