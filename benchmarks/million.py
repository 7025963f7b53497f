"""A million rows `time,value` as an upload, against `pandas.read_csv` and against a bare COPY."""

import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import psycopg

from app.db import engine_url
from benchmarks.service import databases, web
from examples.running import checked

ROWS = 1_000_000
REPEATS = 5
PIECE_BYTES = 1024 * 1024
TABLE = "bare_observations"

Measure = Callable[[], float]


def main() -> None:
    """Print the seconds of each, and the ratios of the pairs that ran one after the other."""
    times = np.datetime64("2020-01-01T00:00", "s") + np.arange(ROWS) * np.timedelta64(60, "s")
    walk = np.cumsum(np.random.default_rng(0).normal(size=ROWS)).round(3).tolist()
    moments = np.datetime_as_string(times).tolist()
    lines = (f"{moment}Z,{value}\n" for moment, value in zip(moments, walk, strict=True))
    content = ("time,value\n" + "".join(lines)).encode()
    microseconds = (times.astype(np.int64) * 1_000_000).tolist()
    rows = (f"1\t{at}\t1\t{{{value}}}\n" for at, value in zip(microseconds, walk, strict=True))
    stored = "".join(rows).encode()
    for name, url in databases():
        if name == "SQLite":
            print("SQLite, against pandas.read_csv with dates parsed (target <= 6)")
            compare(url, content, lambda: read_with_pandas(content))
        else:
            with bare_table(url) as copy:
                print("PostgreSQL, against COPY into the same table and key (target <= 1.4)")
                compare(url, content, lambda: copy(stored))


def compare(url: str, content: bytes, measure: Measure) -> None:
    """Upload and the other in turn, so that whatever else happens meets both."""
    uploads, others = [], []
    with web(url) as (client, _):
        for number in range(REPEATS + 1):
            others.append(measure())
            started = time.perf_counter()
            path = f"/v1/series/million{number}/uploads"
            query = {"create": "true", "kind": "generic"}
            report = checked(client.post(path, params=query, content=content))
            uploads.append(time.perf_counter() - started)
            if report["rows_stored"] != ROWS:
                sys.exit(f"stored {report['rows_stored']} of {ROWS} rows")
    ratio = statistics.median(one / two for one, two in zip(uploads[1:], others[1:], strict=True))
    print(f"  the other                      {statistics.median(others[1:]):6.2f} s")
    print(f"  upload, whole request          {statistics.median(uploads[1:]):6.2f} s")
    print(f"  ratio                          {ratio:6.2f}")


def read_with_pandas(content: bytes) -> float:
    """Seconds to read the file with its dates parsed."""
    started = time.perf_counter()
    pd.read_csv(io.BytesIO(content), parse_dates=["time"])
    return time.perf_counter() - started


@contextmanager
def bare_table(url: str) -> Iterator[Callable[[bytes], float]]:
    """A function that copies rows into an empty table with the columns and key of observations."""
    address = engine_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:

        def copy(rows: bytes) -> float:
            connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
            connection.execute(f"CREATE TABLE {TABLE} (LIKE observations INCLUDING ALL)")
            connection.commit()
            started = time.perf_counter()
            with connection.cursor().copy(f"COPY {TABLE} FROM STDIN") as stream:
                for start in range(0, len(rows), PIECE_BYTES):
                    stream.write(rows[start : start + PIECE_BYTES])
            connection.commit()
            return time.perf_counter() - started

        yield copy


if __name__ == "__main__":
    main()
