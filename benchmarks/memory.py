"""The web process: start to ready, and resident memory after forecasts and after uploads."""

import time

import httpx2
import psutil

from benchmarks.inputs.service import JENA, database, train_hourly, web
from examples.running import checked

MEGABYTE = 1e6
FORECASTS = 1000


def main() -> None:
    """Print the figures of one fresh web process that serves a model trained before."""
    with database() as url:
        with web(url) as (client, _):
            train_hourly(url, client)
        started = time.perf_counter()
        with web(url) as (client, process):
            print(f"start to ready                {time.perf_counter() - started:6.2f} s")
            for count in (1, FORECASTS, FORECASTS):
                for _ in range(count):
                    checked(client.post("/v1/models/bench/forecasts"))
                used = process.memory_info().rss / MEGABYTE
                print(f"after {count:4d} more forecasts     {used:6.0f} MB")
            if JENA.exists():
                upload_jena(client, process)


def upload_jena(client: httpx2.Client, process: psutil.Process) -> None:
    """Upload the Jena file three times under different names."""
    for number in range(3):
        query = {"create": "true", "kind": "climate"}
        path = f"/v1/series/jena{number}/uploads"
        checked(client.post(path, params=query, content=JENA.read_bytes()))
        used = process.memory_info().rss / MEGABYTE
        print(f"after upload {number + 1}                {used:6.0f} MB")


if __name__ == "__main__":
    main()
