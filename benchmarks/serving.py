"""A warm forecast request against a bare endpoint of the same app and against Keras' `predict`."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks.inputs.service import database, median_request, train_hourly, web
from examples.running import free_port, stop, wait_until_ready

REPEATS = 1000
PREDICT_REPEATS = 50


def main() -> None:
    """Print the median time of each request and the two ratios."""
    with database() as url, web(url) as (client, _):
        train_hourly(url, client)
        keras = client.get("/v1/models/bench/versions/1/artefact?format=keras").content
        bare = median_request(client, "GET", "/healthz", REPEATS)
        warm = median_request(client, "POST", "/v1/models/bench/forecasts", REPEATS)
        poll = median_request(client, "GET", "/v1/models/bench/forecasts/latest", REPEATS)
    with predicting(keras) as client:
        predict = median_request(client, "POST", "/predict", PREDICT_REPEATS)
    print(f"bare endpoint                {bare:8.2f} ms")
    print(f"POST forecasts, warm         {warm:8.2f} ms   {warm / bare:6.2f} x bare (target <= 3)")
    print(f"GET forecasts/latest         {poll:8.2f} ms   {poll / bare:6.2f} x bare")
    print(
        f"endpoint with keras predict  {predict:8.2f} ms   "
        f"{predict / warm:6.1f} x a forecast (target >= 40)"
    )


@contextmanager
def predicting(keras: bytes) -> Iterator[httpx2.Client]:
    """An app whose one endpoint calls `keras.Model.predict` on the same network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(keras)
        port = free_port()
        command = ("uvicorn", "benchmarks.inputs.predict_app:app", "--port", str(port))
        quiet = ("--log-level", "warning")
        environment = {**os.environ, "BENCH_MODEL": str(path)}
        started = subprocess.Popen([sys.executable, "-m", *command, *quiet], env=environment)
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                wait_until_ready(client, started)
                yield client
        finally:
            stop(started)


if __name__ == "__main__":
    main()
