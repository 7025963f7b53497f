"""A chart of the whole Jena file, one channel in 2,000 points: cold, warm and polled, and exports.

Cold is the first request after a correction of the first days, behind which everything is read
again; the first one of a process also loads the libraries.
"""

import http.client
import json
import statistics
import sys
import time
from http import HTTPStatus

import httpx2
import psutil

from benchmarks.inputs.service import JENA, databases, median_milliseconds, web
from examples.running import checked

CHART = "/v1/series/jena/observations?channels=T%20(degC)&max_points=2000"
COLD_REPEATS = 9
WARM_REPEATS = 200
MOST_COLD, MOST_WARM = 400, 50
FORMS = ("csv", "arrow", "parquet")


def main() -> None:
    """Print the milliseconds on both databases, and the ratios to a bare endpoint."""
    if not JENA.exists():
        print("the Jena file is absent: nothing measured")
        return
    for name, url in databases():
        print(f"-- {name}")
        with web(url) as (client, _):
            query = {"create": "true", "kind": "climate"}
            path = "/v1/series/jena/uploads"
            checked(client.post(path, params=query, content=JENA.read_bytes()))
        with web(url) as (client, process):
            measure(client, process)


def measure(client: httpx2.Client, process: psutil.Process) -> None:
    """Ask a fresh web process for the chart, again and again."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port)
    bare = median_milliseconds(lambda: get(connection, "/healthz"), WARM_REPEATS)
    first, _ = timed(connection)
    cold, _ = after_writes(client, connection, "2009-01")
    appended, tag = after_writes(client, connection, "2011-01")
    warm = median_milliseconds(lambda: get(connection, CHART), WARM_REPEATS)
    poll = median_milliseconds(
        lambda: get(connection, CHART, {"If-None-Match": tag}, HTTPStatus.NOT_MODIFIED),
        WARM_REPEATS,
    )
    buckets = "/v1/series/jena/observations?channels=T%20(degC)&every=1D&max_points=2000"
    daily = median_milliseconds(lambda: get(connection, buckets), WARM_REPEATS // 10)
    used = process.memory_info().rss / 1e6
    print(f"bare endpoint          {bare:8.2f} ms")
    print(f"first of the process   {first:8.1f} ms   {first / bare:7.1f} x bare")
    print(
        f"cold, after a change   {cold:8.1f} ms   {cold / bare:7.1f} x (target <= {MOST_COLD} ms)"
    )
    print(f"after an append        {appended:8.1f} ms   {appended / bare:7.1f} x")
    print(
        f"warm                   {warm:8.2f} ms   {warm / bare:7.1f} x (target <= {MOST_WARM} ms)"
    )
    print(f"polled by its tag      {poll:8.2f} ms   {poll / bare:7.1f} x")
    print(f"daily means, warm      {daily:8.2f} ms   {daily / bare:7.1f} x")
    print(f"memory                 {used:8.0f} MB")
    for form in FORMS:
        started = time.perf_counter()
        size = len(get(connection, f"/v1/series/jena/observations?format={form}"))
        seconds = time.perf_counter() - started
        print(f"export as {form:8}     {seconds * 1000:8.0f} ms   {size / 1e6:7.1f} MB")
    print(f"memory after exports   {process.memory_info().rss / 1e6:8.0f} MB")
    connection.close()


def after_writes(
    client: httpx2.Client, connection: http.client.HTTPConnection, month: str
) -> tuple[float, str]:
    """The milliseconds of a chart after a write of one row in a month, and the last entity tag."""
    taken, tag = [], ""
    for number in range(COLD_REPEATS):
        row = [f"{month}-{number + 2:02}T00:00:00Z", -50.0 - number]
        body = {"columns": ["time", "T (degC)"], "rows": [row]}
        checked(client.put("/v1/series/jena/observations", json=body))
        milliseconds, tag = timed(connection)
        taken.append(milliseconds)
    return statistics.median(taken), tag


def timed(connection: http.client.HTTPConnection) -> tuple[float, str]:
    """The milliseconds of one chart, and its entity tag."""
    started = time.perf_counter()
    connection.request("GET", CHART)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    taken = (time.perf_counter() - started) * 1000
    if answer.status != HTTPStatus.OK or not 1_000 < len(content["rows"]) <= 2_000:
        sys.exit(f"{CHART}: {answer.status} {str(content)[:200]}")
    return taken, str(answer.headers["ETag"])


def get(
    connection: http.client.HTTPConnection,
    path: str,
    headers: dict[str, str] | None = None,
    expected: HTTPStatus = HTTPStatus.OK,
) -> bytes:
    """The body of an answer with the expected status."""
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != expected:
        sys.exit(f"{path}: {answer.status} {body[:200]!r}")
    return body


if __name__ == "__main__":
    main()
