"""The time of an append against the length of the history, without and with a deployed model.

The same LSTM(64) with 24 leads is deployed on series of 1,000 to 1,000,000 hours. Every append
brings one row; with the model it scores 24 points, steps the state, forecasts and stores all of it.
"""

import http.client
import json
import statistics
import sys
import time
from http import HTTPStatus

import httpx2
import numpy as np
import onnxruntime

import app.live.states as live
from app.access.acting import DEFAULT_PROJECT, acting_for
from app.db import Database
from app.live import storage as state_storage
from app.registry.bundles import read_bundle_bytes
from app.registry.forecaster_cache import forecasters
from app.registry.queries import get_version
from app.registry.tables import Alias
from app.series.service import get_series
from benchmarks.inputs.service import database, median_milliseconds, train_hourly, web
from examples.running import checked
from models.serving.artefact import read_bundle
from models.serving.batching import run_one
from models.serving.session import open_session, run_session

LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
APPENDS = 300
WARM_UP = 60
WINDOW = 720
NETWORK_REPEATS = 500
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
            for name in ("bare", "live"):
                create(client, f"{name}{rows}", rows)
        deploy(url)
        medians = append(client)
        step, window = network_milliseconds(url)
    print("rows of history   no model     deployed     ratio")
    ratios = []
    for rows in LENGTHS:
        bare, live_one = medians[f"bare{rows}"], medians[f"live{rows}"]
        ratios.append(live_one / bare)
        print(f"{rows:12,}   {bare:8.2f} ms  {live_one:8.2f} ms   {ratios[-1]:6.2f}")
    deployed = [medians[f"live{rows}"] for rows in LENGTHS]
    spread = max(deployed) / min(deployed) - 1
    print(f"deployed / no model, worst      {max(ratios):6.2f}   (target <= {MOST_TIMES:g})")
    print(f"spread over histories           {spread:6.1%}   (target <= {FLAT:.0%})")
    print(
        f"network alone: one step {step:.3f} ms, {WINDOW} steps {window:.3f} ms: "
        f"{step / window:.1%} (target <= {MOST_SHARE:.0%})"
    )


def create(client: httpx2.Client, name: str, rows: int) -> None:
    """Upload a series of `rows` hours: y = 10 + 3 sin(2 pi t / 24) + noise."""
    noise = np.random.default_rng(rows).normal(0, 0.3, rows)
    values = 10 + 3 * np.sin(2 * np.pi * np.arange(rows) / 24) + noise
    hours = BEGIN + np.arange(rows) * HOUR
    lines = [f"{hour}Z,{value:.4f}" for hour, value in zip(hours, values, strict=True)]
    query = {"create": "true", "kind": "generic"}
    content = "\n".join(["time,y", *lines])
    checked(client.post(f"/v1/series/{name}/uploads", params=query, content=content))


def deploy(url: str) -> None:
    """Let an alias point to the version, and keep its state of one series of each length."""
    opened = Database(url)
    with acting_for(DEFAULT_PROJECT), opened.transaction() as session:
        version, model, _, job = get_version(session, "bench", "latest")
        session.merge(Alias(model_id=model.id, name="champion", version_id=version.id))
        forecaster = forecasters.get(session, version, job)
        for rows in LENGTHS:
            series = get_series(session, f"live{rows}")
            current = run_one(live.current_state(session, forecaster, None, series))
            state_storage.keep_state(session, version.id, series.id, current)
    opened.dispose()


def append(client: httpx2.Client) -> dict[str, float]:
    """The median milliseconds of an append of one row to each series.

    The series take turns, so that whatever else the machine does meets all of them.
    """
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port)
    seconds: dict[str, list[float]] = {}
    for turn in range(WARM_UP + APPENDS):
        for rows in LENGTHS:
            for name in (f"bare{rows}", f"live{rows}"):
                taken = put_one(connection, name, rows + turn)
                seconds.setdefault(name, []).append(taken)
    connection.close()
    return {name: statistics.median(each[WARM_UP:]) * 1000 for name, each in seconds.items()}


def put_one(connection: http.client.HTTPConnection, series: str, row: int) -> float:
    """Append one row; the seconds that it took."""
    value = 10 + 3 * float(np.sin(2 * np.pi * row / 24))
    body = json.dumps({"columns": ["time", "y"], "rows": [[f"{BEGIN + row * HOUR}Z", value]]})
    started = time.perf_counter()
    headers = {"Content-Type": "application/json"}
    connection.request("PUT", f"/v1/series/{series}/observations", body, headers)
    answer = connection.getresponse()
    content = answer.read()
    taken = time.perf_counter() - started
    has_forecast = b'"forecasts":[]' not in content
    if (
        answer.status != HTTPStatus.OK
        or b'"error":"' in content
        or (has_forecast != series.startswith("live"))
    ):
        sys.exit(f"append to {series}: {answer.status} {content.decode()}")
    return taken


def network_milliseconds(url: str) -> tuple[float, float]:
    """The median time of the network alone: of one step, and of a window of 720."""
    opened = Database(url)
    with opened.reading() as session:
        version, _, _, job = get_version(session, "bench", "latest")
        network = open_session(read_bundle(read_bundle_bytes(session, version, job)).onnx)
    opened.dispose()
    one, window = (_run_milliseconds(network, steps) for steps in (1, WINDOW))
    return one, window


def _run_milliseconds(network: onnxruntime.InferenceSession, steps: int) -> float:
    """A run over `steps` steps: free axes are the batch, then the steps."""
    inputs = []
    for each in network.get_inputs():
        free = iter((1, steps))
        shape = [size if isinstance(size, int) else next(free) for size in each.shape]
        inputs.append(np.zeros(shape, np.float32))
    return median_milliseconds(lambda: run_session(network, inputs), NETWORK_REPEATS)


if __name__ == "__main__":
    main()
