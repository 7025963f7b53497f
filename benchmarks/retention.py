"""Cleaning: the time to delete old forecasts with their scores, and what appends notice of it.

LSTM(64) with 24 leads is deployed on a series that has many copies of old forecasts. A process
cleans them as a worker's child does, while another appends, row by row, to the same series.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from datetime import timedelta

import httpx2
import numpy as np
import sqlalchemy as sa

from app.access.acting import DEFAULT_PROJECT, act_for
from app.db import Database, utc_now
from app.forecasts.tables import StoredForecast
from app.registry.queries import get_version
from app.registry.tables import Alias
from app.scores.tables import ForecastScore
from benchmarks.inputs.service import ROWS, database, postgres, train_hourly, web
from examples.running import checked

COPIES = 4_000
QUIET_APPENDS = 150
HOUR = timedelta(hours=1)
BEGIN = np.datetime64("2020-01-01T00", "s")
CLEAN = """
import os, sys
from app.db import Database
from app.retention.tasks import clean
from app.settings import Settings
os.nice(5)
print(clean(Database(sys.argv[1]), Settings(), "bench", lambda _: None)["deleted"])
"""


def main() -> None:
    """Print the figures of both databases."""
    for name, opened in (("SQLite", database()), ("PostgreSQL", postgres())):
        measure(name, opened)


def measure(name: str, opened: AbstractContextManager[str | None]) -> None:
    """Clean one database while rows are appended."""
    with opened as url:
        if url is None:
            print(f"{name}: no server answers")
            return
        with web(url) as (client, _):
            train_hourly(url, client)
            multiply(url, client)
            quiet = [append(client, row) for row in range(ROWS + 1, ROWS + 1 + QUIET_APPENDS)]
            row, busy = ROWS + 1 + QUIET_APPENDS, []
            command = [sys.executable, "-c", CLEAN, url]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as cleaning:
                wait_for_the_first(url, cleaning)
                started = time.perf_counter()
                while cleaning.poll() is None:
                    busy.append(append(client, row))
                    row += 1
                seconds = time.perf_counter() - started
            report(name, seconds, quiet, busy)


def wait_for_the_first(url: str, cleaning: "subprocess.Popen[str]") -> None:
    """Wait until a forecast is deleted: what comes before is the start of a process."""
    opened = Database(url)
    number = sa.select(sa.func.count()).select_from(StoredForecast)
    before = opened.first(number, {})
    while cleaning.poll() is None and opened.first(number, {}) == before:
        time.sleep(0.01)
    opened.dispose()


def multiply(url: str, client: httpx2.Client) -> None:
    """Deploy the version, and copy its first forecast into the past, scored."""
    opened = Database(url)
    act_for(DEFAULT_PROJECT)
    with opened.transaction() as session:
        version, model, _, _ = get_version(session, "bench", "latest")
        session.merge(Alias(model_id=model.id, name="champion", version_id=version.id))
    append(client, ROWS)
    with opened.transaction() as session:
        first = session.scalars(sa.select(StoredForecast)).one()
        points = session.scalars(sa.select(ForecastScore)).all()
        forecasts, scores = [], []
        for copy in range(1, COPIES + 1):
            forecasts.append(
                columns(first)
                | {
                    "id": first.id + copy,
                    "key": os.urandom(16).hex(),
                    "origin": first.origin - (copy + 800) * HOUR,
                    "created_at": utc_now() - timedelta(days=400),
                }
            )
            scores += [
                columns(point)
                | {
                    "forecast_id": first.id + copy,
                    "time": point.time - (copy + 800) * HOUR,
                    "actual": 10.0,
                    "error": 0.5,
                    "naive_error": 1.0,
                    "revision": 1,
                }
                for point in points
            ]
        # The newest steps stay: a few that are scored lie after all that go.
        session.execute(sa.insert(StoredForecast), forecasts)
        session.execute(sa.insert(ForecastScore), scores)
        if not opened.is_sqlite:
            highest = first.id + COPIES
            session.execute(sa.text(f"SELECT setval('forecasts_id_seq', {highest})"))
    opened.dispose()


def columns(row: StoredForecast | ForecastScore) -> dict[str, object]:
    """A row as plain values."""
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def append(client: httpx2.Client, row: int) -> float:
    """Append one hour; the milliseconds that it took."""
    value = 10 + 3 * float(np.sin(2 * np.pi * row / 24))
    moment = f"{BEGIN + row * np.timedelta64(3600, 's')}Z"
    body = json.dumps({"columns": ["time", "y"], "rows": [[moment, value]]})
    started = time.perf_counter()
    answer = client.put(
        "/v1/series/bench/observations",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    taken = time.perf_counter() - started
    checked(answer)
    return 1000 * taken


def report(name: str, seconds: float, quiet: list[float], busy: list[float]) -> None:
    """Print the seconds, and the appends beside those of a quiet time."""
    print(
        f"{name}: {COPIES:,} forecasts with {24 * COPIES:,} scores in {seconds:.1f} s: "
        f"{seconds * 100_000 / (24 * COPIES):.1f} s per 100,000 scores, "
        f"{seconds * 100_000 / COPIES:.0f} s per 100,000 forecasts"
    )
    for label, share in (("median", 0.5), ("95 %", 0.95), ("slowest", 1.0)):
        one, other = (float(np.quantile(each, share)) for each in (quiet, busy))
        both = f"{one:7.1f} ms quiet, {other:7.1f} ms meanwhile"
        print(f"  append, {label:8} {both}, {other / one:.2f} x")

    print(f"  {len(busy)} appends meanwhile, mean {statistics.mean(busy):.1f} ms")


if __name__ == "__main__":
    main()
