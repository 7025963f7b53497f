"""The time of an append against the length of the history, without and with a deployed model.

The same LSTM(64) with 24 leads is deployed on series of 1,000 to 1,000,000 hours. Every append
brings one row; with the model it scores 24 points, steps the state, forecasts and stores all of it.
"""

import http.client
import json
import statistics
import sys
import time

import httpx2
import numpy as np

from app.db import Database
from app.live import service as live
from app.live.tables import KeptState
from app.registry.artefacts import forecasters
from app.registry.queries import get_version
from app.registry.tables import Alias
from app.series.service import get_series
from benchmarks.service import database, train_hourly, web
from examples.running import checked

LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
APPENDS = 300
WARM_UP = 60
WINDOW = 720
BEGIN = np.datetime64("1900-01-01T00", "s")
HOUR = np.timedelta64(3600, "s")
FLAT = 0.30
MOST_TIMES = 3.0
MOST_SHARE = 0.1


def main() -> None:
    """Print the medians, and the ratios beside their targets."""
    with database() as url, web(url) as (client, _):
        train_hourly(url, client)
        for rows in LENGTHS:
            create(client, rows)
        bare = {rows: append(client, rows, first=rows) for rows in LENGTHS}
        deploy(url)
        live_ones = {rows: append(client, rows, first=rows + APPENDS + WARM_UP) for rows in LENGTHS}
        step, window = network_milliseconds(url)
    print("rows of history   no model     deployed     ratio")
    for rows in LENGTHS:
        ratio = live_ones[rows] / bare[rows]
        print(f"{rows:12,}   {bare[rows]:8.2f} ms  {live_ones[rows]:8.2f} ms   {ratio:6.2f}")
    worst = max(live_ones[rows] / bare[rows] for rows in LENGTHS)
    spread = max(live_ones.values()) / min(live_ones.values()) - 1
    print(f"deployed / no model, worst      {worst:6.2f}   (target <= {MOST_TIMES:g})")
    print(f"spread over histories           {spread:6.1%}   (target <= {FLAT:.0%})")
    print(
        f"network: one step {step:.3f} ms, {WINDOW} steps {window:.3f} ms: "
        f"{step / window:.1%} (target <= {MOST_SHARE:.0%})"
    )


def create(client: httpx2.Client, rows: int) -> None:
    """Upload a series of so many hours: y = 10 + 3 sin(2 pi t / 24) + noise."""
    noise = np.random.default_rng(rows).normal(0, 0.3, rows)
    values = 10 + 3 * np.sin(2 * np.pi * np.arange(rows) / 24) + noise
    hours = BEGIN + np.arange(rows) * HOUR
    lines = [f"{hour}Z,{value:.4f}" for hour, value in zip(hours, values, strict=True)]
    query = {"create": "true", "kind": "generic"}
    content = "\n".join(["time,y", *lines])
    checked(client.post(f"/v1/series/hours{rows}/uploads", params=query, content=content))


def deploy(url: str) -> None:
    """Let an alias point to the version, and forecast each series once."""
    opened = Database(url)
    with opened.transaction() as session:
        version, model, _, job = get_version(session, "bench", "latest")
        session.merge(Alias(model_id=model.id, name="champion", version_id=version.id))
        forecaster = forecasters.get(session, version, job)
        for rows in LENGTHS:
            series = get_series(session, f"hours{rows}")
            current = live.current_state(session, forecaster, None, series)
            live.keep_state(session, version.id, series.id, current)
    opened.dispose()


def append(client: httpx2.Client, rows: int, *, first: int) -> float:
    """The median milliseconds of an append of one row on one kept connection."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port)
    seconds = []
    for row in range(first, first + WARM_UP + APPENDS):
        value = 10 + 3 * float(np.sin(2 * np.pi * row / 24))
        body = json.dumps({"columns": ["time", "y"], "rows": [[f"{BEGIN + row * HOUR}Z", value]]})
        headers = {"Content-Type": "application/json"}
        started = time.perf_counter()
        connection.request("PUT", f"/v1/series/hours{rows}/observations", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        seconds.append(time.perf_counter() - started)
        if answer.status != http.client.OK or b'"error":"' in content:
            sys.exit(f"append to hours{rows}: {answer.status} {content.decode()}")
    connection.close()
    return statistics.median(seconds[WARM_UP:]) * 1000


def network_milliseconds(url: str) -> tuple[float, float]:
    """The median time to advance a state by one row, and to read a window of 720 anew."""
    opened = Database(url)
    with opened.reading() as session:
        version, _, _, job = get_version(session, "bench", "latest")
        forecaster = forecasters.get(session, version, job)
        series = get_series(session, f"hours{LENGTHS[0]}")
        kept = session.get_one(KeptState, (version.id, series.id))
        current = live.current_state(session, forecaster, kept, series)
        own = current.forecaster
        times, values = live.observed_after(session, own, series, own.initial_state())
    opened.dispose()
    before = own.advance(own.initial_state(), times[:-1], values[:-1])
    found = []
    for state, first in ((before, -1), (own.initial_state(), -WINDOW)):
        seconds = []
        for _ in range(200):
            started = time.perf_counter()
            own.advance(state, times[first:], values[first:])
            seconds.append(time.perf_counter() - started)
        found.append(statistics.median(seconds) * 1000)
    return found[0], found[1]


if __name__ == "__main__":
    main()
