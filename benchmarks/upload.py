"""The whole upload request of the Jena file against `pandas.read_csv`."""

import statistics
import time

import pandas as pd

from benchmarks.service import JENA, databases, web
from examples.running import checked

REPEATS = 5
DATE_FORMAT = "%d.%m.%Y %H:%M:%S"


def main() -> None:
    """Print the times on both databases, their ratios and the rows per second."""
    if not JENA.exists():
        print("the Jena file is absent: nothing measured")
        return
    for name, url in databases():
        measure(name, url)


def measure(name: str, url: str) -> None:
    """Upload and read with pandas in turn, so that whatever else happens meets both."""
    content = JENA.read_bytes()
    pandas, uploads, rows = [], [], 0
    with web(url) as (client, _):
        for number in range(REPEATS + 1):
            pandas.append(read_with_pandas())
            started = time.perf_counter()
            query = {"create": "true", "kind": "climate"}
            path = f"/v1/series/jena{number}/uploads"
            rows = checked(client.post(path, params=query, content=content))["rows_read"]
            uploads.append(time.perf_counter() - started)
    ratio = statistics.median(
        one / other for one, other in zip(uploads[1:], pandas[1:], strict=True)
    )
    seconds = statistics.median(uploads[1:])
    print(f"{name}")
    print(f"  pandas.read_csv, dates parsed  {statistics.median(pandas[1:]):6.2f} s")
    print(f"  upload, whole request          {seconds:6.2f} s (first {uploads[0]:.2f} s)")
    print(f"  ratio                          {ratio:6.2f} (target <= 2)")
    print(f"  rows per second                {rows / seconds:8.0f} (target > 100000)")


def read_with_pandas() -> float:
    """Seconds to read the file with its dates parsed."""
    started = time.perf_counter()
    pd.read_csv(JENA, parse_dates=["Date Time"], date_format=DATE_FORMAT)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
