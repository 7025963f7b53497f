"""Judging a spec: the time and memory of what a hostile spec says, without the series' own."""

import time
import tracemalloc
from typing import Any

import numpy as np
from pydantic import ValidationError

from models.calendars.cadence import Cadence
from models.checks.resolve import SeriesProfile, resolve
from models.errors import SpecError
from models.series import Channel, SeriesData
from models.spec.spec import Spec

ROWS = (600, 1_000_000)
HOUR = np.timedelta64(3_600_000_000, "us")
SPECS: dict[str, dict[str, Any]] = {
    "{}": {},
    "horizon 2**22": {"horizon": 2**22},
    "horizon 12,000,000": {"horizon": 12_000_000},
    "lookback 20,000,000": {"mode": "windowed", "lookback": 20_000_000},
    "lookback 1,000,000,000": {"mode": "windowed", "lookback": 1_000_000_000},
    "10,000 leads": {"leads": list(range(1, 10_001))},
    "5,000 targets": {"targets": [f"t{number}" for number in range(5_000)]},
    "20,000 targets": {"targets": [f"t{number}" for number in range(20_000)]},
    "5,000 differences": {"differences": list(range(5_000))},
    "10 holidays": {"holidays": ["DE", "FR", "IT", "ES", "PL", "US", "IN", "CN", "JP", "BR"]},
    "16 layers of 4,096": {"layers": [{"units": 4096}] * 16, "ensemble": 16},
}


def main() -> None:
    """Print milliseconds and megabytes for each spec."""
    for rows in ROWS:
        profile = _profile(rows)
        began = time.perf_counter()
        profile.layout(Cadence.parse("1h"), Spec().split)
        print(f"{rows} rows, laid out in {1e3 * (time.perf_counter() - began):.1f} ms")
        for name, spec in SPECS.items():
            seconds, size_bytes = _checked(spec, profile)
            print(f"  {name:<24} {1e3 * seconds:8.2f} ms {size_bytes / 1e6:8.2f} MB")


def _checked(fields: dict[str, Any], profile: SeriesProfile) -> tuple[float, int]:
    """Seconds, and in a second run the most bytes at once."""
    began = time.perf_counter()
    _check(fields, profile)
    seconds = time.perf_counter() - began
    tracemalloc.start()
    _check(fields, profile)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak


def _check(fields: dict[str, Any], profile: SeriesProfile) -> None:
    try:
        resolve(Spec.model_validate(fields), profile)
    except (SpecError, ValidationError):
        return


def _profile(rows: int) -> SeriesProfile:
    values = np.random.default_rng(0).normal(size=(rows, 1)).cumsum(axis=0)
    times = np.datetime64("2000-01-01", "us") + np.arange(rows) * HOUR
    data = SeriesData(
        name="s",
        kind="generic",
        channels=(Channel("v"),),
        times=times,
        values=values,
        cadence="1h",
        calendar="continuous",
        timezone="UTC",
    )
    return SeriesProfile.from_data(data)


if __name__ == "__main__":
    main()
