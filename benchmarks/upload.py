"""Whole upload requests against `pandas.read_csv`, and against a bare COPY on PostgreSQL.

The Jena file, and a million rows `time,value` in ISO form. What is compared runs in turn, so that
whatever else happens meets both.
"""

import io
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import numpy as np
import pandas as pd
import psycopg

from app.db import engine_url
from benchmarks.inputs.service import JENA, databases, web
from examples.running import checked

REPEATS = 5
ROWS = 1_000_000
DATE_FORMAT = "%d.%m.%Y %H:%M:%S"
PIECE_BYTES = 1024 * 1024
TABLE = "bare_observations"

Seconds = Callable[[], float]


@dataclass(frozen=True, slots=True)
class File:
    """A file to upload.

    Args:
        name: Of its series; a number is added.
        kind: Of its series.
        content: Its bytes.
    """

    name: str
    kind: str
    content: bytes


def main() -> None:
    """Print the seconds on both databases, their ratios and the rows per second."""
    file, rows = million()
    for name, url in databases():
        is_sqlite = name == "SQLite"
        print(name)
        with web(url) as (client, _):
            if JENA.exists():
                target = 1.6 if is_sqlite else 1.9
                jena = File("jena", "climate", JENA.read_bytes())
                compare(client, jena, "pandas.read_csv", read_jena, target=target)
            else:
                print("  the Jena file is absent: not measured")
            if is_sqlite:
                compare(client, file, "pandas.read_csv", lambda: read(file.content), target=6)
            else:
                with bare_table(url) as copy:
                    compare(client, file, "bare COPY", lambda: copy(rows), target=1.4)


def million() -> tuple[File, bytes]:
    """A file of a million rows, and the same rows in the text form of COPY."""
    times = np.datetime64("2020-01-01T00:00", "s") + np.arange(ROWS) * np.timedelta64(60, "s")
    walk = np.cumsum(np.random.default_rng(0).normal(size=ROWS)).round(3).tolist()
    moments = np.datetime_as_string(times).tolist()
    microseconds = (times.astype(np.int64) * 1_000_000).tolist()
    lines = (f"{moment}Z,{value}\n" for moment, value in zip(moments, walk, strict=True))
    rows = (f"1\t{at}\t1\t{{{value}}}\n" for at, value in zip(microseconds, walk, strict=True))
    content = "".join(["time,value\n", *lines])
    return File("million", "generic", content.encode()), "".join(rows).encode()


def compare(
    client: httpx2.Client, file: File, other: str, seconds: Seconds, *, target: float
) -> None:
    """Upload a file into a new series and do the other, in turn; the first pair is not counted."""
    uploads, others, rows = [], [], 0
    for number in range(REPEATS + 1):
        others.append(seconds())
        started = time.perf_counter()
        query = {"create": "true", "kind": file.kind}
        path = f"/v1/series/{file.name}{number}/uploads"
        rows = checked(client.post(path, params=query, content=file.content))["rows_stored"]
        uploads.append(time.perf_counter() - started)
    ratio = statistics.median(one / two for one, two in zip(uploads[1:], others[1:], strict=True))
    upload = statistics.median(uploads[1:])
    print(f"  {file.name}, {rows} rows")
    print(f"    {other:28} {statistics.median(others[1:]):6.2f} s")
    print(f"    upload, whole request        {upload:6.2f} s (first {uploads[0]:.2f} s)")
    print(f"    ratio                        {ratio:6.2f} (target <= {target:g})")
    print(f"    rows per second              {rows / upload:8.0f}", flush=True)


def read_jena() -> float:
    """Seconds in which pandas reads the Jena file with its dates parsed."""
    started = time.perf_counter()
    pd.read_csv(JENA, parse_dates=["Date Time"], date_format=DATE_FORMAT)
    return time.perf_counter() - started


def read(content: bytes) -> float:
    """Seconds in which pandas reads a file `time,value` with its dates parsed."""
    started = time.perf_counter()
    pd.read_csv(io.BytesIO(content), parse_dates=["time"])
    return time.perf_counter() - started


@contextmanager
def bare_table(url: str) -> Iterator[Callable[[bytes], float]]:
    """Copies rows into a new table with the columns and the key of the observations."""
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
