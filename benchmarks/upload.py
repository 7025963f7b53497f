"""The whole upload request of the Jena file on SQLite against `pandas.read_csv`."""

import statistics
import time

import pandas as pd

from benchmarks.service import JENA, database, web
from examples.running import checked

REPEATS = 3
DATE_FORMAT = "%d.%m.%Y %H:%M:%S"


def main() -> None:
    """Print both times, their ratio and the rows per second."""
    if not JENA.exists():
        print("the Jena file is absent: nothing measured")
        return
    content = JENA.read_bytes()
    pandas_seconds = statistics.median(read_with_pandas() for _ in range(REPEATS))
    uploads = []
    with database() as url, web(url) as (client, _):
        for number in range(REPEATS):
            started = time.perf_counter()
            query = {"create": "true", "kind": "climate"}
            path = f"/v1/series/jena{number}/uploads"
            report = checked(client.post(path, params=query, content=content))
            uploads.append(time.perf_counter() - started)
    seconds = statistics.median(uploads)
    print(f"pandas.read_csv, dates parsed  {pandas_seconds:6.2f} s")
    print(f"upload, whole request          {seconds:6.2f} s (first {uploads[0]:.2f} s)")
    print(f"ratio                          {seconds / pandas_seconds:6.2f} (target <= 2)")
    print(f"rows per second                {report['rows_read'] / seconds:8.0f}")


def read_with_pandas() -> float:
    """Seconds to read the file with its dates parsed."""
    started = time.perf_counter()
    pd.read_csv(JENA, parse_dates=["Date Time"], date_format=DATE_FORMAT)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
