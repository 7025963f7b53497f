"""A running service on a fresh database, and a trained model in it, for measuring."""

import http.client
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
import sqlalchemy as sa

from app.db import engine_url
from examples.running import checked, free_port, statecast, stop, wait_until_ready

DATA = Path(__file__).parents[3] / "shared" / "data"
JENA = DATA / "jena_climate_2009-01_2011-01.csv.gz"
ROWS = 5_000
SERVER = os.environ.get(
    "STATECAST_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)


@contextmanager
def database() -> Iterator[str]:
    """The URL of a fresh, migrated SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        statecast(url, "migrate").wait()
        yield url


@contextmanager
def postgres() -> Iterator[str | None]:
    """The URL of a fresh, migrated PostgreSQL database; None where no server answers."""
    server = sa.create_engine(engine_url(SERVER), isolation_level="AUTOCOMMIT")
    name = f"statecast_bench_{os.getpid()}"
    try:
        connection = server.connect()
    except sa.exc.OperationalError:
        yield None
        return
    with connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        url = sa.make_url(SERVER).set(database=name).render_as_string(hide_password=False)
        try:
            statecast(url, "migrate").wait()
            yield url
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def databases() -> Iterator[tuple[str, str]]:
    """The name of each kind of database and the URL of a fresh one, one after the other."""
    with database() as url:
        yield "SQLite", url
    with postgres() as found:
        if found is None:
            print("PostgreSQL: no server answers, nothing measured")
        else:
            yield "PostgreSQL", found


@contextmanager
def web(url: str) -> Iterator[tuple[httpx2.Client, psutil.Process]]:
    """A web process that is ready, and a client of it."""
    port = free_port()
    process = statecast(url, "web", "--port", str(port))
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
            wait_until_ready(client, process)
            yield client, psutil.Process(process.pid)
    finally:
        stop(process)


def train_hourly(url: str, client: httpx2.Client) -> None:
    """Train `bench`: LSTM(64), 24 leads, on y = 10 + 3 sin(2 pi t / 24) + noise, hourly."""
    hours = np.datetime64("2020-01-01T00", "s") + np.arange(ROWS) * np.timedelta64(3600, "s")
    noise = np.random.default_rng(0).normal(0, 0.3, ROWS)
    values = 10 + 3 * np.sin(2 * np.pi * np.arange(ROWS) / 24) + noise
    lines = [f"{hour}Z,{value:.4f}" for hour, value in zip(hours, values, strict=True)]
    text = "\n".join(["time,y", *lines])
    query = {"create": "true", "kind": "generic"}
    checked(client.post("/v1/series/bench/uploads", params=query, content=text))
    spec = {"horizon": 24, "layers": [{"cell": "lstm", "units": 64}], "epochs": 3}
    worker = statecast(url, "worker")
    try:
        job = await_training(client, {"name": "bench", "series": "bench", "spec": spec})
    finally:
        stop(worker)
    if job["state"] != "succeeded":
        sys.exit(f"the training {job['state']}: {job['error']}")


def await_training(client: httpx2.Client, request: dict[str, Any]) -> dict[str, Any]:
    """Train a version and give its finished job."""
    job: dict[str, Any] = checked(client.post("/v1/models", json=request))["job"]
    while job["state"] in ("queued", "running"):
        time.sleep(0.2)
        job = checked(client.get(f"/v1/jobs/{job['id']}"))
    return job


def median_request(client: httpx2.Client, method: str, path: str, repeats: int) -> float:
    """The median milliseconds of a request on one kept connection.

    The plain connection of the standard library: what a comfortable client costs is not
    what is measured.
    """
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port)

    def call() -> None:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != HTTPStatus.OK:
            sys.exit(f"{method} {path}: {answer.status} {body.decode()}")

    milliseconds = median_milliseconds(call, repeats)
    connection.close()
    return milliseconds


def median_milliseconds(call: Callable[[], object], repeats: int) -> float:
    """The median time of a call, after as many calls to warm up as a tenth of the repeats."""
    for _ in range(repeats // 10 + 1):
        call()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * 1000
